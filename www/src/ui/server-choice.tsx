/** Finds one of a tenant's servers by a part of its name. */
import { useEffect, useId, useState } from "preact/hooks";
import { reason } from "../domain/words";
import type { Server } from "../lib/api";
import { useSession } from "../lib/auth";
import { type Page, path } from "../lib/http";
import { useLoad } from "../lib/resource";
import { ExactInput } from "./exact-input";
import { visible } from "./hostile";
import { Failure } from "./notice";

interface Props {
  tenant: string;
  chosen: { id: string } | undefined;
  onChoose: (server: Server) => void;
}

/** So many are offered at once. */
const MAX_OFFERED = 6;
/** A pause in typing after which it is searched, in milliseconds. */
const TYPING = 250;

export function ServerChoice({ tenant, chosen, onChoose }: Props) {
  const { api } = useSession();
  const id = useId();
  const [typed, setTyped] = useState("");
  const [searched, setSearched] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearched(typed.trim()), TYPING);
    return () => clearTimeout(timer);
  }, [typed]);
  const { value, error, reload } = useLoad<Page<Server>>(
    (signal) =>
      api.get(path`/v1/tenants/${tenant}/servers`, {
        signal,
        query: { limit: MAX_OFFERED, q: searched || null },
      }),
    [api, tenant, searched],
  );
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
      {value?.items.map((server) => (
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
        {value && (value.items.length === 0 ? nothing(searched) : value.next !== null && MORE)}
      </p>
      {error !== undefined && <Failure error={error} retry={reload} />}
    </fieldset>
  );
}

const MORE = `The first ${MAX_OFFERED} are shown: type more of the name to find others.`;

function nothing(searched: string): string {
  return searched === "" ? "No server has been seen yet." : `No server has “${searched}” in its name.`;
}

/** `out of support, stage 5; exempt already` */
function about({ standing, stage, exempt_until }: Server): string {
  const parts = [standing ? reason(standing) : "standing unknown", stage && `stage ${stage.number}`];
  return `${parts.filter(Boolean).join(", ")}${exempt_until ? "; exempt already" : ""}`;
}
