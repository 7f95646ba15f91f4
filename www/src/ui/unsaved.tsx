/** Keeps the reader from losing what is not saved: asks before the view, the tab or the session is left. */
import { useEffect, useState } from "preact/hooks";
import { keepHere } from "../lib/router";
import { Dialog } from "./dialog";

/** Rendered as long as there is something unsaved. */
export function Unsaved() {
  const [leave, setLeave] = useState<(() => void) | undefined>();
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    keepHere((next) => setLeave(() => next));
    return () => {
      removeEventListener("beforeunload", warn);
      keepHere(null);
    };
  }, []);
  if (!leave) return null;
  const stay = () => setLeave(undefined);
  const go = () => {
    keepHere(null);
    leave();
  };
  return (
    <Dialog title="Leave without saving?" onClose={stay}>
      <p>What you have changed here is not saved, and would be lost.</p>
      <p class="actions">
        <button type="button" class="primary" onClick={stay}>
          Stay here
        </button>
        <button type="button" class="danger" onClick={go}>
          Leave, and lose it
        </button>
      </p>
    </Dialog>
  );
}
