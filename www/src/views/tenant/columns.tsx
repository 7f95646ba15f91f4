/** What the table says of each server. */
import { Fragment } from "preact";
import { number, OBSTACLES, OUTCOMES, plural, rate, reason } from "../../domain/words";
import { href } from "../../lib/router";
import { order } from "../../lib/sort";
import { DAY } from "../../lib/time";
import { OutcomeMark, Rate, StateMark } from "../../ui/marks";
import type { Column } from "../../ui/table";
import { Host, Time, TwoLines } from "../../ui/text";
import type { Row } from "./rows";

interface Given {
  tenant: string;
  /** Of the ladder */
  stages: number;
}

export function serverColumns({ tenant, stages }: Given): Column<Row>[] {
  return [
    {
      id: "server",
      label: "Server",
      head: true,
      cell: (row) => <Name tenant={tenant} row={row} />,
      compare: (one, other) => order(one.server.id, other.server.id),
    },
    {
      id: "build",
      width: "6.7rem",
      label: "Build",
      cell: ({ server: { build, product } }) => (
        <TwoLines
          first={build ?? "not shown"}
          second={product?.replace("Exchange Server", "Exchange") ?? "unknown product"}
          whole
        />
      ),
      compare: (one, other) => orderBuilds(one.build, other.build),
    },
    {
      id: "required",
      width: "7.1rem",
      label: "Required",
      cell: (row) => <Required row={row} />,
      compare: (one, other) => behind(one) - behind(other),
    },
    {
      id: "standing",
      width: "8.2rem",
      label: "Standing",
      cell: ({ state, server: { standing } }) => (
        <TwoLines first={<StateMark state={state} />} second={standing && reason(standing)} />
      ),
      compare: (one, other) => order(one.state, other.state),
    },
    {
      id: "stage",
      width: "4.1rem",
      label: "Stage",
      cell: (row) => <StageCell row={row} stages={stages} />,
      compare: (one, other) => (one.server.stage?.number ?? 0) - (other.server.stage?.number ?? 0),
    },
    {
      id: "now",
      width: "11.5rem",
      label: "Now",
      cell: (row) => <Effect row={row} />,
      compare: (one, other) => one.strictness - other.strictness || order(other.server.id, one.server.id),
    },
    {
      id: "next",
      width: "10.1rem",
      label: "Next change",
      cell: (row) => <Next row={row} />,
      compare: (one, other) => order(nextAt(one), nextAt(other)),
    },
    {
      id: "seen",
      width: "6.4rem",
      label: "Last seen",
      cell: ({ server }) => <Time at={server.last_seen} countdown="only" />,
      compare: (one, other) => order(one.server.last_seen, other.server.last_seen),
    },
    {
      id: "turned",
      width: "6.9rem",
      label: "Turned away",
      cell: (row) => <TurnedAway row={row} />,
      compare: (one, other) => turnedAway(one) - turnedAway(other),
    },
  ];
}

function Name({ tenant, row: { server } }: { tenant: string; row: Row }) {
  const link = (
    <a href={href({ view: "server", tenant, server: server.id })}>
      <Host name={server.name} />
    </a>
  );
  return <TwoLines first={link} second={server.nodes > 1 && plural(server.nodes, "node")} />;
}

function Required({ row: { state, server } }: { row: Row }) {
  if (state !== "out_of_date" || !server.standing) return null;
  const { required, behind_days } = server.standing;
  return (
    <TwoLines
      first={required ?? "a supported version"}
      second={behind_days !== null && `${plural(behind_days, "day")} behind`}
    />
  );
}

const SILENT = 30 * DAY;

function StageCell({ row: { state, server }, stages }: { row: Row; stages: number }) {
  const { stage, last_seen } = server;
  if (stage) return <span class="whole">{`${stage.number} of ${stages}`}</span>;
  if (state !== "out_of_date") return null;
  const silent = Date.now() - Date.parse(last_seen) >= SILENT;
  return <span class="muted">{silent ? "silent" : "to be confirmed"}</span>;
}

/** What becomes of its mail now, and what would if nothing stood in the way. */
function Effect({ row: { server } }: { row: Row }) {
  const { effect, stage } = server;
  if (!effect || !stage) {
    return (
      <span class="idle">
        <OutcomeMark outcome="accept" label="all accepted" />
      </span>
    );
  }
  const { obstacle } = effect;
  if (obstacle === null) return <Rate minutes={effect} />;
  return (
    <span class="two">
      <OutcomeMark outcome="accept" label={`all accepted (${OBSTACLES[obstacle]})`} />
      {(stage.throttle_minutes > 0 || stage.block_minutes > 0) && (
        <Rate minutes={stage} would words={(minutes) => `otherwise ${rate(minutes)}`} />
      )}
    </span>
  );
}

function Next({ row: { server } }: { row: Row }) {
  const { stage } = server;
  if (!stage) return null;
  if (!stage.next) return <span class="muted">none, the last stage</span>;
  const { at } = stage.next;
  if (at === null) return <span class="muted">the clock stands still</span>;
  return (
    <TwoLines first={<Time at={at} short countdown="beside" />} second={<Whole parts={rate(stage.next)} />} />
  );
}

/** What stands between commas is not broken. */
function Whole({ parts }: { parts: string }) {
  return (
    <>
      {parts.split(/(?<=,) /).map((part) => (
        <Fragment key={part}>
          <span class="whole">{part}</span>{" "}
        </Fragment>
      ))}
    </>
  );
}

const TURNED_AWAY = ["defer", "reject", "would_defer", "would_reject"] as const;

/** Of its mail in the report's days. */
function TurnedAway({ row: { server } }: { row: Row }) {
  const outcomes = TURNED_AWAY.filter((outcome) => server[outcome] > 0);
  if (outcomes.length === 0) return <span class="idle">none</span>;
  return (
    <span class="two">
      {outcomes.map((outcome) => (
        <OutcomeMark
          key={outcome}
          outcome={outcome}
          label={`${number(server[outcome])} ${OUTCOMES[outcome].toLowerCase()}`}
        />
      ))}
    </span>
  );
}

function orderBuilds(one: number[], other: number[]): number {
  for (let part = 0; part < 4; part += 1) {
    const apart = (one[part] ?? -1) - (other[part] ?? -1);
    if (apart !== 0) return apart;
  }
  return 0;
}

/** Days; an unsupported product is behind all others. */
function behind({ state, server: { standing } }: Row): number {
  if (state !== "out_of_date" || !standing) return -1;
  return standing.behind_days ?? Number.MAX_SAFE_INTEGER;
}

/** What changes last, or never, comes last. */
function nextAt({ server }: Row): string {
  return server.stage?.next?.at ?? "~";
}

function turnedAway({ server: { defer, reject, would_defer, would_reject } }: Row): number {
  return defer + reject + (would_defer + would_reject) / 1e9;
}
