/** JSON to be typed, with the numbers of its lines and what is wrong on each. */
import { useId, useRef } from "preact/hooks";
import type { Flaw } from "./json-lines";

interface Props {
  label: string;
  text: string;
  onChange: (text: string) => void;
  flaws: Flaw[];
  /** What else is wrong with it */
  error?: string | undefined;
}

/** So many are told at once. */
const MAX_TOLD = 5;
const ROWS = 18;

export function JsonEditor({ label, text, onChange, flaws, error }: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n");
  const wrong = new Set(flaws.map(({ line }) => line));
  const isWrong = flaws.length > 0 || error !== undefined;
  const goTo = (line: number) => {
    const element = area.current;
    if (!element) return;
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    element.focus();
    element.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    element.scrollTop = Math.max(0, (line - ROWS / 2) * (element.scrollHeight / lines.length));
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="json">
        <div ref={gutter} class="json-lines" aria-hidden="true">
          {lines.map((_, at) => (
            <div key={at} class={wrong.has(at + 1) ? "wrong" : undefined}>
              {at + 1}
            </div>
          ))}
        </div>
        <textarea
          id={id}
          ref={area}
          rows={ROWS}
          wrap="off"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          aria-invalid={isWrong ? "true" : undefined}
          aria-describedby={isWrong ? `${id}-flaws` : undefined}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <div id={`${id}-flaws`} role="status">
        {flaws.slice(0, MAX_TOLD).map(({ line, text: what }) => (
          <p key={`${line} ${what}`} class="refusal">
            <button type="button" class="quiet" onClick={() => goTo(line)}>
              Line {line}
            </button>{" "}
            {what}
          </p>
        ))}
        {flaws.length > MAX_TOLD && <p class="refusal">And {flaws.length - MAX_TOLD} more.</p>}
        {flaws.length === 0 && error && <p class="refusal">{error}</p>}
      </div>
    </div>
  );
}
