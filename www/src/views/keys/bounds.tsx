/** Until when, and from where, a key may be used. */
import type { Key } from "../../lib/api";
import { listOf } from "../../lib/text";
import { type ErrorOf, TextField } from "../../ui/form";
import { DayField, endOfDay, UntilHint } from "../../ui/reason";

/** As it stands in the form: empty where it has no bounds. */
export interface Bounds {
  lastDay: string;
  networks: string;
}

/** The farthest last day: the API takes five years to the second, and the key works to the end of its last day. */
const MAX_AHEAD = 5 * 365;

/** As it is sent: null where nothing is bounded. */
export function posted({ lastDay, networks }: Bounds): Pick<Key, "expires_at" | "networks"> {
  const list = listOf(networks);
  return { expires_at: endOfDay(lastDay), networks: list.length > 0 ? list : null };
}

interface Props {
  bounds: Bounds;
  onChange: (bounds: Bounds) => void;
  errorOf: ErrorOf;
}

export function LastDayField({ bounds, onChange, errorOf }: Props) {
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

export function NetworksField({ bounds, onChange, errorOf }: Props) {
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
