/** The emergency brake: how far any tenant's decisions go, and since when. */

import { MODES } from "../../domain/words";
import type { Control } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { useLoad } from "../../lib/resource";
import { useDialogs } from "../../ui/dialog";
import { Failure, Loading } from "../../ui/notice";
import { Said } from "../../ui/said";
import { Time } from "../../ui/time";
import { BrakeDialog } from "./brake-dialog";

export function BrakeSection() {
  const { api, me } = useSession();
  const { value, error, loading, reload } = useLoad<Control>(
    (signal) => api.get("/v1/control/mode", { signal }),
    [api],
  );
  const { open, setOpen, words, close, done } = useDialogs<true>(reload);
  return (
    <section class="headline brake" aria-label="Emergency brake" aria-busy={loading}>
      {value && <State control={value} />}
      {value && rights(me).admin && (
        <p>
          <button
            type="button"
            class={value.mode === "enforce" ? "danger" : "primary"}
            onClick={() => setOpen(true)}
          >
            {value.mode === "enforce" ? "Pull the emergency brake" : "Change the emergency brake"}
          </button>
        </p>
      )}
      <Said words={words} />
      {value === undefined && loading && <Loading what="the emergency brake" />}
      {error !== undefined && <Failure error={error} retry={reload} />}
      {open && value && <BrakeDialog control={value} onClose={close} onDone={done} />}
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
        <div>
          <dt>In effect</dt>
          <dd>
            {atMost(mode)}
            {updated_at !== null && (
              <span class="muted">
                , since <Time at={updated_at} countdown="beside" />
              </span>
            )}
          </dd>
        </div>
      </dl>
    </>
  );
}

/** `enforce` holds nobody back. */
function atMost(mode: Control["mode"]): string {
  const { name } = MODES[mode];
  return mode === "enforce" ? `${name}: no brake` : mode === "report" ? `${name} at most` : name;
}
