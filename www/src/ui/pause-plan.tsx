/** What a pause would do, while it is being typed: until when it lasts, and what it takes from each year's budget. */

import {
  costs,
  daysText,
  endOf,
  isOver,
  lastDay,
  overlapped,
  type PauseBook,
  type Span,
  type YearCost,
} from "../domain/pauses";
import { number, plural } from "../domain/words";
import { useNow, weekday } from "../lib/time";
import { type Column, Table } from "./table";
import { Time } from "./time";

interface Props {
  book: PauseBook;
  /** Null while what is typed is no pause */
  span: Span | null;
  /** The moment at which it begins; null: now */
  begins: string | null;
  /** The pause that gets another length */
  changed?: string;
}

export function PausePlan({ book, span, begins, changed }: Props) {
  const now = useNow().toISOString();
  const years = costs(book, span, changed);
  const met = span ? overlapped(book, span, begins ?? now, changed) : undefined;
  return (
    <div class="plan">
      <p class="plan-sentence" role="status">
        {span ? <Sentence span={span} begins={begins} /> : "Give the days to see what they cost."}
        {met && (
          <strong class="refusal">
            {" "}
            It would overlap the pause of {daysText(met)}: change or withdraw that one.
          </strong>
        )}
      </p>
      <Table
        caption="Days of pause"
        columns={COLUMNS}
        rows={years}
        rowKey={({ year }) => String(year)}
        blocksUnder={0}
      />
    </div>
  );
}

function Sentence({ span, begins }: { span: Span; begins: string | null }) {
  return (
    <>
      Enforcement stands still from {begins ? <Time at={begins} /> : "now"} until <Time at={endOf(span)} />:{" "}
      {plural(span.days, "day")},{" "}
      {span.days > 1 ? `the last one ${weekday(lastDay(span))}` : weekday(span.first)} (UTC).
    </>
  );
}

const COLUMNS: Column<YearCost>[] = [
  { id: "year", label: "Year", head: true, cell: ({ year }) => String(year) },
  { id: "left", label: "Left now", numeric: true, cell: ({ left }) => number(left) },
  { id: "takes", label: "This takes", numeric: true, cell: ({ takes }) => signed(takes) },
  {
    id: "then",
    label: "Left then",
    numeric: true,
    cell: (cost) =>
      isOver(cost) ? (
        <span class="refusal">{number(cost.takes - cost.left)} too many</span>
      ) : (
        number(Math.max(0, cost.left - cost.takes))
      ),
  },
];

/** Days that come back are fewer than none. */
function signed(days: number): string {
  return days < 0 ? `−${number(-days)}` : number(days);
}
