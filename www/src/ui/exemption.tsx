/** Exempting a server, changing that, and ending it. */

import { useEffect, useId, useState } from "preact/hooks";
import { rate, reason as reasonOf } from "../domain/words";
import type { Exemption, Server, Servers } from "../lib/api";
import { useSession } from "../lib/auth";
import { value } from "../lib/http";
import { useResource } from "../lib/resource";
import { addDays, dateOf, dateTime, useNow } from "../lib/time";
import { Await } from "./await";
import { ConfirmDialog, Dialog, FormDialog } from "./dialog";
import { ExactInput } from "./form";
import { visible } from "./hostile";
import { DayField, endOfDay, ReasonField, UntilHint } from "./reason";
import type { Words } from "./status";

/** A server as lists and the report have it. */
type Exemptible = Pick<Server, "id" | "name" | "exempt_until" | "stage">;

interface Props<Of> {
  tenant: string;
  server: Of;
  onClose: () => void;
  /** With what was done, to be said where the dialog stood */
  onDone: (words: Words) => void;
}

/** Undefined: the server is chosen in the dialog. */
export function ExemptDialog(props: Props<Exemptible | undefined>) {
  const { server } = props;
  if (server && server.exempt_until !== null) return <Change {...props} server={server} />;
  const title = server ? `Exempt ${visible(server.name)}` : "Exempt a server";
  return <ExemptForm {...props} title={title} before={null} />;
}

/** Begins with the exemption as it is. */
function Change(props: Props<Exemptible>) {
  const { api } = useSession();
  const { tenant, server } = props;
  const title = `Change the exemption of ${visible(server.name)}`;
  const path = { tenant, server: server.id };
  const exemption = useResource<Exemption>(
    `exemption ${tenant} ${server.id}`,
    ({ signal }) =>
      value(api.GET("/v1/tenants/{tenant}/servers/{server}/exemption", { params: { path }, signal })),
    { edited: true },
  );
  if (exemption.value) return <ExemptForm {...props} title={title} before={exemption.value} />;
  return (
    <Dialog title={title} onClose={props.onClose}>
      <Await of={exemption} what="the exemption">
        {() => null}
      </Await>
    </Dialog>
  );
}

/** The farthest last day: the API takes 365 days to the second, and the last day is exempt to its end. */
const MAX_AHEAD = 364;

interface FormProps extends Props<Exemptible | undefined> {
  title: string;
  before: Exemption | null;
}

function ExemptForm({ tenant, server, title, before, onClose, onDone }: FormProps) {
  const { api } = useSession();
  const today = dateOf(useNow());
  const [chosen, setChosen] = useState(server);
  const [reason, setReason] = useState(before?.reason ?? "");
  const [lastDay, setLastDay] = useState(() =>
    before ? dateOf(new Date(Date.parse(before.expires_at) - 1000)) : addDays(today, 30),
  );
  const send = async () => {
    const expires_at = endOfDay(lastDay);
    if (!chosen || expires_at === null) return;
    await api.PUT("/v1/tenants/{tenant}/servers/{server}/exemption", {
      params: { path: { tenant, server: chosen.id } },
      body: { reason: reason.trim(), expires_at },
    });
    onDone({ text: `${visible(chosen.name)} is exempt until ${dateTime(expires_at)}.` });
  };
  return (
    <FormDialog
      title={title}
      deed={before ? "Change the exemption" : "Exempt the server"}
      doing="Saving …"
      disabled={!chosen}
      send={send}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            All mail of an exempt server is accepted, and its clock stands still. Afterwards it goes on where
            it stood.
          </p>
          {!server && <ServerChoice tenant={tenant} chosen={chosen} onChoose={setChosen} />}
          <ReasonField
            reason={reason}
            hint="Why, and what will become of the server. The audit trail keeps it."
            onChange={setReason}
            error={errorOf("reason")}
          />
          <DayField
            label="Last day"
            hint={<UntilHint day={lastDay} words="Until" none="Within a year." />}
            day={lastDay}
            ahead={MAX_AHEAD}
            required
            onChange={setLastDay}
            error={errorOf("expires_at")}
          />
        </>
      )}
    </FormDialog>
  );
}

export function EndExemption({ tenant, server, onClose, onDone }: Props<Exemptible>) {
  const { api } = useSession();
  const { id, stage } = server;
  const name = visible(server.name);
  const send = async () => {
    const params = { path: { tenant, server: id } };
    await api.DELETE("/v1/tenants/{tenant}/servers/{server}/exemption", { params });
    onDone({ text: `${name} is exempt no longer.`, focus: true });
  };
  return (
    <ConfirmDialog
      title={`End the exemption of ${name}?`}
      deed="End it now"
      doing="Ending …"
      send={send}
      onClose={onClose}
    >
      <p>
        {stage
          ? `Its clock goes on at once, in stage ${stage.number}: ${rate(stage)} wherever nothing else holds that back.`
          : "It is not in a stage now: nothing changes for its mail until it is found to be out of date."}
      </p>
    </ConfirmDialog>
  );
}

interface ChoiceProps {
  tenant: string;
  chosen: { id: string } | undefined;
  onChoose: (server: Server) => void;
}

/** So many are offered at once. */
const MAX_OFFERED = 6;
/** A pause in typing after which it is searched, in milliseconds. */
const TYPING = 250;

/** Finds one of a tenant's servers by a part of its name. */
function ServerChoice({ tenant, chosen, onChoose }: ChoiceProps) {
  const { api } = useSession();
  const id = useId();
  const [typed, setTyped] = useState("");
  const [searched, setSearched] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearched(typed.trim()), TYPING);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = { limit: MAX_OFFERED, ...(searched !== "" && { q: searched }) };
  const found = useResource<Servers>(
    `choice ${tenant} ${searched}`,
    ({ signal }) =>
      value(api.GET("/v1/tenants/{tenant}/servers", { params: { path: { tenant }, query }, signal })),
    { keep: true, refresh: false },
  );
  const nothing =
    searched === "" ? "No server has been seen yet." : `No server has “${searched}” in its name.`;
  return (
    <fieldset class="choices">
      <legend>Server</legend>
      <ExactInput
        type="search"
        class="server-search"
        aria-label="Find a server"
        placeholder="a part of its name"
        value={typed}
        onType={setTyped}
      />
      <Await of={found} what="servers">
        {({ items, next }) => (
          <>
            {items.map((server) => (
              <div key={server.id} class="choice">
                <input
                  type="radio"
                  id={`${id}-${server.id}`}
                  name={id}
                  required
                  checked={server.id === chosen?.id}
                  onChange={() => onChoose(server)}
                  aria-describedby={`${id}-${server.id}-meaning`}
                />
                <label for={`${id}-${server.id}`}>{visible(server.name)}</label>
                <p id={`${id}-${server.id}-meaning`} class="hint">
                  {about(server)}
                </p>
              </div>
            ))}
            <p class="hint" role="status">
              {items.length === 0 && nothing}
              {next !== null && `The first ${MAX_OFFERED} are shown: type more of the name to find others.`}
            </p>
          </>
        )}
      </Await>
    </fieldset>
  );
}

/** `out of support, stage 5; exempt already` */
function about({ standing, stage, exempt_until }: Server): string {
  const parts = [standing ? reasonOf(standing) : "standing unknown", stage && `stage ${stage.number}`];
  return `${parts.filter(Boolean).join(", ")}${exempt_until ? "; exempt already" : ""}`;
}
