/** The tenants as a file for spreadsheets. */
import { type Cell, csv } from "../../lib/csv";
import type { Row } from "./rows";

const HEAD = [
  "tenant",
  "mode",
  "effective_mode",
  "servers_out_of_date",
  "servers_current",
  "servers_unknown",
  "worst_stage",
  "throttle_minutes",
  "block_minutes",
  "last_day_accept",
  "last_day_defer",
  "last_day_reject",
  "last_day_would_defer",
  "last_day_would_reject",
  "paused_until",
  "updated_at",
];

export function fleetCsv(rows: Row[]): Blob {
  return csv([HEAD, ...rows.map(cells)]);
}

function cells({ tenant, mode }: Row): Cell[] {
  const { servers, worst_stage: stage, last_day } = tenant;
  return [
    tenant.tenant,
    tenant.mode,
    mode,
    servers.out_of_date,
    servers.current,
    servers.unknown,
    stage?.number ?? null,
    stage?.throttle_minutes ?? null,
    stage?.block_minutes ?? null,
    last_day.accept,
    last_day.defer,
    last_day.reject,
    last_day.would_defer,
    last_day.would_reject,
    tenant.paused_until,
    tenant.updated_at,
  ];
}
