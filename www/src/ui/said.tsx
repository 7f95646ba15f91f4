/** One line on what was just done, which screen readers say as well. */
import { useEffect, useRef } from "preact/hooks";

export interface Words {
  text: string;
  /** The focus moves here: what had it is gone */
  focus?: boolean;
}

/** Stands in the document from the start, so that readers notice its words. */
export function Said({ words }: { words: Words | undefined }) {
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
