/** A tenant as the table shows it, with what is in force of what it has set; and how all of them stand, in two sentences. */

import { number, plural } from "../../domain/words";
import type { Mode, Tenant } from "../../lib/api";

export interface Row {
  tenant: Tenant;
  /** Its own mode, or the emergency brake's where that is lower */
  mode: Mode;
  /** What its worst stage does now: mail is closed out only where it is enforced and not paused */
  enforced: boolean;
  /** By how much mail its worst stage closes out; 0 without one */
  severity: number;
}

const RANKS: Record<Mode, number> = { off: 0, report: 1, enforce: 2 };

export function rowOf(tenant: Tenant, ceiling: Mode): Row {
  const mode = RANKS[tenant.mode] <= RANKS[ceiling] ? tenant.mode : ceiling;
  const enforced = mode === "enforce" && tenant.paused_until === null;
  return { tenant, mode, enforced, severity: severity(tenant) };
}

/** Ladders differ: what counts are the minutes, rejected ones first, and only then the stage's number. */
function severity({ worst_stage: stage }: Tenant): number {
  return stage ? (stage.block_minutes * 64 + stage.throttle_minutes) * 64 + stage.number : 0;
}

export function isBlocked({ enforced, tenant: { worst_stage } }: Row): boolean {
  return enforced && (worst_stage?.block_minutes ?? 0) > 0;
}

/** And no more than that */
export function isThrottled({ enforced, tenant: { worst_stage } }: Row): boolean {
  return enforced && worst_stage?.block_minutes === 0 && worst_stage.throttle_minutes > 0;
}

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
  const rest = would > 0 ? `; ${number(would)} would have been deferred or rejected.` : ".";
  return `${number(behind)} of ${plural(servers, "server")} ${behind === 1 ? "is" : "are"} out of date. ${mail}${rest}`;
}
