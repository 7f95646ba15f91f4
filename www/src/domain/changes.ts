/** What differs between two JSON values, member by member, for people. */

export interface Change {
  /** `ladder 2, throttle minutes`; empty for the value as a whole */
  member: string;
  /** undefined: it was not there */
  before: string | undefined;
  /** undefined: it is there no more */
  after: string | undefined;
}

/** From this depth on values stand as JSON. */
const MAX_DEPTH = 6;
/** What every entry says in its own columns. */
const SAID = new Set(["id", "created at", "created by"]);

/** Of what is new or gone altogether only what it has, and not what it lacks. */
export function changes(before: unknown, after: unknown): Change[] {
  const found: Change[] = [];
  compare("", before ?? undefined, after ?? undefined, 0, found);
  const whole = before === null || after === null;
  return found.filter(
    (change) => !SAID.has(change.member) && !(whole && (change.after ?? change.before) === NONE),
  );
}

function compare(member: string, before: unknown, after: unknown, depth: number, found: Change[]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  const [old, recent] = [members(before), members(after)];
  // something with members beside something without differs as a whole
  const comparable = (old || before === undefined) && (recent || after === undefined);
  if (!comparable || depth >= MAX_DEPTH) {
    found.push({ member, before: text(before), after: text(after) });
    return;
  }
  for (const name of new Set([...(old?.keys() ?? []), ...(recent?.keys() ?? [])])) {
    compare(below(member, name), old?.get(name), recent?.get(name), depth + 1, found);
  }
}

/** Items are counted as people do, from 1. */
function below(member: string, name: string | number): string {
  if (typeof name === "number") return `${member} ${name + 1}`;
  const words = name.replaceAll("_", " ");
  return member === "" ? words : `${member}, ${words}`;
}

/** Of an object, and of a list of objects; a list of words is one value. */
function members(value: unknown): Map<string | number, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  if (value.length === 0 || value.some((item) => typeof item !== "object")) return undefined;
  return new Map(value.entries());
}

const NONE = "none";

function text(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (value === null || (Array.isArray(value) && value.length === 0)) return NONE;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
