/** A tenant as the table shows it: with what is in force of what it has set. */
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
