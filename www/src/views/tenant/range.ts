/** The days of a report, as the address has them: the last so many, or from one to another. */
import type { Query } from "../../lib/router";
import { addDays, DAY, isDate } from "../../lib/time";

export interface Range {
  /** UTC days, both included */
  from: string;
  to: string;
  /** How many days up to today, where that is what was asked for */
  lately: number | null;
}

/** As long as days are kept. */
export const MAX_DAYS = 400;
export const PRESETS = [7, 30, 90, MAX_DAYS] as const;
const DEFAULT_DAYS = 30;

/** What the address says, kept within the days that there are. */
export function rangeOf(query: Query, today: string): Range {
  const { from = "", to = "" } = query;
  if (isDate(from) && isDate(to)) {
    const [first, last] = [from, to].sort() as [string, string];
    const oldest = addDays(today, 1 - MAX_DAYS);
    return { from: clamp(first, oldest, today), to: clamp(last, oldest, today), lately: null };
  }
  const days = Number(query.days);
  const lately = Number.isInteger(days) && days >= 1 && days <= MAX_DAYS ? days : DEFAULT_DAYS;
  return { from: addDays(today, 1 - lately), to: today, lately };
}

/** What the address is to say of the last so many days. */
export function lastDays(days: number): Query {
  return { days: days === DEFAULT_DAYS ? "" : String(days), from: "", to: "" };
}

export function fromTo(from: string, to: string): Query {
  return { days: "", from, to };
}

/** Every day of it, in order. */
export function daysOf({ from, to }: Pick<Range, "from" | "to">): string[] {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY) + 1;
  return Array.from({ length: count }, (_, index) => addDays(from, index));
}

function clamp(date: string, first: string, last: string): string {
  return date < first ? first : date > last ? last : date;
}
