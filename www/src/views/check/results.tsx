/** The servers that were found. */
import { useMemo, useState } from "preact/hooks";
import type { ScannedServer } from "../../../../pkg/tidegate";
import { number, plural, reason } from "../../domain/words";
import { save } from "../../lib/csv";
import { order, type Sort } from "../../lib/sort";
import { Select } from "../../ui/filters";
import { StateMark } from "../../ui/marks";
import { type Column, Table } from "../../ui/table";
import { Host, TwoLines } from "../../ui/text";
import type { Check } from "./checker";
import { toCsv } from "./export";
import type { Baseline } from "./protocol";
import { Effects, position, release, ServerDetail, Span } from "./server";

const BASELINES: { value: Baseline; name: string }[] = [
  { value: "microsoft", name: "microsoft: what Exchange Online asks for" },
  { value: "strict", name: "strict: in support, updates within 30 days" },
];

interface Props {
  check: Check;
  onBaseline: (baseline: Baseline) => void;
}

export function Results({ check, onBaseline }: Props) {
  const servers = useMemo(() => [...(check.result?.servers ?? [])].sort(byWeight), [check.result]);
  const [sort, setSort] = useState<Sort>({ column: "standing", descending: false });
  const reading = check.phase === "reading";
  // what is told of progress, many times a second, leaves the table as it is
  const table = useMemo(
    () => (
      <Table
        caption="Exchange servers found"
        columns={COLUMNS}
        rows={servers}
        rowKey={({ id }) => id}
        sort={sort}
        onSort={setSort}
        detail={(server) => <ServerDetail server={server} />}
        unfolded={!reading && servers.length === 1}
        blocksUnder={62}
      />
    ),
    [servers, sort, reading],
  );
  if (servers.length === 0) return null;
  return (
    <div class="check-results">
      <div class="filters">
        {check.failure?.problem !== "engine" && (
          <Select label="Baseline" value={check.baseline} options={BASELINES} onChoose={onBaseline} />
        )}
        {!reading && (
          <button type="button" onClick={() => save(toCsv(servers), "exchange-servers.csv")}>
            Export CSV
          </button>
        )}
      </div>
      {table}
    </div>
  );
}

const STATES = ["out_of_date", "unknown", "current", "not_exchange"] as const;

/** What has to be done comes first. */
function byWeight(one: ScannedServer, other: ScannedServer): number {
  return byState(one, other) || other.messages - one.messages;
}

function byState(one: ScannedServer, other: ScannedServer): number {
  return STATES.indexOf(one.standing.state) - STATES.indexOf(other.standing.state);
}

const COLUMNS: Column<ScannedServer>[] = [
  {
    id: "server",
    label: "Server",
    head: true,
    cell: (server) => <TwoLines first={<Host name={server.name} />} second={position(server)} />,
    compare: (one, other) => order(one.id, other.id),
  },
  {
    id: "standing",
    label: "Standing",
    cell: ({ standing }) => (
      <TwoLines
        first={standing.state !== "not_exchange" && <StateMark state={standing.state} />}
        second={reason(standing)}
      />
    ),
    compare: byState,
  },
  {
    id: "build",
    label: "Build",
    cell: (server) => (
      <TwoLines
        first={server.build ?? "not shown"}
        second={release(server).replace("Exchange Server", "Exchange")}
        whole
      />
    ),
  },
  {
    id: "required",
    label: "Required",
    cell: ({ standing: { state, required, behind_days } }) =>
      state === "out_of_date" && (
        <TwoLines
          first={required ?? "a supported version"}
          second={behind_days !== null && `${plural(behind_days, "day")} behind`}
          whole
        />
      ),
  },
  { id: "effects", label: "If detected today", cell: ({ stages }) => <Effects stages={stages} /> },
  {
    id: "messages",
    label: "Messages",
    numeric: true,
    cell: ({ messages }) => number(messages),
    compare: (one, other) => one.messages - other.messages,
  },
  {
    id: "seen",
    label: "Seen",
    cell: (server) => <Span {...server} />,
    compare: (one, other) => order(one.last ?? "", other.last ?? ""),
  },
];
