/** In which order a table stands, and how the address writes it: `name`, `-name` for descending. */

export interface Sort {
  column: string;
  descending: boolean;
}

export function sortOf(text: string | undefined): Sort | null {
  if (!text) return null;
  return text.startsWith("-")
    ? { column: text.slice(1), descending: true }
    : { column: text, descending: false };
}

export function sortText({ column, descending }: Sort): string {
  return `${descending ? "-" : ""}${column}`;
}

/** Ids and times as the API writes them, which need no language's rules. */
export function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
