/** Where in a `Received` field the part lies that tells. */

/** Its beginning and end in `received`; `null` if it is not there. Blanks and folds may differ. */
export function find(text: string, received: string): [number, number] | null {
  const words = text.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const found = new RegExp(words.map(literally).join("\\s+")).exec(received);
  return found && [found.index, found.index + found[0].length];
}

function literally(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
