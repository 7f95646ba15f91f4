/** The pauses of a tenant: those that run, those to come, those that were. */
import { useMemo } from "preact/hooks";
import { actor } from "../../domain/audit";
import { daysText } from "../../domain/pauses";
import { plural } from "../../domain/words";
import type { Pause } from "../../lib/api";
import { visible } from "../../ui/hostile";
import { type Column, Table } from "../../ui/table";
import { Time, TwoLines } from "../../ui/text";

interface Props {
  tenant: string;
  pauses: Pause[];
  /** Undefined where the reader may not */
  onOpen: OnOpen | undefined;
}

type OnOpen = (open: { dialog: "length" | "end"; pause: Pause }) => void;

export function PauseList({ tenant, pauses, onOpen }: Props) {
  const sorted = useMemo(() => [...pauses].sort(byState), [pauses]);
  const columns: Column<Pause>[] = [
    {
      id: "days",
      label: "Days (UTC)",
      head: true,
      cell: (pause) => <TwoLines first={daysText(pause)} second={plural(pause.days, "day")} />,
    },
    { id: "state", label: "State", cell: (pause) => <State pause={pause} /> },
    { id: "reason", label: "Reason", cell: ({ reason }) => <span class="reason">{visible(reason)}</span> },
    {
      id: "by",
      label: "Granted",
      cell: ({ created_at, created_by }) => (
        <TwoLines first={<Time at={created_at} short="date" />} second={actor(created_by)} />
      ),
    },
  ];
  if (onOpen) {
    columns.push({
      id: "actions",
      label: "Actions",
      cell: (pause) => pause.state !== "ended" && <Actions pause={pause} onOpen={onOpen} />,
    });
  }
  return <Table caption={`Pauses of ${tenant}`} columns={columns} rows={sorted} rowKey={({ id }) => id} />;
}

function Actions({ pause, onOpen }: { pause: Pause; onOpen: OnOpen }) {
  const which = `the pause of ${daysText(pause)}`;
  const end = pause.state === "running" ? "End now" : "Withdraw";
  const button = (dialog: "length" | "end", name: string, label: string) => (
    <button type="button" class="quiet" aria-label={label} onClick={() => onOpen({ dialog, pause })}>
      {name}
    </button>
  );
  return (
    <div class="actions">
      {button("length", "Change length", `Change length of ${which}`)}
      {button("end", end, `${end}: ${which}`)}
    </div>
  );
}

function State({ pause: { state, from, until, ended_at } }: { pause: Pause }) {
  if (state === "ended") {
    if (ended_at === null) return <span class="muted">Over</span>;
    const word = ended_at < from ? "Withdrawn" : "Ended early";
    return <TwoLines first={<span class="muted">{word}</span>} second={<Time at={ended_at} />} />;
  }
  const runs = state === "running";
  return (
    <TwoLines
      first={<strong>{runs ? "Running" : "Planned"}</strong>}
      second={
        <>
          {runs ? "until" : "from"} <Time at={runs ? until : from} countdown="beside" />
        </>
      }
    />
  );
}

const ORDER = ["running", "scheduled", "ended"];

/** What is to come in its order, what was latest first. */
function byState(one: Pause, other: Pause): number {
  const apart = ORDER.indexOf(one.state) - ORDER.indexOf(other.state);
  if (apart !== 0) return apart;
  const earlier = one.first_day < other.first_day ? -1 : 1;
  return one.state === "ended" ? -earlier : earlier;
}
