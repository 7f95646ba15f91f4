/** One hour minute by minute: what becomes of mail in each. Height tells the same as the filling. */
import { timeMinute } from "d3-time";
import { type Span as Minutes, spans } from "../../domain/hour";
import { OUTCOMES, type Outcome } from "../../domain/words";
import type { Action } from "../../lib/api";
import { clock } from "../../lib/time";
import { OutcomeMark } from "../marks";
import { Chart, type Legend } from "./chart";

interface Props {
  /** Of the 60 minutes from `start` on */
  actions: Action[];
  start: Date;
  /** All of it is accepted: it shows what would be */
  would?: boolean;
  /** Marks the minute that is */
  now?: Date;
}

const MINUTE = 60_000;
const ORDER: Action[] = ["reject", "defer", "accept"];
const LEVELS: Record<Action, number> = { accept: 0.22, defer: 0.6, reject: 1 };

export function HourChart({ actions, start, would = false, now }: Props) {
  const at = (minute: number) => start.getTime() + minute * MINUTE;
  const present = now ? Math.floor((now.getTime() - start.getTime()) / MINUTE) : -1;
  const range = { from: at(0), until: at(actions.length) };
  const of = (minute: number) => outcome(actions[minute] ?? "accept", would);
  return (
    <Chart
      class="hour"
      name="Minute of the hour"
      label="The hour, minute by minute"
      spans={actions.map((_, minute) => ({ from: at(minute), until: at(minute + 1) }))}
      range={range}
      resting={present >= 0 && present < actions.length ? present : 0}
      top={1}
      height={50}
      rows={[]}
      ticks={() =>
        (timeMinute.every(15)?.range(start, new Date(range.until)) ?? []).map((quarter) => ({
          at: quarter.getTime(),
          label: clock(quarter),
        }))
      }
      legend={legendOf(actions, start, would)}
      read={(minute) => `${clock(new Date(at(minute)))}: ${OUTCOMES[of(minute)].toLowerCase()}`}
      hint="Point at a minute or tap it to read it."
      help="Arrow keys go from minute to minute."
      onRange={null}
    >
      {({ x, y, fill }) => (
        <>
          {actions.map((action, minute) => {
            const [left, right, high] = [x(at(minute)) + 0.75, x(at(minute + 1)) - 0.75, y(LEVELS[action])];
            return (
              <path
                key={at(minute)}
                class={`bar bar-${of(minute)}`}
                fill={action === "accept" ? "none" : fill(of(minute))}
                d={`M${left} ${y(0)}V${high}H${right}V${y(0)}`}
              />
            );
          })}
          {present >= 0 && present < actions.length && (
            <path class="chart-now" d={`M${x(at(present + 0.5))} ${y(0)}V0`} />
          )}
        </>
      )}
    </Chart>
  );
}

/** `rejected :12–:21 (10 min)` for each action that there is. */
function legendOf(actions: Action[], start: Date, would: boolean): Legend {
  const entry = (action: Action) => (
    <>
      <OutcomeMark outcome={outcome(action, would)} /> {spanWords(spans(actions, action), start)}{" "}
      <span class="muted">{actions.filter((other) => other === action).length} min</span>
    </>
  );
  return { name: "This hour", entries: ORDER.filter((action) => actions.includes(action)).map(entry) };
}

/** `:12–:21`; `all hour` */
function spanWords(found: Minutes[], start: Date): string {
  const minute = (at: number) => `:${clock(new Date(start.getTime() + at * MINUTE)).slice(3)}`;
  return found
    .map(({ first, last, length }) =>
      length >= 60 ? "all hour" : length === 1 ? minute(first) : `${minute(first)}–${minute(last)}`,
    )
    .join(", ");
}

function outcome(action: Action, would: boolean): Outcome {
  return would && action !== "accept" ? `would_${action}` : action;
}
