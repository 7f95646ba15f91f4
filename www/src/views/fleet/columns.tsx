/** What the table says of each tenant. */

import { MODES, number, rate, stageName, wouldBeRate } from "../../domain/words";
import type { Tenant } from "../../lib/api";
import { href } from "../../lib/router";
import { order } from "../../lib/sort";
import { OutcomeMark, Rate } from "../../ui/marks";
import type { Column } from "../../ui/table";
import { Host, Time, TwoLines } from "../../ui/text";
import type { Row } from "./rows";

const byName = (one: Row, other: Row) => order(one.tenant.tenant, other.tenant.tenant);

/** Ties stand by name, whichever way the column is turned at first. */
export const COLUMNS: Column<Row>[] = [
  {
    id: "tenant",
    label: "Tenant",
    head: true,
    cell: ({ tenant: { tenant } }) => <a href={href({ view: "tenant", tenant, tab: "report" })}>{tenant}</a>,
    compare: byName,
  },
  {
    id: "mode",
    label: "Mode",
    width: "4.7rem",
    cell: (row) => <ModeCell row={row} />,
    compare: (one, other) => order(one.tenant.mode, other.tenant.mode) || byName(one, other),
  },
  {
    id: "servers",
    label: "Servers",
    width: "8.4rem",
    cell: ({ tenant: { servers } }) => <Servers servers={servers} />,
    compare: (one, other) =>
      one.tenant.servers.out_of_date - other.tenant.servers.out_of_date ||
      total(one.tenant.servers) - total(other.tenant.servers) ||
      byName(other, one),
  },
  {
    id: "worst",
    label: "Worst stage",
    width: "12.8rem",
    cell: (row) => <Worst row={row} />,
    compare: (one, other) =>
      one.severity - other.severity ||
      Number(one.enforced) - Number(other.enforced) ||
      one.tenant.servers.out_of_date - other.tenant.servers.out_of_date ||
      byName(other, one),
  },
  {
    id: "next",
    label: "Next change",
    width: "9.2rem",
    cell: (row) => <Next row={row} />,
    compare: (one, other) => order(nextAt(one), nextAt(other)) || byName(one, other),
  },
  mailColumn("defer", "Deferred, 24 h"),
  mailColumn("reject", "Rejected, 24 h"),
  {
    id: "paused",
    label: "Paused until",
    width: "6.6rem",
    cell: ({ tenant: { paused_until } }) =>
      paused_until && <Time at={paused_until} short countdown="beside" />,
    compare: (one, other) =>
      order(one.tenant.paused_until ?? "", other.tenant.paused_until ?? "") || byName(other, one),
  },
  {
    id: "updated",
    label: "Updated",
    width: "5.4rem",
    cell: ({ tenant: { updated_at } }) => <Time at={updated_at} countdown="only" />,
    compare: (one, other) => order(one.tenant.updated_at, other.tenant.updated_at) || byName(other, one),
  },
];

function ModeCell({ row: { tenant, mode } }: { row: Row }) {
  const { name } = MODES[tenant.mode];
  return (
    <TwoLines first={name} second={mode !== tenant.mode && `held at ${MODES[mode].name.toLowerCase()}`} />
  );
}

type Servers = Tenant["servers"];

function total({ current, out_of_date, unknown }: Servers): number {
  return current + out_of_date + unknown;
}

function Servers({ servers }: { servers: Servers }) {
  const all = total(servers);
  if (all === 0) return <span class="idle">none yet</span>;
  const { current, out_of_date, unknown } = servers;
  const counts: [number, string][] = [
    [out_of_date, "out of date"],
    [current, "current"],
    [unknown, "unknown"],
  ];
  // no line ends between a number and what it counts
  const words = counts.flatMap(([count, state]) =>
    count > 0 ? `${number(count)} ${state}`.replaceAll(" ", "\u00a0") : [],
  );
  const [first, second] = [(100 * out_of_date) / all, (100 * current) / all];
  return (
    <span class="two">
      <span class={out_of_date > 0 ? undefined : "idle"}>{words.join(", ")}</span>
      <svg class="shares" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect class="share-unknown" width="100" height="1" />
        <rect class="share-current" width={first + second} height="1" />
        <rect class="share-out_of_date" width={first} height="1" />
      </svg>
    </span>
  );
}

/** The stage, and what it does to mail. */
function Worst({ row: { tenant, mode, enforced } }: { row: Row }) {
  const { worst_stage: stage, paused_until, servers } = tenant;
  if (!stage) return servers.out_of_date > 0 ? <span class="idle">none yet</span> : null;
  const paused = paused_until !== null && mode === "enforce";
  return (
    <span class="two">
      <span>{stageName(stage)}</span>
      {paused ? (
        <OutcomeMark outcome="accept" label="all accepted (paused)" />
      ) : (
        <Rate minutes={stage} would={!enforced} words={enforced ? rate : wouldBeRate} />
      )}
    </span>
  );
}

/** When the first of its servers comes to its next stage, and which one it is. */
function Next({ row: { tenant } }: { row: Row }) {
  const next = tenant.next_change;
  if (!next) return null;
  const { server, at } = next;
  const link = (
    <a href={href({ view: "server", tenant: tenant.tenant, server })}>
      <Host name={server} />
    </a>
  );
  return <TwoLines first={<Time at={at} short countdown="beside" />} second={link} />;
}

/** What changes last, or never, comes last. */
function nextAt({ tenant }: Row): string {
  return tenant.next_change?.at ?? "~";
}

function mailColumn(outcome: "defer" | "reject", label: string): Column<Row> {
  const would = `would_${outcome}` as const;
  return {
    id: outcome,
    label,
    width: "7.1rem",
    numeric: true,
    cell: ({ tenant: { last_day } }) => (
      <span class="two">
        {last_day[outcome] > 0 && <OutcomeMark outcome={outcome} label={number(last_day[outcome])} />}
        {last_day[would] > 0 && <OutcomeMark outcome={would} label={`${number(last_day[would])} would be`} />}
        {last_day[outcome] + last_day[would] === 0 && <span class="idle">0</span>}
      </span>
    ),
    compare: ({ tenant: one }, { tenant: other }) =>
      one.last_day[outcome] - other.last_day[outcome] ||
      one.last_day[would] - other.last_day[would] ||
      order(other.tenant, one.tenant),
  };
}
