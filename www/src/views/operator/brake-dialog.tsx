/** Pulls or releases the emergency brake, and says first what will happen. */
import { useState } from "preact/hooks";
import type { Control, Mode } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { Dialog } from "../../ui/dialog";
import { Buttons, Choices, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";

interface Props {
  control: Control;
  onClose: () => void;
  onDone: (words: Words) => void;
}

const CHOICES: { value: Mode; name: string; meaning: string }[] = [
  {
    value: "report",
    name: "Accept all mail, go on reporting",
    meaning: "No tenant goes further than report.",
  },
  { value: "off", name: "Accept all mail, record nothing", meaning: "All tenants are off." },
  { value: "enforce", name: "No brake", meaning: "Each tenant's own mode holds." },
];

/** What a press will do, as sentences. */
const CONSEQUENCES: Record<Mode, string> = {
  report:
    "All mail of all tenants is accepted within 90 seconds, and clocks stand still. Reports go on and show what would have happened.",
  off: "All mail of all tenants is accepted within 90 seconds, and clocks stand still. Nothing is recorded: what comes meanwhile is in no report.",
  enforce:
    "Within 90 seconds mail of out-of-date servers is deferred and rejected again, in tenants that enforce. Clocks run on from where they stopped.",
};

const PRESS: Record<Mode, string> = {
  report: "Accept all mail",
  off: "Accept all mail, record nothing",
  enforce: "Release the brake",
};

const DONE: Record<Mode, string> = {
  report: "The brake is pulled: all mail is accepted within 90 seconds.",
  off: "The brake is pulled: all mail is accepted, and nothing recorded, within 90 seconds.",
  enforce: "The brake is released: each tenant's own mode holds within 90 seconds.",
};

export function BrakeDialog({ control, onClose, onDone }: Props) {
  const { api } = useSession();
  const [mode, setMode] = useState<Mode>(control.mode === "enforce" ? "report" : "enforce");
  const { busy, error, submit } = useSending(async () => {
    await api.ask("PUT", "/v1/control/mode", { mode });
    onDone({ text: DONE[mode] });
  });
  const same = mode === control.mode;
  return (
    <Dialog title="Emergency brake" onClose={onClose}>
      <form onSubmit={submit}>
        <Choices legend="For all tenants" choices={CHOICES} value={mode} onChoose={setMode} />
        <p class="restraint" aria-live="polite">
          <strong>{same ? "It is like that already." : CONSEQUENCES[mode]}</strong>
        </p>
        <Refusal error={error} />
        <Buttons deed={PRESS[mode]} doing="Sending …" busy={busy} disabled={same} danger onCancel={onClose} />
      </form>
    </Dialog>
  );
}
