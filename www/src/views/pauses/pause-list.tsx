/** The pauses of a tenant: those that run, those to come, those that were. */
import { useMemo } from "preact/hooks";
import { actor } from "../../domain/audit";
import { daysText } from "../../domain/pauses";
import { plural } from "../../domain/words";
import type { Pause } from "../../lib/api";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/time";
import { Two } from "../../ui/two";

interface Props {
  tenant: string;
  pauses: Pause[];
  /** Undefined where the reader may not */
  onLength: ((pause: Pause) => void) | undefined;
  onEnd: (pause: Pause) => void;
}

export function PauseList({ tenant, pauses, onLength, onEnd }: Props) {
  const sorted = useMemo(() => [...pauses].sort(byState), [pauses]);
  const columns: Column<Pause>[] = [
    {
      id: "days",
      label: "Days (UTC)",
      head: true,
      cell: (pause) => <Two first={daysText(pause)} second={plural(pause.days, "day")} />,
    },
    { id: "state", label: "State", cell: (pause) => <State pause={pause} /> },
    { id: "reason", label: "Reason", cell: ({ reason }) => <span class="reason">{reason}</span> },
    {
      id: "by",
      label: "Granted",
      cell: ({ created_at, created_by }) => (
        <Two first={<Time at={created_at} short="date" />} second={actor(created_by)} />
      ),
    },
  ];
  if (onLength) {
    columns.push({
      id: "actions",
      label: "Actions",
      cell: (pause) => pause.state !== "ended" && <Actions pause={pause} onLength={onLength} onEnd={onEnd} />,
    });
  }
  return <Table caption={`Pauses of ${tenant}`} columns={columns} rows={sorted} rowKey={({ id }) => id} />;
}

interface ActionsProps {
  pause: Pause;
  onLength: (pause: Pause) => void;
  onEnd: (pause: Pause) => void;
}

function Actions({ pause, onLength, onEnd }: ActionsProps) {
  const which = `the pause of ${daysText(pause)}`;
  const end = pause.state === "running" ? "End now" : "Withdraw";
  return (
    <div class="actions">
      <button
        type="button"
        class="quiet"
        aria-label={`Change length of ${which}`}
        onClick={() => onLength(pause)}
      >
        Change length
      </button>
      <button type="button" class="quiet" aria-label={`${end}: ${which}`} onClick={() => onEnd(pause)}>
        {end}
      </button>
    </div>
  );
}

function State({ pause: { state, from, until, ended_at } }: { pause: Pause }) {
  if (state === "ended") {
    if (ended_at === null) return <span class="muted">Over</span>;
    const word = ended_at < from ? "Withdrawn" : "Ended early";
    return <Two first={<span class="muted">{word}</span>} second={<Time at={ended_at} />} />;
  }
  const runs = state === "running";
  return (
    <Two
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
