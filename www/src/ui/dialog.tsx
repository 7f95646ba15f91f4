/** A modal dialog: the browser's own, with its focus trap and Escape. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Words } from "./said";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

/** Open as long as it is rendered. */
export function Dialog({ title, onClose, children, wide }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby={titleId}
      onCancel={cancel}
    >
      <header class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** Which of a view's dialogs is open, and what the last one says was done; then `reload` runs. */
export function useDialogs<Open>(reload: () => void) {
  const [open, setOpen] = useState<Open | undefined>();
  const [words, setWords] = useState<Words | undefined>();
  const close = () => setOpen(undefined);
  const done = (said: Words) => {
    close();
    setWords(said);
    reload();
  };
  return { open, setOpen, words, close, done };
}
