/**
 * The header of one message out of text as people copy it: below a banner or a dialogue with a server, quoted, indented,
 * with empty lines between its lines, without the blanks before continuation lines, with names and values on lines of
 * their own. Only what is certain is put right; a header that is as it should be comes out as it went in.
 */
import { beginsField } from "./field";

export interface HeaderText {
  /** Its lines, each ended by LF, the first of them a field's */
  text: string;
  /** Lines had to be joined, or freed from what a copy had put in front of them. */
  mended: boolean;
}

/** Levels of `>` that are taken off */
const MAX_QUOTED = 5;
/** Octets of a field's end in which its date is looked for */
const DATE_END = 80;

/** null: there is no field in it. */
export function headerText(text: string): HeaderText | null {
  const given = text
    .replaceAll("\u00a0", " ")
    .split(text.includes("\n") ? "\n" : "\r")
    .map(withoutReturns);
  const lines = withNames(unindented(unquoted(given)));
  const paragraphs = paragraphsOf(lines);
  // what somebody wrote above it has a colon at times, a header without Received several fields
  const isHeader = (least: number) =>
    paragraphs.findIndex((one) => one.some(isReceived) || fields(one) >= least);
  const at = [isHeader(2), isHeader(1)].find((at) => at >= 0);
  const first = paragraphs[at ?? -1];
  if (at === undefined || !first) return null;
  const header = [first.slice(first.findIndex(beginsField)), ...paragraphs.slice(at + 1)];
  const whole = unspaced(header);
  const folded = indented(whole);
  const mended = lines !== given || whole !== header[0] || folded !== whole;
  return { text: `${folded.join("\n")}\n`, mended };
}

function withoutReturns(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === "\r") end -= 1;
  return line.slice(0, end);
}

function isReceived(line: string): boolean {
  return /^received[ \t]*:/i.test(line);
}

function fields(lines: string[]): number {
  return lines.filter(beginsField).length;
}

/** Lines that an answer quotes, if its header is among them. */
function unquoted(lines: string[]): string[] {
  let text = lines;
  for (let level = 0; level < MAX_QUOTED; level += 1) {
    const start = text.findIndex((line) => beginsField(line) || isQuotedField(line));
    if (start < 0 || !isQuotedField(text[start] ?? "")) break;
    const end = text.findIndex((line, at) => at > start && line !== "" && !line.startsWith(">"));
    text = text.slice(start, end < 0 ? undefined : end).map((line) => line.replace(/^> ?/, ""));
  }
  return text;
}

function isQuotedField(line: string): boolean {
  return line.startsWith(">") && beginsField(line.replace(/^[> ]{1,10}/, ""));
}

/** Without the blanks in which all lines begin, or the first alone. */
function unindented(lines: string[]): string[] {
  const first = lines.findIndex((line) => line.trim() !== "");
  const blanks = /^[ \t]{0,80}/.exec(lines[first] ?? "")?.[0] ?? "";
  if (blanks === "" || !beginsField(lines[first]?.trimStart() ?? "")) return lines;
  const all = lines.every((line) => line.startsWith(blanks) || line.trim() === "");
  return lines.map((line, at) => (all || at === first ? line.slice(blanks.length) : line));
}

/** `Received` on a line of its own or in a table's column, where it stands without a colon. */
function withNames(lines: string[]): string[] {
  if (lines.some(isReceived)) return lines;
  const isValue = (text: string) => /^[ \t]*(?:from|by)[ \t]/i.test(text);
  let changed = false;
  const named = lines.map((line, at) => {
    const rest = /^received(?:[ \t]|$)/i.test(line) ? line.slice("received".length) : null;
    if (rest === null || !isValue(rest.trim() === "" ? (lines[at + 1] ?? "") : rest)) return line;
    changed = true;
    return `Received:${rest}`;
  });
  return changed ? named : lines;
}

/** Between empty lines. */
function paragraphsOf(lines: string[]): string[][] {
  const paragraphs: string[][] = [];
  let open = false;
  for (const line of lines) {
    if (line !== "") {
      if (open) paragraphs.at(-1)?.push(line);
      else paragraphs.push([line]);
    }
    open = line !== "";
  }
  return paragraphs;
}

/** The first paragraph; or, if empty lines stand between its lines or fields, all that belong to the header. */
function unspaced(paragraphs: string[][]): string[] {
  const [first = [], ...others] = paragraphs;
  if (fields(first) > 1) return first;
  let field = grown(first[0] ?? "", first.join(" "));
  const end = others.findIndex((lines) => {
    const [line = ""] = lines;
    const another = beginsField(line) && fields(lines) === 1;
    if (!another && (fields(lines) > 0 || !isReceived(field) || isDated(field))) return true;
    field = grown(another ? line : field, lines.join(" "));
    return false;
  });
  const header = others.slice(0, end < 0 ? undefined : end);
  return header.length > 0 ? [first, ...header].flat() : first;
}

/** A line that is no field, below a `Received` field that has no date yet, can only go on with it. */
function indented(lines: string[]): string[] {
  let field = "";
  let changed = false;
  const result = lines.map((line) => {
    const lost = !/^[ \t]/.test(line) && !beginsField(line) && isReceived(field) && !isDated(field);
    field = beginsField(line) ? line : grown(field, line);
    changed ||= lost;
    return lost ? ` ${line}` : line;
  });
  return changed ? result : lines;
}

/** What tells whether a `Received` field has its date, once `more` is added to it. */
function grown(field: string, more: string): string {
  return isReceived(field) ? `Received: ${`${field.slice(-DATE_END)} ${more}`.slice(-2 * DATE_END)}` : field;
}

/** Whether a field has its date, with which a `Received` field ends. */
function isDated(field: string): boolean {
  return /\d:\d\d(?::\d\d)?[ \t]{1,9}(?:[+-]\d{4}|[A-Z]{2,5})(?:[ \t]{0,9}\([^()]{0,40}\))?[ \t]{0,9}$/.test(
    field.slice(-DATE_END),
  );
}
