/** The emergency brake: how far any tenant's decisions go, since when, and its pulling and releasing. */
import { useState } from "preact/hooks";
import { MODES } from "../../domain/words";
import type { Control, Mode } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { Await } from "../../ui/await";
import { FormDialog } from "../../ui/dialog";
import { Choices } from "../../ui/form";
import { StatusLine, useDialogs, type Words } from "../../ui/status";
import { Fact, Time } from "../../ui/text";

export function BrakeSection() {
  const { api, me } = useSession();
  const control = useResource<Control>("control", ({ signal }) =>
    value(api.GET("/v1/control/mode", { signal })),
  );
  const { open, setOpen, words, close, done } = useDialogs<true>(control.reload);
  return (
    <section class="headline brake" aria-label="Emergency brake" aria-busy={control.loading}>
      <Await of={control} what="the emergency brake">
        {(control) => (
          <>
            <State control={control} />
            {rights(me).admin && (
              <p>
                <button
                  type="button"
                  class={control.mode === "enforce" ? "danger" : "primary"}
                  onClick={() => setOpen(true)}
                >
                  {control.mode === "enforce" ? "Pull the emergency brake" : "Change the emergency brake"}
                </button>
              </p>
            )}
            {open && <BrakeDialog control={control} onClose={close} onDone={done} />}
          </>
        )}
      </Await>
      <StatusLine words={words} />
    </section>
  );
}

function State({ control: { mode, updated_at } }: { control: Control }) {
  return (
    <>
      <p class="headline-first">
        {mode === "enforce"
          ? "The emergency brake is off: each tenant's own mode holds."
          : "The emergency brake is on: all mail of all tenants is accepted."}
      </p>
      {mode === "report" && (
        <p>The reports go on, and show what would have happened. No server's clock runs.</p>
      )}
      {mode === "off" && <p>Nothing is recorded. No server's clock runs.</p>}
      <dl class="facts">
        <Fact name="In effect">
          {atMost(mode)}
          {updated_at !== null && (
            <span class="muted">
              , since <Time at={updated_at} countdown="beside" />
            </span>
          )}
        </Fact>
      </dl>
    </>
  );
}

/** `enforce` holds nobody back. */
function atMost(mode: Control["mode"]): string {
  const { name } = MODES[mode];
  return mode === "enforce" ? `${name}: no brake` : mode === "report" ? `${name} at most` : name;
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

interface DialogProps {
  control: Control;
  onClose: () => void;
  onDone: (words: Words) => void;
}

/** Says first what will happen. */
function BrakeDialog({ control, onClose, onDone }: DialogProps) {
  const { api } = useSession();
  const [mode, setMode] = useState<Mode>(control.mode === "enforce" ? "report" : "enforce");
  const same = mode === control.mode;
  const send = async () => {
    await api.PUT("/v1/control/mode", { body: { mode } });
    onDone({ text: DONE[mode] });
  };
  return (
    <FormDialog
      title="Emergency brake"
      deed={PRESS[mode]}
      doing="Sending …"
      disabled={same}
      danger
      send={send}
      onClose={onClose}
    >
      <Choices legend="For all tenants" choices={CHOICES} value={mode} onChoose={setMode} />
      <p class="restraint" aria-live="polite">
        <strong>{same ? "It is like that already." : CONSEQUENCES[mode]}</strong>
      </p>
    </FormDialog>
  );
}
