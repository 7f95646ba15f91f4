/** A text to be taken along: shown whole, and copied at a press. */
import { useId, useRef, useState } from "preact/hooks";

export function Copy({ label, text }: { label: string; text: string }) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [said, setSaid] = useState("");
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied.");
    } catch {
      // browsers keep the clipboard from pages without HTTPS
      setSaid("It is marked: copy it with Ctrl+C or ⌘C.");
    }
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="copy">
        <textarea
          id={id}
          ref={field}
          class="code"
          rows={2}
          readOnly
          spellcheck={false}
          value={text}
          onFocus={() => field.current?.select()}
        />
        <button type="button" class="primary" onClick={copy}>
          Copy
        </button>
      </div>
      <p class="hint" role="status">
        {said}
      </p>
    </div>
  );
}
