/** JSON as it is typed: what is wrong with its form, and on which lines its values stand. */
import { type Node, type ParseError, parseTree } from "jsonc-parser";

export type { Node };

/** Something wrong on a line, counted from 1. */
export interface Flaw {
  line: number;
  text: string;
}

/** The tree, or what keeps the text from being one. */
export function readJson(text: string): Node | Flaw {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first) return { line: lineAt(text, first.offset), text: WORDS[first.error] ?? "This is not JSON." };
  return tree ?? { line: 1, text: "There is nothing yet." };
}

export function isFlaw(read: Node | Flaw): read is Flaw {
  return "line" in read;
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

export interface Member {
  name: string;
  /** Where the name stands */
  offset: number;
  value: Node;
}

/** Of an object. */
export function membersOf({ children }: Node): Member[] {
  return (children ?? []).flatMap(({ children: [key, value] = [] }) =>
    key && value ? [{ name: String(key.value), offset: key.offset, value }] : [],
  );
}

/** By jsonc-parser's `ParseErrorCode`. */
const WORDS: Record<number, string> = {
  1: "Something here is no JSON.",
  2: "This is no number.",
  3: "A member's name in double quotes belongs here.",
  4: "A value belongs here.",
  5: "A colon belongs here.",
  6: "A comma belongs here.",
  7: "A closing brace } belongs here.",
  8: "A closing bracket ] belongs here.",
  9: "Nothing may follow here.",
  10: "JSON has no comments.",
  12: "This text has no closing quote.",
  14: "This escape is not known.",
  16: "Texts hold no bare control characters.",
};
