/** What is wrong with a baseline as it is typed, line by line; the rules are the engine's. */
import type { Catalog } from "../../lib/api";
import { type Flaw, isFlaw, lineAt, type Member, membersOf, type Node, readJson } from "./json-lines";

const [MAX_EDITIONS, MAX_LAG_DAYS] = [64, 3650];

/** In the order of their lines; none: it can be stored. */
export function baselineFlaws(text: string, catalog: Catalog): Flaw[] {
  const tree = readJson(text);
  if (isFlaw(tree)) return [tree];
  const flaws: Flaw[] = [];
  const note = (offset: number, what: string) => flaws.push({ line: lineAt(text, offset), text: what });
  checkBaseline(tree, catalog, note);
  return flaws.sort((one, other) => one.line - other.line);
}

type Note = (offset: number, what: string) => void;

function checkBaseline(node: Node, catalog: Catalog, note: Note): void {
  const members = objectOf(node, ["name", "editions"], [], note);
  if (!members) return;
  const name = members.get("name");
  if (name && !(name.type === "string" && /^[a-z0-9_-]{1,63}$/.test(name.value)))
    note(name.offset, "A name has 1 to 63 small letters, digits, hyphens and underscores.");
  const editions = members.get("editions");
  const list = editions && listOf(editions, note);
  if (!editions || !list) return;
  if (list.length < 1 || list.length > MAX_EDITIONS)
    note(editions.offset, `A baseline has 1 to ${MAX_EDITIONS} editions.`);
  const days = new Set<string>();
  for (const edition of list) checkEdition(edition, days, catalog, note);
}

function checkEdition(node: Node, days: Set<string>, catalog: Catalog, note: Note): void {
  const members = objectOf(node, ["effective", "products"], ["unsupported_after_end_of_support"], note);
  if (!members) return;
  const effective = members.get("effective");
  if (effective && !isDay(effective)) note(effective.offset, "A day such as 2026-12-01 belongs here.");
  else if (effective && days.has(effective.value)) note(effective.offset, "Another edition has this day.");
  else if (effective) days.add(effective.value);
  const flag = members.get("unsupported_after_end_of_support");
  if (flag && flag.type !== "boolean") note(flag.offset, "true or false belongs here.");
  const products = members.get("products");
  if (!products) return;
  if (products.type !== "object") {
    note(products.offset, "An object belongs here: products, each with what it requires.");
    return;
  }
  for (const product of membersOf(products)) checkProduct(product, catalog, note);
}

function checkProduct({ name, offset, value }: Member, catalog: Catalog, note: Note): void {
  if (!catalog.products.some((product) => product.name === name))
    note(offset, `The catalog has no product “${name}”.`);
  if (value.type === "string") {
    if (value.value !== "unsupported") note(value.offset, `${REQUIREMENTS} belongs here.`);
    return;
  }
  const [requirement, ...more] = value.type === "object" ? membersOf(value) : [];
  if (!requirement || more.length > 0) {
    note(value.offset, `${REQUIREMENTS} belongs here.`);
  } else if (requirement.name === "minimum") {
    checkMinimum(name, requirement.value, catalog, note);
  } else if (requirement.name === "max_lag_days") {
    const days = requirement.value.value;
    if (!(Number.isInteger(days) && days >= 0 && days <= MAX_LAG_DAYS))
      note(requirement.value.offset, `A whole number of days belongs here, ${MAX_LAG_DAYS} at most.`);
  } else {
    note(requirement.offset, `${REQUIREMENTS} belongs here.`);
  }
}

const REQUIREMENTS = '"unsupported", {"minimum": ["…"]} or {"max_lag_days": 60}';

function checkMinimum(product: string, node: Node, catalog: Catalog, note: Note): void {
  const builds = listOf(node, note);
  if (!builds) return;
  if (builds.length === 0) note(node.offset, "At least one build belongs here.");
  const lanes = new Set<string>();
  for (const build of builds) {
    const parts = build.type === "string" ? partsOf(build.value) : null;
    const release = catalog.releases.find((each) => partsOf(each.build)?.join(".") === parts?.join("."));
    if (!parts) note(build.offset, "A build such as 15.1.2507.61 belongs here.");
    else if (release?.product !== product)
      note(build.offset, `The catalog has no such release of ${product}.`);
    else if (lanes.has(laneOf(parts)))
      note(build.offset, "Another build of this cumulative update is named.");
    if (parts) lanes.add(laneOf(parts));
  }
}

/** Its members by name, if it is an object; what it must have, and what it may. */
function objectOf(node: Node, needs: string[], may: string[], note: Note): Map<string, Node> | null {
  if (node.type !== "object") {
    note(node.offset, "An object in braces belongs here.");
    return null;
  }
  const members = membersOf(node);
  for (const { name, offset } of members)
    if (![...needs, ...may].includes(name)) note(offset, `There is no member “${name}”.`);
  for (const name of needs)
    if (!members.some((member) => member.name === name))
      note(node.offset, `The member “${name}” is missing.`);
  return new Map(members.map(({ name, value }) => [name, value]));
}

function listOf(node: Node, note: Note): Node[] | null {
  if (node.type === "array") return node.children ?? [];
  note(node.offset, "A list in brackets belongs here.");
  return null;
}

function isDay({ type, value }: Node): boolean {
  if (type !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}

function partsOf(build: string): number[] | null {
  return /^\d{1,5}(\.\d{1,5}){1,3}$/.test(build) ? build.split(".").map(Number) : null;
}

/** The cumulative update: all but the last of four parts. */
function laneOf(parts: number[]): string {
  return parts.slice(0, 3).join(".");
}
