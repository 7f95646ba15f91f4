/** A secret in the one moment in which it is shown. */
import type { ComponentChildren } from "preact";
import { Copy } from "./copy";
import { Dialog } from "./dialog";

interface Props {
  title: string;
  /** What the secret is called */
  label: string;
  text: string;
  onDone: () => void;
  /** What to do with it */
  children: ComponentChildren;
}

export function ShownOnce({ title, label, text, onDone, children }: Props) {
  return (
    <Dialog title={title} onClose={onDone}>
      <p>
        <strong>It is shown this once.</strong> {children}
      </p>
      <Copy label={label} text={text} />
      <p class="actions">
        <button type="button" onClick={onDone}>
          I have copied it
        </button>
      </p>
    </Dialog>
  );
}
