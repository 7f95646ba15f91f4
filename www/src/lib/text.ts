/** Text that is typed. */

/** What stands between blanks and commas. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
