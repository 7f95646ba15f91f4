/** Times as people read them: absolute, in the reader's zone, with a countdown beside them. */
import { useEffect, useState } from "preact/hooks";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-GB", options);
const inZone = {
  date: format(DATE),
  day: format({ day: "numeric", month: "short" }),
  month: format({ month: "short", year: "numeric" }),
  weekday: format({ weekday: "short", ...DATE }),
  clock: format(CLOCK),
};
const inUtc = format({ ...DATE, ...CLOCK, timeZone: "UTC" });
const utcDate = format({ ...DATE, timeZone: "UTC" });
const utcWeekday = format({ weekday: "short", ...DATE, timeZone: "UTC" });
const utcDay = format({ day: "numeric", month: "short", timeZone: "UTC" });

/** The reader's zone, such as `Europe/Berlin`. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `1 Dec 2026, 08:15` */
export function dateTime(at: Date | string): string {
  const date = new Date(at);
  return `${inZone.date.format(date)}, ${inZone.clock.format(date)}`;
}

/** `1 Dec 2026`, the reader's day */
export function dateOnly(at: Date | string): string {
  return inZone.date.format(new Date(at));
}

/** `1 Dec 08:15`, with the year where it is not this one's */
export function shortDateTime(at: Date | string, now: Date): string {
  const date = new Date(at);
  const day = date.getFullYear() === now.getFullYear() ? inZone.day : inZone.date;
  return `${day.format(date)} ${inZone.clock.format(date)}`;
}

/** `Tue, 1 Dec 2026`, the reader's day */
export function weekdayOnly(at: Date | string): string {
  return inZone.weekday.format(new Date(at));
}

/** `08:15` */
export function clock(at: Date | string): string {
  return inZone.clock.format(new Date(at));
}

/** `1 Dec` */
export function shortDate(at: Date | string): string {
  return inZone.day.format(new Date(at));
}

/** `Dec 2026` */
export function monthName(at: Date | string): string {
  return inZone.month.format(new Date(at));
}

/** `1 Dec 2026, 07:15 UTC` */
export function utc(at: Date | string): string {
  return `${inUtc.format(new Date(at))} UTC`;
}

/** A whole UTC day such as `2026-12-01`, which is the same everywhere. */
export function day(date: string): string {
  return utcDate.format(new Date(`${date}T00:00:00Z`));
}

/** The same with its weekday: `Tue, 1 Dec 2026` */
export function weekday(date: string): string {
  return utcWeekday.format(new Date(`${date}T00:00:00Z`));
}

/** The same without the year. */
export function shortDay(date: string): string {
  return utcDay.format(new Date(`${date}T00:00:00Z`));
}

/** The UTC day of a moment, as the API writes it. */
export function dateOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** A moment as inputs of date and time hold it, in the reader's zone: `2026-12-01T08:15` */
export function localInput(at: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  // who types a year is in the first century for a moment
  const date = `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `null` while it is not filled in. */
export function readLocalInput(text: string): Date | null {
  const at = new Date(text);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) && !Number.isNaN(at.getTime()) ? at : null;
}

/** Whether it is a day as the API writes it. */
export function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at.getTime()) && dateOf(at) === text;
}

export function addDays(date: string, days: number): string {
  return dateOf(new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY));
}

/** `in 5 days`, `in 1 day 3 h` while it is less than two days; what is past in one unit: `2 h ago`. */
export function countdown(at: Date | string, now: Date): string {
  const away = new Date(at).getTime() - now.getTime();
  if (Math.abs(away) < MINUTE) return "now";
  if (away > 0) return `in ${duration(away)}`;
  const unit = -away < HOUR ? MINUTE : -away < DAY ? HOUR : DAY;
  return `${duration(-away - (-away % unit))} ago`;
}

/** A length of time in milliseconds, in one unit or two. */
export function duration(length: number): string {
  const minutes = Math.floor(length / MINUTE);
  const [days, hours] = [Math.floor(length / DAY), Math.floor((length % DAY) / HOUR)];
  if (minutes < 60) return `${minutes} min`;
  if (days < 1) return `${hours} h${hours < 6 && minutes % 60 > 0 ? ` ${minutes % 60} min` : ""}`;
  if (days < 2) return `${days} day${hours > 0 ? ` ${hours} h` : ""}`;
  return `${days} days`;
}

/** A length of time in milliseconds, to the minute: `2 days 12 h`. */
export function exactDuration(length: number): string {
  const [days, hours] = [Math.floor(length / DAY), Math.floor((length % DAY) / HOUR)];
  const minutes = Math.floor((length % HOUR) / MINUTE);
  const parts = [
    days > 0 && `${days} day${days === 1 ? "" : "s"}`,
    hours > 0 && `${hours} h`,
    minutes > 0 && `${minutes} min`,
  ];
  return parts.filter(Boolean).join(" ") || "0 min";
}

/** Who is told when the present moves. */
const watchers = new Set<(now: Date) => void>();
setInterval(() => {
  const now = new Date();
  for (const tell of watchers) tell(now);
}, 30_000);

/** The present, which moves on every half minute, everywhere at once. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    watchers.add(setNow);
    return () => {
      watchers.delete(setNow);
    };
  }, []);
  return now;
}
