/** A moment: in the reader's zone, in UTC on hover, with a countdown where it matters. */
import { clock, countdown, dateOnly, dateTime, shortDateTime, useNow, utc } from "../lib/time";

interface Props {
  at: string;
  /** `beside` adds a countdown, `only` shows nothing else */
  countdown?: "beside" | "only";
  /** Without this year; `date`: without the time of day; `clock`: that alone */
  short?: boolean | "date" | "clock";
}

export function Time({ at, countdown: shown, short }: Props) {
  const now = useNow();
  const text = inWords(at, short, now);
  return (
    <span class="time">
      <time dateTime={at} title={shown === "only" ? `${text} (${utc(at)})` : utc(at)}>
        {shown === "only" ? countdown(at, now) : text}
      </time>
      {shown === "beside" && " "}
      {shown === "beside" && <span class="countdown">{countdown(at, now)}</span>}
    </span>
  );
}

function inWords(at: string, short: Props["short"], now: Date): string {
  if (short === "clock") return clock(at);
  if (short === "date") return dateOnly(at);
  return short ? shortDateTime(at, now) : dateTime(at);
}
