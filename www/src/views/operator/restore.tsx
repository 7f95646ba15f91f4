/** Puts an earlier version of the catalog or of a baseline in force again, having shown what it holds. */
import { useState } from "preact/hooks";
import { inForce } from "../../domain/baselines";
import { plural } from "../../domain/words";
import type { Baseline } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { useLoad } from "../../lib/resource";
import { day } from "../../lib/time";
import { Dialog } from "../../ui/dialog";
import { Buttons, Field, useSending } from "../../ui/form";
import { Failure, Loading, Refusal } from "../../ui/notice";
import { Time } from "../../ui/time";
import { contents } from "./catalog";
import { addressOf, type Fact, loadVersion, nameOf, versionName } from "./load";

interface Props {
  fact: Fact;
  onClose: () => void;
  onDone: (version: string) => void;
}

/** So many are kept of each. */
const KEPT = 20;

export function Restore({ fact, onClose, onDone }: Props) {
  const { api } = useSession();
  const versions = candidates(fact.version);
  const [version, setVersion] = useState(versions[0] ?? 1);
  const choose = (text: string) => setVersion(Math.trunc(Number(text)) || 0);
  const { value, error, loading, reload } = useLoad(
    (signal) => loadVersion(api, fact, version, signal),
    [api, version],
  );
  const sending = useSending(async () => {
    const ifMatch = `"${fact.version}"`;
    await api.ask("PUT", addressOf(fact), undefined, { ifMatch, query: { version } });
    onDone(versionName(version));
  });
  const ready = !loading && value?.version === version;
  return (
    <Dialog title={`${nameOf(fact)}: go back`} onClose={onClose}>
      <form onSubmit={sending.submit}>
        <p>{`In force is ${versionName(fact.version)}.`}</p>
        {versions.length > 0 ? (
          <Field label="Go back to">
            {(input) => (
              <select {...input} value={version} onChange={(event) => choose(event.currentTarget.value)}>
                {versions.map((each) => (
                  <option key={each} value={each}>
                    {versionName(each)}
                    {each === fact.version - 1 && each > 0 ? ", the previous one" : ""}
                  </option>
                ))}
              </select>
            )}
          </Field>
        ) : (
          <Field label="Version" hint={`Of what was put there, the newest ${KEPT} are kept.`}>
            {(input) => (
              <input
                {...input}
                type="number"
                min="1"
                required
                value={version}
                onInput={(event) => choose(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <div aria-live="polite" aria-busy={loading}>
          {loading && <Loading what={versionName(version)} />}
          {!loading && value === null && (
            <p class="refusal">There is no such version, or it is kept no more.</p>
          )}
          {ready && value !== undefined && (
            <p>
              {"catalog" in value ? contents(value.catalog) : editions(value.baseline)}
              {value.updated_at !== null && (
                <span class="muted">
                  {" "}
                  Put in force on <Time at={value.updated_at} />.
                </span>
              )}
            </p>
          )}
          {error !== undefined && <Failure error={error} retry={reload} />}
        </div>
        <p>
          All tenants are judged by it within 90 seconds. A server that is out of date already is treated no
          more strictly before its next stage; one that becomes acceptable is free at once.
        </p>
        <Refusal error={sending.error} />
        <Buttons
          deed="Put it in force"
          doing="Going back …"
          busy={sending.busy}
          disabled={!ready}
          danger
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

/** The previous one first, the built-in one last. Before that one none is known by number. */
function candidates(version: number): number[] {
  if (version === 0) return [];
  const earlier = Array.from({ length: KEPT - 1 }, (_, index) => version - 1 - index);
  return [...earlier.filter((each) => each > 0), 0];
}

function editions({ editions }: Baseline): string {
  const current = inForce(editions);
  const told = current ? `; in force is the one of ${day(current.effective)}` : "; none is in force yet";
  return `${plural(editions.length, "edition")}${told}.`;
}
