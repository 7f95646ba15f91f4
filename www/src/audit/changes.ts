/** What differs between two JSON values, member by member, for people. */

export interface Change {
  /** `ladder.stages[2].minutes`; empty for the value as a whole */
  member: string;
  /** undefined: it was not there */
  before: string | undefined;
  /** undefined: it is there no more */
  after: string | undefined;
}

/** From this depth on values stand as JSON. */
const MAX_DEPTH = 6;

export function changes(before: unknown, after: unknown): Change[] {
  const found: Change[] = [];
  compare("", before ?? undefined, after ?? undefined, 0, found);
  return found;
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
    const below = name.startsWith("[") || member === "" ? `${member}${name}` : `${member}.${name}`;
    compare(below, old?.get(name), recent?.get(name), depth + 1, found);
  }
}

/** Of an object, and of a list of objects; a list of words is one value. */
function members(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  if (value.length === 0 || value.some((item) => typeof item !== "object")) return undefined;
  return new Map(value.map((item, at) => [`[${at}]`, item]));
}

function text(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return "none";
  if (Array.isArray(value) && value.length === 0) return "none";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
