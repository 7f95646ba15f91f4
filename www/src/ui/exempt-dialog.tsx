/** Exempts a server, or changes reason and end of an exemption. */
import { useState } from "preact/hooks";
import type { Exemption } from "../lib/api";
import { useSession } from "../lib/auth";
import { path } from "../lib/http";
import { useLoad } from "../lib/resource";
import { addDays, dateOf, dateTime, useNow } from "../lib/time";
import { Dialog } from "./dialog";
import { Buttons, Field, useSending } from "./form";
import { visible } from "./hostile";
import { Failure, Loading, Refusal } from "./notice";
import { ReasonField } from "./pause-fields";
import type { Words } from "./said";
import { ServerChoice } from "./server-choice";
import { Time } from "./time";

/** A server as lists and the report have it. */
export interface Exemptible {
  id: string;
  name: string;
  exempt_until: string | null;
}

interface Props {
  tenant: string;
  /** Undefined: it is chosen in the dialog */
  server?: Exemptible;
  onClose: () => void;
  /** With what was done, to be said where the dialog stood */
  onDone: (words: Words) => void;
}

export function ExemptDialog(props: Props) {
  const { server } = props;
  const changes = server !== undefined && server.exempt_until !== null;
  const name = server && visible(server.name);
  const title = changes ? `Change the exemption of ${name}` : server ? `Exempt ${name}` : "Exempt a server";
  return (
    <Dialog title={title} onClose={props.onClose}>
      {changes ? <Change {...props} server={server} /> : <ExemptForm {...props} before={null} />}
    </Dialog>
  );
}

/** Begins with the exemption as it is. */
function Change(props: Props & { server: Exemptible }) {
  const { api } = useSession();
  const { tenant, server } = props;
  const { value, error, reload } = useLoad<Exemption>(
    (signal) => api.get(path`/v1/tenants/${tenant}/servers/${server.id}/exemption`, { signal }),
    [api, tenant, server.id],
  );
  if (value) return <ExemptForm {...props} before={value} />;
  return error === undefined ? <Loading what="the exemption" /> : <Failure error={error} retry={reload} />;
}

/** The farthest last day: the API takes 365 days to the second, and the last day is exempt to its end. */
const MAX_AHEAD = 364;

function ExemptForm({ tenant, server, before, onClose, onDone }: Props & { before: Exemption | null }) {
  const { api } = useSession();
  const today = dateOf(useNow());
  const [chosen, setChosen] = useState<Exemptible | undefined>(server);
  const [reason, setReason] = useState(before?.reason ?? "");
  const [lastDay, setLastDay] = useState(() => (before ? lastDayOf(before) : addDays(today, 30)));
  const until = lastDay === "" ? null : `${addDays(lastDay, 1)}T00:00:00Z`;
  const { busy, error, errorOf, submit } = useSending(async () => {
    if (!chosen || until === null) return;
    const body = { reason: reason.trim(), expires_at: until };
    await api.ask("PUT", path`/v1/tenants/${tenant}/servers/${chosen.id}/exemption`, body);
    onDone({ text: `${visible(chosen.name)} is exempt until ${dateTime(until)}.` });
  });
  const known = ["reason", "expires_at"].some((field) => errorOf(field));
  return (
    <form onSubmit={submit}>
      <p>
        All mail of an exempt server is accepted, and its clock stands still. Afterwards it goes on where it
        stood.
      </p>
      {!server && <ServerChoice tenant={tenant} chosen={chosen} onChoose={setChosen} />}
      <ReasonField
        reason={reason}
        hint="Why, and what will become of the server. The audit trail keeps it."
        onChange={setReason}
        error={errorOf("reason")}
      />
      <Field
        label="Last day"
        hint={until ? <>Until {<Time at={until} countdown="beside" />}.</> : "Within a year."}
        error={errorOf("expires_at")}
      >
        {(input) => (
          <input
            {...input}
            type="date"
            required
            min={today}
            max={addDays(today, MAX_AHEAD)}
            value={lastDay}
            onInput={(event) => setLastDay(event.currentTarget.value)}
          />
        )}
      </Field>
      {!known && <Refusal error={error} />}
      <Buttons
        deed={before ? "Change the exemption" : "Exempt the server"}
        doing="Saving …"
        busy={busy}
        disabled={!chosen}
        onCancel={onClose}
      />
    </form>
  );
}

function lastDayOf({ expires_at }: Exemption): string {
  return dateOf(new Date(Date.parse(expires_at) - 1000));
}
