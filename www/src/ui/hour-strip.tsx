/**
 * One hour minute by minute: what becomes of mail in each. Height tells the same as colour; the reading line and the list of
 * spans tell it in words. Minutes are pointed at with the mouse or the arrow keys.
 */
import { useState } from "preact/hooks";
import { type Span, spans } from "../domain/hour";
import { OUTCOMES, type Outcome } from "../domain/words";
import type { Action } from "../lib/api";
import { clock } from "../lib/time";
import { OutcomeMark } from "./marks";

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

export function HourStrip({ actions, start, would = false, now }: Props) {
  const [pointed, setPointed] = useState<number | null>(null);
  const at = (minute: number) => new Date(start.getTime() + minute * MINUTE);
  const present = now ? Math.floor((now.getTime() - start.getTime()) / MINUTE) : -1;
  const resting = present >= 0 && present < actions.length ? present : 0;
  const shown = pointed ?? resting;
  const read = (minute: number) =>
    `${clock(at(minute))}: ${OUTCOMES[outcome(actions[minute] ?? "accept", would)].toLowerCase()}`;
  const press = (event: KeyboardEvent) => {
    const next = { ArrowLeft: shown - 1, ArrowRight: shown + 1, Home: 0, End: actions.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setPointed(Math.min(Math.max(next, 0), actions.length - 1));
  };
  return (
    <figure class="hour">
      <HourSpans actions={actions} start={start} would={would} />
      <div
        class="hour-strip"
        role="slider"
        tabIndex={0}
        aria-label="Minute of the hour"
        aria-valuemin={0}
        aria-valuemax={actions.length - 1}
        aria-valuenow={shown}
        aria-valuetext={read(shown)}
        onKeyDown={press}
        onBlur={() => setPointed(null)}
        onPointerLeave={() => setPointed(null)}
      >
        {actions.map((action, minute) => (
          <span
            // minutes of an hour, always the same ones
            key={minute}
            class={`minute minute-${outcome(action, would)}`}
            data-pointed={minute === pointed || undefined}
            data-now={minute === present || undefined}
            onPointerEnter={() => setPointed(minute)}
          >
            {minute % 15 === 0 && <span class="minute-name">{clock(at(minute))}</span>}
          </span>
        ))}
      </div>
      <figcaption class="stages-reading">
        {pointed !== null ? read(pointed) : <span class="muted">Point at a minute to read it.</span>}
      </figcaption>
    </figure>
  );
}

/** `rejected :12–:21 (10 min)` for each action that there is. */
function HourSpans({ actions, start, would }: { actions: Action[]; start: Date; would: boolean }) {
  const present = ORDER.filter((action) => actions.includes(action));
  return (
    <ul class="stages-legend" aria-label="This hour">
      {present.map((action) => {
        const count = actions.filter((other) => other === action).length;
        const mark = outcome(action, would);
        return (
          <li key={action}>
            <OutcomeMark outcome={mark} /> {spanWords(spans(actions, action), start)}{" "}
            <span class="muted">{count} min</span>
          </li>
        );
      })}
    </ul>
  );
}

/** `:12–:21`; `all hour` */
export function spanWords(found: Span[], start: Date): string {
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
