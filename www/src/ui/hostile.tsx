/** What senders wrote, shown so that it can neither hide nor rearrange itself. */
import type { ComponentChildren } from "preact";

/** Controls, and what turns or hides text without being seen: bidirectional controls, zero widths, line separators. */
const UNSEEN =
  /[\p{Cc}\u{ad}\u{61c}\u{180e}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{e0000}-\u{e007f}]/gu;

/** The text with what cannot be seen written out: `⟨U+202E⟩`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

interface EvidenceProps {
  text: string;
  /** Where in the text the telling part begins and ends, in UTF-16 units */
  telling?: readonly [number, number] | null;
}

/** A `Received` field, its telling part marked. */
export function Evidence({ text, telling }: EvidenceProps) {
  const [start, end] = telling ?? [0, 0];
  const parts: ComponentChildren[] = [visible(text.slice(0, start))];
  if (end > start) parts.push(<mark>{visible(text.slice(start, end))}</mark>);
  parts.push(visible(text.slice(Math.max(start, end))));
  return <code class="evidence">{parts}</code>;
}
