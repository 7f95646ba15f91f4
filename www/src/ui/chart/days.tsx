/** Mail by the UTC day: stacked bars, over them what happened, and all figures as a table. */
import { scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import { utcDay, utcMonday, utcMonth, utcYear } from "d3-time";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { number, OUTCOMES, type Outcome } from "../../domain/words";
import type { Counts } from "../../lib/api";
import type { Sort } from "../../lib/sort";
import { DAY, dateOf, shortDay, weekday } from "../../lib/time";
import { OutcomeMark } from "../marks";
import { type Column, Table } from "../table";
import { Chart, type Legend, type Plot, type Span, spaced, type Tick, widthOf } from "./chart";

export interface Day {
  /** Of UTC, such as `2026-12-01` */
  date: string;
  counts: Counts;
  /** What happened to servers, in words */
  events: string[];
}

interface Props {
  days: Day[];
  today: string;
  totals: Counts;
  /** What the numbered discs over days count */
  eventsName: string;
  onRange: (from: string, to: string) => void;
}

/** Those that are always named, and those that are where there are any. */
const ALWAYS: Outcome[] = ["accept", "defer", "reject"];
const SOMETIMES: Outcome[] = ["would_defer", "would_reject"];
/** From the bottom up. What would be deferred or rejected was accepted: it stands on what was accepted anyhow. */
const STACK = ["accept", "would_defer", "would_reject", "defer", "reject"] as const satisfies Outcome[];
const EVENTS_READ = 3;
/** CSS pixels */
const [HEIGHT, LANE, WIDEST] = [200, 24, 46];
/** Bars that are no wider have no room for an outline. */
const THIN = 5;

export function DayChart({ days, today, totals, eventsName, onRange }: Props) {
  const spans = days.map(({ date }) => spanOf(date));
  const outcomes = [...ALWAYS, ...SOMETIMES.filter((outcome) => totals[outcome] > 0)];
  const most = Math.max(4, ...days.map(({ counts }) => counts.accept + counts.defer + counts.reject));
  const range = { from: spans[0]?.from ?? 0, until: spans.at(-1)?.until ?? DAY };
  return (
    <Chart
      class="days"
      name="Day"
      label="Messages by day"
      spans={spans}
      range={range}
      resting={days.length - 1}
      top={most * 1.04}
      height={HEIGHT}
      lanes={LANE}
      rows={scaleLinear([0, most], [0, 1]).ticks(5).filter(Number.isInteger)}
      rowName={compact}
      ticks={(shown, width) => ticks(shown, width, today)}
      legend={legendOf(days, totals, outcomes, eventsName)}
      read={(index) => inWords(days[index] as Day, outcomes)}
      show={(index) => <Reading day={days[index] as Day} outcomes={outcomes} />}
      hint="Point at a day or tap it to read it. Drag across days to see them alone."
      help="Arrow keys go from day to day. With Shift they choose several, which Enter shows alone."
      chosen={(from, until) =>
        `${[...new Set(datesOf(from, until))].map(shortDay).join(" to ")}: press Enter to see these days alone.`
      }
      onRange={(from, until) => onRange(...datesOf(from, until))}
    >
      {(plot) => (
        <>
          <Bars days={days} plot={plot} />
          <Events days={days} plot={plot} />
        </>
      )}
    </Chart>
  );
}

function spanOf(date: string): Span {
  const from = Date.parse(`${date}T00:00:00Z`);
  return { from, until: from + DAY };
}

/** The first day and the last of a part. */
function datesOf(from: number, until: number): [string, string] {
  return [dateOf(new Date(from)), dateOf(new Date(Math.max(from, until - 1)))];
}

/** Of each outcome one path, however many days there are; a gap lies between what stands on each other. */
function Bars({ days, plot: { x, y, width: all, fill } }: { days: Day[]; plot: Plot }) {
  const series = stack<Day, Outcome>()
    .keys(STACK)
    .value(({ counts }, outcome) =>
      outcome === "accept" ? counts.accept - counts.would_defer - counts.would_reject : counts[outcome],
    )(days);
  const width = Math.min(WIDEST, (all / days.length) * 0.82);
  const bar = (outcome: string, index: number, low: number, high: number) => {
    const rise = low - high;
    if (rise <= 0) return "";
    const left = x(spanOf(days[index]?.date ?? "").from + DAY / 2) - width / 2;
    if (outcome === "accept") return `M${left} ${low}v${-rise}h${width}v${rise}`;
    const gap = rise > 3 ? 1 : 0;
    return `M${left} ${low - gap}v${gap - rise}h${width}v${rise - gap}z`;
  };
  return (
    <>
      {series.map((layer) => (
        <path
          key={layer.key}
          class={`bar bar-${layer.key}${width < THIN ? " bar-thin" : ""}`}
          fill={layer.key === "accept" ? "none" : fill(layer.key)}
          d={layer.map(([low, high], index) => bar(layer.key, index, y(low), y(high))).join("")}
        />
      ))}
    </>
  );
}

/** A disc with their number over each day on which something happened; discs that would touch become one. */
function Events({ days, plot: { x } }: { days: Day[]; plot: Plot }) {
  const discs: { at: number; last: number; count: number }[] = [];
  for (const { date, events } of days) {
    if (events.length === 0) continue;
    const at = x(spanOf(date).from + DAY / 2);
    const before = discs.at(-1);
    if (before && at - before.last < 20) {
      before.at = (before.at * before.count + at * events.length) / (before.count + events.length);
      before.last = before.at;
      before.count += events.length;
    } else discs.push({ at, last: at, count: events.length });
  }
  return (
    <>
      {discs.map(({ at, count }) => {
        const half = Math.max(8, widthOf(number(count)) / 2 + 3);
        return (
          <g key={at} class="chart-disc" transform={`translate(${at} -14)`}>
            <rect x={-half} y="-8" width={2 * half} height="16" rx="8" />
            <text dy="0.35em">{number(count)}</text>
          </g>
        );
      })}
    </>
  );
}

/** The days that are named beneath, at their middle; today always. */
function ticks(shown: Span, width: number, today: string): Tick[] {
  const room = (DAY * width) / (shown.until - shown.from);
  const named = (at: Date): Tick => ({ at: at.getTime() + DAY / 2, label: shortDay(dateOf(at)) });
  const every = [utcDay, utcDay.every(2), utcMonday, utcMonth, utcMonth.every(3), utcYear];
  const days = [1, 2, 7, 30, 91, 366];
  const found = every[days.findIndex((count) => count * room >= 58)] ?? utcYear;
  const all = found.range(new Date(shown.from), new Date(shown.until)).map(named);
  const { from } = spanOf(today);
  if (from < shown.from || from >= shown.until) return all;
  const now = { at: from + DAY / 2, label: "Today", strong: true };
  return spaced(all, (at) => ((at - shown.from) / DAY) * room, now);
}

const COMPACT = new Intl.NumberFormat("en-GB", { notation: "compact" });

function compact(value: number): string {
  return value < 10_000 ? number(value) : COMPACT.format(value);
}

function legendOf(days: Day[], totals: Counts, outcomes: Outcome[], eventsName: string): Legend {
  const events = days.reduce((sum, day) => sum + day.events.length, 0);
  const entry = (mark: ComponentChildren, count: number) => (
    <>
      {mark} <b>{number(count)}</b>
    </>
  );
  const disc = (
    <span class="mark">
      <svg class="mark-shape" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
        <circle cx="6" cy="6" r="6" />
      </svg>
      {eventsName}
    </span>
  );
  const entries = outcomes.map((outcome) => entry(<OutcomeMark outcome={outcome} />, totals[outcome]));
  return { name: "Totals", entries: events > 0 ? [...entries, entry(disc, events)] : entries };
}

function figure(counts: Counts, outcome: Outcome): string {
  return `${number(counts[outcome])} ${OUTCOMES[outcome].toLowerCase()}`;
}

function Reading({ day: { date, counts, events }, outcomes }: { day: Day; outcomes: Outcome[] }) {
  const more = events.length - EVENTS_READ;
  return (
    <>
      <span class="chart-figures">
        <b>{weekday(date)}</b>
        {outcomes.map((outcome) => (
          <OutcomeMark key={outcome} outcome={outcome} label={figure(counts, outcome)} />
        ))}
      </span>
      {events.length > 0 && (
        <span>
          {events.slice(0, EVENTS_READ).join("; ")}
          {more > 0 && `; and ${number(more)} more`}
        </span>
      )}
    </>
  );
}

function inWords({ date, counts, events }: Day, outcomes: Outcome[]): string {
  const figures = outcomes.map((outcome) => figure(counts, outcome));
  return `${weekday(date)}: ${[figures.join(", "), ...events].join("; ")}`;
}

/** The figures of each day, once they are asked for. */
export function DayTable({ days, totals, eventsName }: Pick<Props, "days" | "totals" | "eventsName">) {
  const [open, setOpen] = useState(false);
  const [sort, setSort] = useState<Sort>({ column: "date", descending: true });
  const outcomes = [...ALWAYS, ...SOMETIMES.filter((outcome) => totals[outcome] > 0)];
  const columns: Column<Day>[] = [
    {
      id: "date",
      label: "Day (UTC)",
      head: true,
      cell: ({ date }) => weekday(date),
      compare: (one, other) => (one.date < other.date ? -1 : 1),
    },
    ...outcomes.map(
      (outcome): Column<Day> => ({
        id: outcome,
        label: OUTCOMES[outcome],
        numeric: true,
        cell: ({ counts }) => number(counts[outcome]),
        compare: (one, other) => one.counts[outcome] - other.counts[outcome],
      }),
    ),
    { id: "events", label: eventsName, cell: ({ events }) => events.join("; ") },
  ];
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Figures of each day</summary>
      {open && (
        <Table
          caption="Figures of each day"
          columns={columns}
          rows={days}
          rowKey={({ date }) => date}
          sort={sort}
          onSort={setSort}
        />
      )}
    </details>
  );
}
