/**
 * Header fields in JSON, as APIs answer with them: `internetMessageHeaders` of Microsoft Graph, `payload.headers` of
 * Gmail, alone or in a list of messages.
 */

import { Unfit } from "./problem.js";
import { Source } from "./source.js";

/** Octets of JSON */
const MAX_JSON = 16 << 20;
/** Values that are looked at */
const MAX_VALUES = 1_000_000;

interface Pair {
  name: string;
  value: string;
}

/** The header of each message in it; none if it is no JSON. Throws `Unfit`, `Damaged` or `Unreadable`. */
export async function* headersIn(source: Source): AsyncGenerator<Source> {
  const file = await source.whole();
  const headers = jsonHeaders(await file.slice(0, MAX_JSON).text());
  if (headers?.length === 0) throw new Unfit("json");
  for (const header of headers ?? []) yield new Source(new Blob([header]));
}

/** null: it is no JSON. */
function jsonHeaders(text: string): string[] | null {
  // of an answer that was copied in part, a member
  const value = parsed(text) ?? parsed(`{${text.trim().replace(/,$/, "")}}`);
  if (value === null) return null;
  const headers: string[] = [];
  const left: unknown[] = [value];
  for (let count = 0; left.length > 0 && count < MAX_VALUES; count += 1) {
    const one = left.pop();
    if (typeof one !== "object" || one === null) continue;
    const inside = Object.values(one);
    if (inside.length > 0 && inside.every(isPair)) headers.push(inside.map(field).join(""));
    // the first is taken next
    else for (const value of inside.reverse()) left.push(value);
  }
  // parts of a message have fields of their own
  const received = headers.filter((header) => /^received:/im.test(header));
  return received.length > 0 ? received : headers.slice(0, 1);
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function isPair(value: unknown): value is Pair {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    /^[!-9;-~]{1,80}$/.test(value.name) &&
    "value" in value &&
    typeof value.value === "string"
  );
}

function field({ name, value }: Pair): string {
  return `${name}: ${value.replace(/[\r\n]/g, " ")}\n`;
}
