/**
 * The day on which tests live, whatever day it is: one clock for workers, pages and what is posted to them. It runs on
 * from noon (UTC) of the day that the variable DAY names (`make test DAY=2028-02-29`), or from the moment that it names.
 * Where DAY is not set it is a day that is not today's, so that whatever asks another clock is found out at once.
 */

const USUAL = "2027-06-16";

const named = process.env.DAY || USUAL;
const began = Date.parse(named.includes("T") ? named : `${named}T12:00:00Z`);
if (Number.isNaN(began)) throw new Error(`DAY is no day and no moment: ${named}`);

/** By how many milliseconds this clock is ahead of the machine's; the same in processes that this one starts. */
export const AHEAD_MS = Number(process.env.TIDEGATE_AHEAD_MS ?? began - Date.now());
process.env.TIDEGATE_AHEAD_MS = String(AHEAD_MS);

/** Milliseconds since 1970. */
export function nowMs() {
  return Date.now() + AHEAD_MS;
}

/** Seconds since 1970. */
export function now() {
  return Math.floor(nowMs() / 1000);
}
