/** The tenants as a file for spreadsheets. */
import { type Cell, csv } from "../../lib/csv";
import type { Row } from "./rows";

const COLUMNS: [string, (row: Row) => Cell][] = [
  ["tenant", ({ tenant }) => tenant.tenant],
  ["mode", ({ tenant }) => tenant.mode],
  ["effective_mode", ({ mode }) => mode],
  ["servers_out_of_date", ({ tenant }) => tenant.servers.out_of_date],
  ["servers_current", ({ tenant }) => tenant.servers.current],
  ["servers_unknown", ({ tenant }) => tenant.servers.unknown],
  ["worst_stage", ({ tenant }) => tenant.worst_stage?.number ?? null],
  ["throttle_minutes", ({ tenant }) => tenant.worst_stage?.throttle_minutes ?? null],
  ["block_minutes", ({ tenant }) => tenant.worst_stage?.block_minutes ?? null],
  ["next_change_at", ({ tenant }) => tenant.next_change?.at ?? null],
  ["next_change_server", ({ tenant }) => tenant.next_change?.server ?? null],
  ["last_day_accept", ({ tenant }) => tenant.last_day.accept],
  ["last_day_defer", ({ tenant }) => tenant.last_day.defer],
  ["last_day_reject", ({ tenant }) => tenant.last_day.reject],
  ["last_day_would_defer", ({ tenant }) => tenant.last_day.would_defer],
  ["last_day_would_reject", ({ tenant }) => tenant.last_day.would_reject],
  ["paused_until", ({ tenant }) => tenant.paused_until],
  ["updated_at", ({ tenant }) => tenant.updated_at],
];

export function fleetCsv(rows: Row[]): Blob {
  return csv([COLUMNS.map(([name]) => name), ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))]);
}
