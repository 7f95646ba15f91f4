/** The sentences at the top: how many servers are out of date, what comes next, what is held back, what became of mail. */

import {
  isOutOfReach,
  type Minutes,
  number,
  type Outcome,
  plural,
  willBe,
  wouldBe,
} from "../../domain/words";
import type { Counts, Mode } from "../../lib/api";
import { href } from "../../lib/router";
import { countdown, day, shortDay, useNow } from "../../lib/time";
import { OutcomeMark } from "../../ui/marks";
import { Time } from "../../ui/text";
import type { Range } from "./days";
import type { TenantReport } from "./report";
import { countStates, type Row, stricterNext } from "./rows";

interface Props {
  tenant: string;
  loaded: TenantReport;
}

export function Headline({ tenant, loaded }: Props) {
  const { policy, range, report, rows, complete } = loaded;
  return (
    <div class="headline">
      <p class="headline-first">
        {status(rows)}
        {complete ? (
          <Next tenant={tenant} rows={rows} mode={report.mode} />
        ) : (
          " so far; the others are being loaded."
        )}
      </p>
      <Restraint mode={report.mode} wanted={policy.mode} pausedUntil={report.paused_until} />
      <Now rows={rows} />
      <p class="headline-mail">{mail(report.totals, range)}</p>
    </div>
  );
}

/** Without its end. */
function status(rows: Row[]): string {
  const { out_of_date, unknown } = countStates(rows);
  const all = rows.length;
  if (out_of_date > 0) {
    if (all === 1) return "The one server is out of date";
    return `${number(out_of_date)} of ${number(all)} servers ${out_of_date === 1 ? "is" : "are"} out of date`;
  }
  if (unknown === 0) {
    if (all === 1) return "The one server is up to date";
    return all === 2 ? "Both servers are up to date" : `All ${number(all)} servers are up to date`;
  }
  const tell = unknown === 1 ? "shows" : "show";
  return `No server is known to be out of date; ${number(unknown)} of ${number(all)} ${tell} too little to tell`;
}

/** What becomes stricter next, and when; or that nothing can. */
function Next({ tenant, rows, mode }: { tenant: string; rows: Row[]; mode: Mode }) {
  const now = useNow();
  const next = soonest(rows);
  if (next === null) {
    const failing = rows.filter(({ state }) => state === "out_of_date");
    const blocked = failing.length > 0 && failing.every(({ server }) => server.effect?.block_minutes === 60);
    return <>{blocked && `, and all ${failing.length === 1 ? "its" : "their"} mail is rejected`}.</>;
  }
  const { row, at, minutes } = next;
  const { id } = row.server;
  return (
    <>
      ; <a href={href({ view: "server", tenant, server: id })}>{shortName(row, rows)}</a>{" "}
      {mode === "enforce" ? willBe(minutes) : wouldBe(minutes)} from <Time at={at} short />,{" "}
      {countdown(at, now)}.
    </>
  );
}

function soonest(rows: Row[]): { row: Row; at: string; minutes: Minutes } | null {
  let first: { row: Row; at: string; minutes: Minutes } | null = null;
  for (const row of rows) {
    if (row.server.effect && isOutOfReach(row.server.effect)) continue;
    const next = stricterNext(row);
    if (next?.at && (first === null || next.at < first.at)) first = { row, at: next.at, minutes: next };
  }
  return first;
}

/** The name up to its first dot, as long as no other server has the same there; not too much of it. */
function shortName({ server: { id, name } }: Row, rows: Row[]): string {
  const label = id.split(".", 1)[0] ?? id;
  const isShared = rows.some(({ server }) => server.id !== id && server.id.split(".", 1)[0] === label);
  const short = isShared || id.includes("@") ? name : name.slice(0, label.length);
  return short.length > MAX_NAME ? `${short.slice(0, MAX_NAME)}…` : short;
}

const MAX_NAME = 40;

interface RestraintProps {
  /** In effect */
  mode: Mode;
  /** The policy's */
  wanted: Mode;
  pausedUntil: string | null;
}

