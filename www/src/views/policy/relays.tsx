/** Relays of the operator's own in front of the gateway, whose hops are looked through. */
import { useId, useRef } from "preact/hooks";
import { ExactInput, Wrong } from "../../ui/form";
import type { RelayDraft } from "./draft";
import type { Editing } from "./edit";

const MAX_RELAYS = 64;

export function Relays({ draft, set, errorAt }: Editing) {
  const adding = useRef<HTMLButtonElement>(null);
  const { relays } = draft;
  const edit = (key: number, changes: Partial<RelayDraft>) =>
    set({ relays: relays.map((relay) => (relay.key === key ? { ...relay, ...changes } : relay)) });
  const add = () => {
    const key = Math.max(-1, ...relays.map((relay) => relay.key)) + 1;
    set({ relays: [...relays, { key, host: "", networks: "" }] });
  };
  const remove = (key: number) => {
    set({ relays: relays.filter((relay) => relay.key !== key) });
    // the button that had the focus is gone
    adding.current?.focus();
  };
  return (
    <>
      <p class="muted">
        Relays of your own in front of the gateway: their hops are looked through, where both the name and the
        address are theirs.
      </p>
      {relays.map((relay, at) => (
        <RelayFields
          key={relay.key}
          relay={relay}
          number={at + 1}
          error={errorAt(`trusted_relays[${at}]`)}
          edit={(changes) => edit(relay.key, changes)}
          remove={() => remove(relay.key)}
        />
      ))}
      <p class="actions leading">
        <button ref={adding} type="button" onClick={add} disabled={relays.length >= MAX_RELAYS}>
          Add a relay
        </button>
      </p>
    </>
  );
}

interface RelayProps {
  relay: RelayDraft;
  number: number;
  error: string | undefined;
  edit: (changes: Partial<RelayDraft>) => void;
  remove: () => void;
}

function RelayFields({ relay, number, error, edit, remove }: RelayProps) {
  const id = useId();
  const described = error ? { "aria-invalid": "true" as const, "aria-describedby": id } : {};
  return (
    <fieldset class="relay">
      <legend>Relay {number}</legend>
      <label>
        Its name, or the end of it
        <ExactInput
          class="code"
          required
          placeholder="relay.example.net"
          value={relay.host}
          {...described}
          onType={(text) => edit({ host: text })}
        />
      </label>
      <label>
        Networks that it connects from
        <ExactInput
          class="code"
          required
          placeholder="10.0.0.0/8, 2001:db8::/32"
          value={relay.networks}
          {...described}
          onType={(text) => edit({ networks: text })}
        />
      </label>
      <button type="button" class="quiet" aria-label={`Remove relay ${number}`} onClick={remove}>
        Remove
      </button>
      <Wrong id={id} text={error} />
    </fieldset>
  );
}
