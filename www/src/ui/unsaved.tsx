/** Keeps the reader from losing what is not saved: asks before the view, the tab or the session is left. */
import { useEffect, useRef, useState } from "preact/hooks";
import { guardLeaving } from "../lib/router";
import { Dialog } from "./dialog";

/** As long as it is used, leaving asks first; `leave` goes on. */
export function useLeaveGuard(ask: (leave: () => void) => void): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    guardLeaving((leave) => latest.current(leave));
    return () => {
      removeEventListener("beforeunload", warn);
      guardLeaving(null);
    };
  }, []);
}

/** Rendered as long as there is something unsaved. */
export function Unsaved() {
  const [leave, setLeave] = useState<(() => void) | undefined>();
  useLeaveGuard((next) => setLeave(() => next));
  if (!leave) return null;
  const stay = () => setLeave(undefined);
  const go = () => {
    guardLeaving(null);
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
