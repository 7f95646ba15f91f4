/**
 * Mail by the UTC day: the picture, the day pointed at in words, and all figures as a table. Days are pointed at with the
 * mouse or the arrow keys, and several chosen by dragging or with Shift.
 */
import { useId, useRef, useState } from "preact/hooks";
import { number, OUTCOMES, type Outcome } from "../domain/words";
import type { Counts } from "../lib/api";
import { shortDay, weekday } from "../lib/time";
import { Chart, type uPlot } from "./chart";
import { useDayKeys } from "./day-keys";
import { type Day, dayPlot } from "./day-plot";
import { OutcomeMark } from "./marks";
import { type Column, type Sort, Table } from "./table";

export type { Day } from "./day-plot";

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
const EVENTS_READ = 3;

export function DayChart({ days, today, totals, eventsName, onRange }: Props) {
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const show = (first: number, last: number) => {
    const [from, to] = [days[first], days[last]];
    if (from && to) onRange(from.date, to.date);
  };
  const handlers = useRef({ show });
  handlers.current = { show };
  const help = useId();
  const last = days.length - 1;
  const read = days[at ?? last];
  const keys = useDayKeys({ plot, at: at ?? last, last, onRange: show });
  const outcomes = [...ALWAYS, ...SOMETIMES.filter((outcome) => totals[outcome] > 0)];
  return (
    <figure class="days">
      <Legend days={days} totals={totals} outcomes={outcomes} eventsName={eventsName} />
      <div
        class="days-picture"
        role="slider"
        tabIndex={0}
        aria-label="Day"
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={at ?? last}
        aria-valuetext={read && inWords(read, outcomes)}
        aria-describedby={help}
        onKeyDown={keys.press}
        onFocus={() => at === null && keys.enter()}
        onBlur={keys.drop}
      >
        <Chart
          inputs={[days, today]}
          label="Messages by day"
          make={(palette, width) =>
            dayPlot(days, today, palette, width, {
              onDay: setAt,
              onRange: (first, final) => handlers.current.show(first, final),
              onReady: (made) => {
                plot.current = made;
              },
            })
          }
        />
      </div>
      <p id={help} hidden>
        Arrow keys go from day to day. With Shift they choose several, which Enter shows alone.
      </p>
      <figcaption class="days-reading">
        {at !== null && read ? (
          <Reading day={read} outcomes={outcomes} />
        ) : (
          <span class="muted">
            <span class="by-mouse">Point at a day to read it. Drag across days to see them alone.</span>
            <span class="by-touch">Tap a day to read it.</span>
          </span>
        )}
        {keys.chosen && (
          <span class="muted">
            {keys.chosen.map((index) => shortDay(days[index]?.date ?? today)).join(" to ")}: press Enter to
            see these days alone.
          </span>
        )}
      </figcaption>
      <Figures days={days} outcomes={outcomes} eventsName={eventsName} />
    </figure>
  );
}

interface LegendProps {
  days: Day[];
  totals: Counts;
  outcomes: Outcome[];
  eventsName: string;
}

function Legend({ days, totals, outcomes, eventsName }: LegendProps) {
  const events = days.reduce((sum, day) => sum + day.events.length, 0);
  return (
    <ul class="days-legend" aria-label="Totals">
      {outcomes.map((outcome) => (
        <li key={outcome}>
          <OutcomeMark outcome={outcome} /> <b>{number(totals[outcome])}</b>
        </li>
      ))}
      {events > 0 && (
        <li>
          <span class="mark">
            <svg class="mark-shape" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
              <circle cx="6" cy="6" r="6" />
            </svg>
            {eventsName}
          </span>{" "}
          <b>{number(events)}</b>
        </li>
      )}
    </ul>
  );
}

function Reading({ day: { date, counts, events }, outcomes }: { day: Day; outcomes: Outcome[] }) {
  const more = events.length - EVENTS_READ;
  return (
    <>
      <span class="days-figures">
        <b>{weekday(date)}</b>
        {outcomes.map((outcome) => (
          <OutcomeMark
            key={outcome}
            outcome={outcome}
            label={`${number(counts[outcome])} ${OUTCOMES[outcome].toLowerCase()}`}
          />
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
  const figures = outcomes.map((outcome) => `${number(counts[outcome])} ${OUTCOMES[outcome].toLowerCase()}`);
  return `${weekday(date)}: ${[figures.join(", "), ...events].join("; ")}`;
}

interface FiguresProps {
  days: Day[];
  outcomes: Outcome[];
  eventsName: string;
}

function Figures({ days, outcomes, eventsName }: FiguresProps) {
  const [open, setOpen] = useState(false);
  const [sort, setSort] = useState<Sort>({ column: "date", descending: true });
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
