/** What a key says about its gateway, so that its requests need not; until when, and from where, it may be used. */
import { CONNECTORS } from "../../domain/connectors";
import type { Key } from "../../lib/api";
import { listOf } from "../../lib/text";
import { Checkbox, type ErrorOf, SelectField, TextField } from "../../ui/form";
import { DayField, endOfDay, UntilHint } from "../../ui/reason";

type Gateway = NonNullable<Key["gateway"]>;

/** As it stands in the form: empty where nothing is said. */
export interface Draft {
  connector: string;
  own_hops: string;
  rspamd_add_headers: boolean;
  postfix_refusals: boolean;
}

export function draftOf(gateway: Key["gateway"]): Draft {
  return {
    connector: gateway?.connector ?? "",
    own_hops: gateway?.own_hops?.toString() ?? "",
    rspamd_add_headers: gateway?.rspamd_add_headers ?? false,
    postfix_refusals: gateway?.postfix_refusals ?? false,
  };
}

/** As it is sent: null where nothing is said. */
export function postedGateway({
  connector,
  own_hops,
  rspamd_add_headers,
  postfix_refusals,
}: Draft): Gateway | null {
  const gateway: Gateway = {};
  if (connector !== "") gateway.connector = connector as keyof typeof CONNECTORS;
  if (own_hops !== "") gateway.own_hops = Number(own_hops);
  if (rspamd_add_headers) gateway.rspamd_add_headers = true;
  if (postfix_refusals) gateway.postfix_refusals = true;
  return Object.keys(gateway).length > 0 ? gateway : null;
}

const CHOICES = [
  { value: "", name: "not said: internet" },
  ...Object.entries(CONNECTORS).map(([value, name]) => ({ value, name })),
];

interface Props {
  draft: Draft;
  onChange: (draft: Draft) => void;
  errorOf: ErrorOf;
}

export function GatewayFields({ draft, onChange, errorOf }: Props) {
  const set = (changes: Partial<Draft>) => onChange({ ...draft, ...changes });
  return (
    <fieldset class="choices">
      <legend>What holds for its requests unless they say otherwise</legend>
      <SelectField
        label="Connector"
        hint="How servers connect to this gateway. Policies say which kinds are in scope: usually on-premises alone."
        error={errorOf("gateway.connector")}
        value={draft.connector}
        options={CHOICES}
        onChoose={(connector) => set({ connector })}
      />
      <TextField
        label="Own Received fields"
        hint="How many the gateway has put on top of the header before it asks: they are skipped. 0 to 16."
        error={errorOf("gateway.own_hops")}
        type="number"
        min="0"
        max="16"
        value={draft.own_hops}
        onType={(own_hops) => set({ own_hops })}
      />
      <Checkbox
        label="rspamd adds the verdict as a header"
        hint="For Postfix's milter_header_checks. Without it, rspamd's own action carries the verdict."
        checked={draft.rspamd_add_headers}
        onChange={(rspamd_add_headers) => set({ rspamd_add_headers })}
      />
      <Checkbox
        label="Postfix's policy service defers"
        hint="Addresses from which no machine of the last 30 days is acceptable, in four minutes of five. Without it, it only reports."
        checked={draft.postfix_refusals}
        onChange={(postfix_refusals) => set({ postfix_refusals })}
      />
    </fieldset>
  );
}

/** As it stands in the form: empty where it has no bounds. */
export interface Bounds {
  lastDay: string;
  networks: string;
}

/** The farthest last day: the API takes five years to the second, and the key works to the end of its last day. */
const MAX_AHEAD = 5 * 365;

/** As it is sent: null where nothing is bounded. */
export function postedBounds({ lastDay, networks }: Bounds): Pick<Key, "expires_at" | "networks"> {
  const list = listOf(networks);
  return { expires_at: endOfDay(lastDay), networks: list.length > 0 ? list : null };
}

interface BoundsProps {
  bounds: Bounds;
  onChange: (bounds: Bounds) => void;
  errorOf: ErrorOf;
}

export function LastDayField({ bounds, onChange, errorOf }: BoundsProps) {
  const { lastDay } = bounds;
  return (
    <DayField
      label="Last day"
      hint={<UntilHint day={lastDay} words="It works until" none="Empty: it works until it is revoked." />}
      day={lastDay}
      ahead={MAX_AHEAD}
      onChange={(day) => onChange({ ...bounds, lastDay: day })}
      error={errorOf("expires_at")}
    />
  );
}

export function NetworksField({ bounds, onChange, errorOf }: BoundsProps) {
  return (
    <TextField
      label="Networks"
      hint="From where alone it may be used, such as 192.0.2.0/24, 2001:db8::/32. Empty: from anywhere."
      error={errorOf("networks")}
      value={bounds.networks}
      onType={(text) => onChange({ ...bounds, networks: text })}
    />
  );
}
