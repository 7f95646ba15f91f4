/** The texts of replies with their placeholders, checked and filled as the engine does it. */

/** Octets of a text, its codes not counted. */
export const MAX_TEXT = 400;

export const PLACEHOLDERS = [
  "operator",
  "help_url",
  "n",
  "server",
  "build",
  "required",
  "stage",
  "next_change",
  "retry_after",
] as const;

export type Values = Record<(typeof PLACEHOLDERS)[number], string | null>;

/** Of printable ASCII, what no mail server expands or splits at. */
const PRINTABLE = /^[ -$&-{}~]*$/;

/** What is wrong with a text that goes into a reply, if anything is. */
export function textFault(text: string, most: number): string | undefined {
  if (text.length >= 1 && text.length <= most && PRINTABLE.test(text)) return undefined;
  return `Give 1 to ${most} printable ASCII characters without % and |.`;
}

export function templateFault(template: string): string | undefined {
  const fault = textFault(template, MAX_TEXT);
  if (fault) return fault;
  const rest = template.replaceAll(new RegExp(`\\{(${PLACEHOLDERS.join("|")})\\}`, "g"), "");
  return /[{}]/.test(rest) ? "Braces enclose one of the placeholders beneath." : undefined;
}

/** The text that `template` gives; `fallback` stands for one of which nothing is left. */
export function fill(template: string, fallback: string, values: Values): string {
  const text = filled(template, values);
  return text.trim() === "" ? filled(fallback, values) : text;
}

function filled(template: string, values: Values): string {
  let out = "";
  let ended = false;
  const add = (text: string) => {
    out = (out + text.replaceAll(/[^ -$&-{}~]/g, "")).slice(0, MAX_TEXT);
  };
  for (const piece of template.split("}")) {
    const [before = "", name] = piece.split("{");
    let text: string = ended && before.startsWith(".") ? before.slice(1) : before;
    const missing: boolean = name === "help_url" && values.help_url === null;
    // a sentence that ends in an address that is not there is left out
    if (missing) text = text.slice(0, Math.max(0, text.lastIndexOf(". ")));
    ended = missing && text !== "";
    add(text);
    if (ended) add(".");
    else add(values[name as keyof Values] ?? "");
  }
  return out;
}
