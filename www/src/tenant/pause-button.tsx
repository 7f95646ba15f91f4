/** The way to a pause, for who may: begins one, or leads to the one that is running. */
import { useState } from "preact/hooks";
import { href } from "../route";
import { Part } from "../ui/part";
import { Said, type Words } from "../ui/said";

interface Props {
  tenant: string;
  paused: boolean;
  onPaused: () => void;
}

export function PauseButton({ tenant, paused, onPaused }: Props) {
  const [open, setOpen] = useState(false);
  const [words, setWords] = useState<Words | undefined>();
  const close = () => setOpen(false);
  const done = (said: Words) => {
    close();
    setWords(said);
    onPaused();
  };
  return (
    <div class="pause-button">
      {paused ? (
        <a class="button" href={href({ view: "tenant", tenant, tab: "pauses" })}>
          Change or end the pause
        </a>
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          Pause enforcement
        </button>
      )}
      <Said words={words} />
      {open && <Part load={dialog} props={{ tenant, onClose: close, onDone: done }} />}
    </div>
  );
}

const dialog = () => import("../settings/pause-dialog").then((part) => part.PauseDialog);
