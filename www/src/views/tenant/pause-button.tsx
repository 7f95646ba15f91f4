/** The way to a pause, for who may: begins one, or leads to the one that is running. */
import { href } from "../../lib/router";
import { useDialogs } from "../../ui/dialog";
import { Part } from "../../ui/part";
import { Said, type Words } from "../../ui/said";

interface Props {
  tenant: string;
  paused: boolean;
  onPaused: () => void;
}

export function PauseButton({ tenant, paused, onPaused }: Props) {
  const { open, setOpen, words, close, done } = useDialogs<true>(onPaused);
  // the button gives way to a link
  const onDone = (words: Words) => done({ ...words, focus: true });
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
      {open && <Part load={dialog} props={{ tenant, onClose: close, onDone }} />}
    </div>
  );
}

const dialog = () => import("../../ui/pause-dialog").then((part) => part.PauseDialog);
