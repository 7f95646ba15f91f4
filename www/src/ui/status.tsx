/** What was just done, and which of a view's dialogs is open. */
import { useEffect, useRef, useState } from "preact/hooks";

export interface Words {
  text: string;
  /** The focus moves here: what had it is gone */
  focus?: boolean;
}

/** One line on what was just done; it stands in the document from the start, so that screen readers notice its words. */
export function StatusLine({ words }: { words: Words | undefined }) {
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (words?.focus) line.current?.focus();
  }, [words]);
  return (
    <p ref={line} class="said" role="status" tabIndex={-1}>
      {words?.text}
    </p>
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
