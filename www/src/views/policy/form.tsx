/** The members of a policy as fields, in the order in which one thinks of them. */

import { CONNECTORS } from "../../domain/connectors";
import { MODES } from "../../domain/words";
import type { Connector } from "../../lib/api";
import { Checkbox, CheckboxGroup, Choices, TextField, Wrong } from "../../ui/form";
import { LadderEditor } from "../../ui/ladder-editor";
import { AdminFields } from "./admin";
import { BaselineField } from "./baseline";
import type { Editing } from "./edit";
import { Relays } from "./relays";
import { ReplyFields } from "./replies";
import type { PolicyPage } from "./view";
import { Waves } from "./waves";

interface Props extends Editing {
  page: PolicyPage;
  admin: boolean;
}

export function PolicyForm({ page, admin, ...editing }: Props) {
  const { draft, set, errorAt } = editing;
  const begun = page.stored.policy.ladder;
  return (
    <>
      <h2>What happens to mail</h2>
      <Choices legend="Mode" choices={MODE_CHOICES} value={draft.mode} onChoose={(mode) => set({ mode })} />
      <CheckboxGroup
        legend="Scope"
        hint="How servers hand their mail over. Mail that comes in another way is only reported."
        choices={SCOPE}
        chosen={draft.scope}
        onChange={(scope) => set({ scope })}
        error={errorAt("scope")}
      />
      <TextField
        label="Always accepted"
        hint="Local parts, with blanks between them. A message to these alone is accepted whatever its server, so that a blocked administrator can write."
        error={errorAt("always_accept")}
        class="code"
        value={draft.alwaysAccept}
        onType={(text) => set({ alwaysAccept: text })}
      />
      <h2>What is required</h2>
      <BaselineField page={page} {...editing} />
      <h3>From when on a product is enforced</h3>
      <Waves products={page.catalog.products} {...editing} />
      <h2>The ladder</h2>
      <p class="muted">
        How long a server stays out of date in each stage, and for how many minutes of every hour its mail is
        deferred and rejected then. No running clock becomes stricter at once by a change.
      </p>
      <LadderEditor ladder={draft.ladder ?? begun} onChange={(ladder) => set({ ladder })} />
      <Wrong text={errorAt("ladder")} />
      <h2>Replies</h2>
      <ReplyFields {...editing} />
      <h2>Trusted relays</h2>
      <Relays {...editing} />
      <Checkbox
        label="Enforce behind relays too"
        hint="Mail that is refused there fills the relay's own queue. Otherwise it is only reported."
        checked={draft.behindRelays}
        onChange={(behindRelays) => set({ behindRelays })}
      />
      <h2>What the tenant's own operators may do</h2>
      <AdminFields admin={admin} {...editing} />
    </>
  );
}

const MODE_CHOICES = (["off", "report", "enforce"] as const).map((value) => ({ value, ...MODES[value] }));

const SCOPE: { value: Connector; name: string; meaning: string }[] = [
  {
    value: "on_premises",
    name: capital(CONNECTORS.on_premises),
    meaning: "The tenant's own servers, known by their connector.",
  },
  {
    value: "partner",
    name: capital(CONNECTORS.partner),
    meaning: "Servers of partners, told apart by name and address.",
  },
  { value: "internet", name: capital(CONNECTORS.internet), meaning: "Everybody else's servers." },
];

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
