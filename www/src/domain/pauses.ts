/** Days of pauses, reckoned as the API does: whole UTC days, each counted once, in the year in which it falls. */
import type { Budget, Pause } from "../lib/api";
import { addDays, dateOf, day, shortDay } from "../lib/time";

/** The longest pause, and how far ahead one may begin. */
export const MAX_DAYS = 366;

/** All that is known of a tenant's pauses. */
export interface PauseBook {
  /** Newest first */
  pauses: Pause[];
  budget: Budget;
}

/** Days that a pause lasts, or would. */
export interface Span {
  first: string;
  days: number;
}

export interface YearCost {
  year: number;
  /** Days that the budget has left */
  left: number;
  /** Days taken from it, fewer than 0 where they come back */
  takes: number;
}

/** `25 Dec – 29 Dec 2026` */
export function daysText({ first_day, last_day }: Pick<Pause, "first_day" | "last_day">): string {
  if (first_day === last_day) return day(first_day);
  const sameYear = yearOf(first_day) === yearOf(last_day);
  return `${sameYear ? shortDay(first_day) : day(first_day)} – ${day(last_day)}`;
}

export function lastDay({ first, days }: Span): string {
  return addDays(first, days - 1);
}

/** The moment at which clocks run again. */
export function endOf(span: Span): string {
  return `${addDays(span.first, span.days)}T00:00:00Z`;
}

/**
 * What `span` would take from each year's budget: this year, the next, and others that it touches. In place of the
 * pause with the id `changed`, if there is one.
 */
export function costs({ pauses, budget }: PauseBook, span: Span | null, changed?: string): YearCost[] {
  const before = countByYear(pauses.flatMap(touched));
  const others = pauses.filter(({ id }) => id !== changed).flatMap(touched);
  const after = countByYear([...others, ...(span ? daysOf(span) : [])]);
  const years = new Set([...budget.years.map(({ year }) => year), ...(span ? yearsOf(span) : [])]);
  return [...years].sort().map((year) => ({
    year,
    left:
      budget.years.find((each) => each.year === year)?.left ??
      Math.max(0, budget.days_per_year - (before.get(year) ?? 0)),
    takes: (after.get(year) ?? 0) - (before.get(year) ?? 0),
  }));
}

/** The other pause that `span` would overlap, if it begins at `from`. */
export function overlapped(
  { pauses }: PauseBook,
  span: Span,
  from: string,
  changed?: string,
): Pause | undefined {
  const end = endOf(span);
  return pauses.find((other) => other.id !== changed && later(other.from, from) < earlier(other.until, end));
}

export function isOver({ left, takes }: YearCost): boolean {
  return takes > 0 && takes > left;
}

/** What ending a pause now leaves of it: the days that have begun. */
export function begunOf({ first_day }: Pause, now: Date): Span | null {
  const today = dateOf(now);
  if (first_day > today) return null;
  let days = 1;
  while (addDays(first_day, days) <= today) days += 1;
  return { first: first_day, days };
}

/** The days that a pause has touched or will touch: one that was withdrawn none, and none that began as it ended. */
function touched({ first_day, from, until }: Pause): string[] {
  const [begins, ends] = [Date.parse(from), Date.parse(until)];
  if (ends <= begins) return [];
  const last = dateOf(new Date(ends - 1));
  const days = [];
  for (let day = first_day; day <= last; day = addDays(day, 1)) days.push(day);
  return days;
}

function later(one: string, other: string): number {
  return Math.max(Date.parse(one), Date.parse(other));
}

function earlier(one: string, other: string): number {
  return Math.min(Date.parse(one), Date.parse(other));
}

function daysOf({ first, days }: Span): string[] {
  return Array.from({ length: days }, (_, at) => addDays(first, at));
}

function yearsOf(span: Span): number[] {
  return [...new Set([yearOf(span.first), yearOf(lastDay(span))])];
}

function countByYear(days: string[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const day of new Set(days)) counts.set(yearOf(day), (counts.get(yearOf(day)) ?? 0) + 1);
  return counts;
}

function yearOf(date: string): number {
  return Number(date.slice(0, 4));
}