/** Why less than the stages say is done to mail. */
function Restraint({ mode, wanted, pausedUntil }: RestraintProps) {
  const now = useNow();
  if (mode === "enforce" && pausedUntil === null) return null;
  return (
    <p class="restraint">
      {mode !== wanted && "Enforcement is halted for all tenants: "}
      {mode !== wanted &&
        (mode === "off"
          ? "all mail is accepted, and nothing is recorded."
          : "all mail is accepted, and clocks stand still.")}
      {mode === wanted && mode === "off" && "Tidegate is off: all mail is accepted, and nothing is recorded."}
      {mode === wanted && mode === "report" && "Nothing is enforced: this is what would happen."}
      {mode === "enforce" && pausedUntil !== null && (
        <>
          Enforcement is paused until <Time at={pausedUntil} short />, {countdown(pausedUntil, now)}: all mail
          is accepted, and clocks stand still.
        </>
      )}
    </p>
  );
}

/** How many servers' mail is turned away at present, or would be. */
function Now({ rows }: { rows: Row[] }) {
  const counts = new Map<string, { outcome: Outcome; what: string; count: number }>();
  let exempt = 0;
  for (const { server } of rows) {
    const { effect, stage, exempt_until } = server;
    if (!effect || !stage) continue;
    if (exempt_until !== null) exempt += 1;
    const would = effect.obstacle === "mode";
    const { throttle_minutes, block_minutes } = would ? stage : effect;
    const what =
      block_minutes === 60 ? "blocked entirely" : block_minutes > 0 ? "blocked in part" : "throttled";
    if (throttle_minutes + block_minutes === 0) continue;
    const key = `${would}${what}`;
    const outcome: Outcome =
      block_minutes > 0 ? (would ? "would_reject" : "reject") : would ? "would_defer" : "defer";
    const known = counts.get(key) ?? { outcome, what: would ? `would be ${what}` : what, count: 0 };
    known.count += 1;
    counts.set(key, known);
  }
  if (counts.size === 0 && exempt === 0) return null;
  const shown = [...counts.values()].sort((one, other) => (one.what < other.what ? -1 : 1));
  return (
    <ul class="headline-now" aria-label="Servers now">
      <li class="muted">Now:</li>
      {shown.map(({ outcome, what, count }) => (
        <li key={what}>
          <OutcomeMark outcome={outcome} label={`${number(count)} ${what}`} />
        </li>
      ))}
      {exempt > 0 && <li class="muted">{number(exempt)} exempt</li>}
    </ul>
  );
}

function mail({ accept, defer, reject, would_defer, would_reject }: Counts, range: Range): string {
  const all = accept + defer + reject;
  const during = when(range);
  if (all === 0) return `No mail of these servers came ${during}.`;
  const did = list([defer && `${number(defer)} deferred`, reject && `${number(reject)} rejected`]);
  const would = list([
    would_defer && `${number(would_defer)} deferred`,
    would_reject && `${number(would_reject)} rejected`,
  ]);
  if (all === 1) {
    const what = accept === 1 ? "accepted" : defer === 1 ? "deferred" : "rejected";
    return `The one message ${during} was ${what}${wouldHave(would)}.`;
  }
  const of = `Of ${plural(all, "message")} ${during}`;
  if (did === "") return `${of} all were accepted${wouldHave(would)}.`;
  return `${of} ${did.replace(/ (\w+)/, (defer || reject) === 1 ? " was $1" : " were $1")}${wouldHave(would)}.`;
}

function wouldHave(would: string): string {
  return would === "" ? "" : `; ${would.replace(/ (\w+)/, " would have been $1")}`;
}

function list(parts: (string | 0)[]): string {
  return parts.filter(Boolean).join(" and ");
}

function when({ from, to, lately }: Range): string {
  if (lately !== null) return lately === 1 ? "today" : `in the last ${lately} days`;
  if (from === to) return `on ${day(from)}`;
  return `from ${from.slice(0, 4) === to.slice(0, 4) ? shortDay(from) : day(from)} to ${day(to)}`;
}
