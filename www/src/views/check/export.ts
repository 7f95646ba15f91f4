/** What was found, as a table for spreadsheets. */
import type { ScannedServer, ScheduledStage } from "../../../../pkg/tidegate";
import { type Cell, csv } from "../../lib/csv";

const COLUMNS = [
  "server",
  "addresses",
  "state",
  "reason",
  "build",
  "product",
  "cu",
  "su",
  "required",
  "behind_days",
  "messages",
  "handed_over",
  "first_seen",
  "last_seen",
  "builds_seen",
  "evidence",
];

/** A row a server; the last columns say from when each stage would hold. */
export function toCsv(servers: ScannedServer[]): Blob {
  const stages = servers.reduce<ScheduledStage[]>((most, server) => longer(most, server.stages), []);
  const names = stages.map(({ number }) => `stage_${number}_from`);
  const rows = servers.map((server): Cell[] => [
    server.id,
    server.addresses.join(" "),
    server.standing.state,
    server.standing.reason,
    server.build,
    server.product,
    server.cu,
    server.su,
    server.standing.required,
    server.standing.behind_days,
    server.messages,
    server.connecting,
    server.first,
    server.last,
    [...new Set(server.builds.map(({ build }) => build))].join(" "),
    server.evidence.text,
    ...stages.map((_, at) => server.stages[at]?.from ?? null),
  ]);
  return csv([[...COLUMNS, ...names], ...rows]);
}

function longer<T>(one: T[], other: T[]): T[] {
  return other.length > one.length ? other : one;
}
