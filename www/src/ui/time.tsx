/** A moment: in the reader's zone, in UTC on hover, with a countdown where it matters. */
import { countdown, dateOnly, dateTime, shortDateTime, useNow, utc } from "../time";

interface Props {
  at: string;
  /** `beside` adds a countdown, `only` shows nothing else */
  countdown?: "beside" | "only";
  /** Without this year; `date`: without the time of day */
  short?: boolean | "date";
}

export function Time({ at, countdown: shown, short }: Props) {
  const now = useNow();
  const text = short === "date" ? dateOnly(at) : short ? shortDateTime(at, now) : dateTime(at);
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
