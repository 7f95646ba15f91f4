/** How the fleet stands, in two sentences. */
import { number, plural } from "../../domain/words";
import { isBlocked, isThrottled, type Row } from "./rows";

/** `14 of 312 tenants have out-of-date servers; 3 have reached a blocking stage, 5 a throttling one.` */
export function standing(rows: Row[]): string {
  const behind = rows.filter(({ tenant }) => tenant.servers.out_of_date > 0).length;
  const [blocked, throttled] = [rows.filter(isBlocked).length, rows.filter(isThrottled).length];
  const have = behind === 1 ? "has" : "have";
  if (behind === 0)
    return rows.length === 1
      ? "The one tenant has no out-of-date server."
      : `None of ${plural(rows.length, "tenant")} has an out-of-date server.`;
  const first =
    rows.length === 1
      ? "The one tenant has out-of-date servers"
      : `${number(behind)} of ${plural(rows.length, "tenant")} ${have} out-of-date servers`;
  const parts = [
    blocked > 0 && `${reached(blocked)} a blocking stage`,
    throttled > 0 &&
      (blocked > 0 ? `${number(throttled)} a throttling one` : `${reached(throttled)} a throttling stage`),
  ];
  const told = parts.filter(Boolean).join(", ");
  return `${first}; ${told || "none is being throttled or blocked"}.`;
}

function reached(count: number): string {
  return `${number(count)} ${count === 1 ? "has" : "have"} reached`;
}

/** Where not all are there. */
export function partial(rows: Row[]): string {
  return `${plural(rows.length, "tenant")} so far; the others have still to be loaded.`;
}

/** `8 of 12 servers are out of date. In the last 24 hours 9 messages were deferred and 10 rejected.` */
export function figures(rows: Row[]): string {
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const behind = sum(({ tenant: { servers } }) => servers.out_of_date);
  const servers = sum(({ tenant: { servers } }) => servers.current + servers.out_of_date + servers.unknown);
  const [defer, reject] = [
    sum(({ tenant }) => tenant.last_day.defer),
    sum(({ tenant }) => tenant.last_day.reject),
  ];
  const would = sum(({ tenant: { last_day } }) => last_day.would_defer + last_day.would_reject);
  const mail = `In the last 24 hours ${plural(defer, "message")} ${defer === 1 ? "was" : "were"} deferred and ${number(reject)} rejected`;
  const rest = would > 0 ? `; ${number(would)} would have been.` : ".";
  return `${number(behind)} of ${plural(servers, "server")} ${behind === 1 ? "is" : "are"} out of date. ${mail}${rest}`;
}
