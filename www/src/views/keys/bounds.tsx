/** Until when, and from where, a key may be used. */
import type { Key } from "../../lib/api";
import { listOf } from "../../lib/text";
import { addDays, dateOf, useNow } from "../../lib/time";
import { ExactInput } from "../../ui/exact-input";
import { Field } from "../../ui/form";
import { Time } from "../../ui/time";

/** As it stands in the form: empty where it has no bounds. */
export interface Bounds {
  lastDay: string;
  networks: string;
}

export const UNBOUNDED: Bounds = { lastDay: "", networks: "" };

/** The farthest last day: the API takes five years to the second, and the key works to the end of its last day. */
const MAX_AHEAD = 5 * 365;

/** As it is sent: null where nothing is bounded. */
export function posted({ lastDay, networks }: Bounds): Pick<Key, "expires_at" | "networks"> {
  const list = listOf(networks);
  return { expires_at: endOf(lastDay), networks: list.length > 0 ? list : null };
}

/** The end of a day, UTC. */
function endOf(day: string): string | null {
  return day === "" ? null : `${addDays(day, 1)}T00:00:00Z`;
}

interface Props {
  bounds: Bounds;
  onChange: (bounds: Bounds) => void;
  errorOf: (field: string) => string | undefined;
}

export function LastDayField({ bounds, onChange, errorOf }: Props) {
  const today = dateOf(useNow());
  const until = endOf(bounds.lastDay);
  return (
    <Field
      label="Last day"
      hint={
        until ? (
          <>It works until {<Time at={until} countdown="beside" />}.</>
        ) : (
          "Empty: it works until it is revoked."
        )
      }
      error={errorOf("expires_at")}
    >
      {(input) => (
        <input
          {...input}
          type="date"
          min={today}
          max={addDays(today, MAX_AHEAD)}
          value={bounds.lastDay}
          onInput={(event) => onChange({ ...bounds, lastDay: event.currentTarget.value })}
        />
      )}
    </Field>
  );
}

export function NetworksField({ bounds, onChange, errorOf }: Props) {
  return (
    <Field
      label="Networks"
      hint="From where alone it may be used, such as 192.0.2.0/24, 2001:db8::/32. Empty: from anywhere."
      error={errorOf("networks")}
    >
      {(input) => (
        <ExactInput
          {...input}
          value={bounds.networks}
          onType={(text) => onChange({ ...bounds, networks: text })}
        />
      )}
    </Field>
  );
}
