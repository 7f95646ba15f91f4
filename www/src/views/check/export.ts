/** What was found, as a table for spreadsheets. */
import type { ScannedServer } from "../../../../pkg/tidegate";
import { type Cell, csv } from "../../lib/csv";

const COLUMNS: [string, (server: ScannedServer) => Cell][] = [
  ["server", ({ id }) => id],
  ["addresses", ({ addresses }) => addresses.join(" ")],
  ["state", ({ standing }) => standing.state],
  ["reason", ({ standing }) => standing.reason],
  ["build", ({ build }) => build],
  ["product", ({ product }) => product],
  ["cu", ({ cu }) => cu],
  ["su", ({ su }) => su],
  ["required", ({ standing }) => standing.required],
  ["behind_days", ({ standing }) => standing.behind_days],
  ["messages", ({ messages }) => messages],
  ["handed_over", ({ connecting }) => connecting],
  ["first_seen", ({ first }) => first],
  ["last_seen", ({ last }) => last],
  ["builds_seen", ({ builds }) => [...new Set(builds.map(({ build }) => build))].join(" ")],
  ["evidence", ({ evidence }) => evidence.text],
];

/** A row a server; the last columns say from when each stage would hold. */
export function toCsv(servers: ScannedServer[]): Blob {
  const most = Math.max(0, ...servers.map(({ stages }) => stages.length));
  const stages = Array.from({ length: most }, (_, at): (typeof COLUMNS)[number] => [
    `stage_${at + 1}_from`,
    (server) => server.stages[at]?.from ?? null,
  ]);
  const columns = [...COLUMNS, ...stages];
  return csv([
    columns.map(([name]) => name),
    ...servers.map((server) => columns.map(([, cell]) => cell(server))),
  ]);
}
