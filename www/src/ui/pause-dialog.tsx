/** Pauses a tenant's enforcement, now or from a day on, and says before what that costs. */
import { useState } from "preact/hooks";
import { usePauses } from "../domain/pause-book";
import {
  costs,
  daysText,
  endOf,
  isOver,
  lastDay,
  MAX_DAYS,
  overlapped,
  type PauseBook,
  type Span,
  type YearCost,
} from "../domain/pauses";
import { number, plural } from "../domain/words";
import { useSession } from "../lib/auth";
import { value } from "../lib/http";
import { addDays, dateOf, dateTime, day, useNow, weekday } from "../lib/time";
import { Await } from "./await";
import { Dialog, FormDialog } from "./dialog";
import { Choices, TextField } from "./form";
import { DayField, ReasonField } from "./reason";
import type { Words } from "./status";
import { type Column, Table } from "./table";
import { Time } from "./text";

interface Props {
  tenant: string;
  onClose: () => void;
  /** With what was done, to be said where the dialog stood */
  onDone: (words: Words) => void;
}

const TITLE = "Pause enforcement";

export function PauseDialog(props: Props) {
  const pauses = usePauses(props.tenant);
  if (pauses.value) return <PauseForm {...props} book={pauses.value} />;
  return (
    <Dialog title={TITLE} onClose={props.onClose}>
      <Await of={pauses} what="the budget">
        {() => null}
      </Await>
    </Dialog>
  );
}

const STARTS = [
  { value: "now", name: "Now", meaning: "Today counts as its first day." },
  { value: "later", name: "On a day to come" },
] as const;

function PauseForm({ tenant, book, onClose, onDone }: Props & { book: PauseBook }) {
  const { api } = useSession();
  const today = dateOf(useNow());
  const running = book.pauses.find(({ state }) => state === "running");
  const [starts, setStarts] = useState<"now" | "later">(running ? "later" : "now");
  const [firstDay, setFirstDay] = useState(() => addDays(running?.last_day ?? today, 1));
  const [days, setDays] = useState("7");
  const [reason, setReason] = useState("");
  const send = async () => {
    const { state, first_day, until } = await value(
      api.POST("/v1/tenants/{tenant}/pauses", {
        params: { path: { tenant } },
        body: {
          days: Number(days),
          reason: reason.trim(),
          ...(starts === "later" && { starts_on: firstDay }),
        },
      }),
    );
    const from = state === "running" ? "is paused" : `will be paused from ${day(first_day)}`;
    onDone({ text: `Enforcement ${from} until ${dateTime(until)}.` });
  };
  const length = toDays(days);
  const first = starts === "now" ? today : firstDay;
  return (
    <FormDialog
      title={TITLE}
      deed={starts === "now" ? "Pause now" : "Plan the pause"}
      doing="Pausing …"
      send={send}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            While it lasts all mail is accepted and no clock runs. Afterwards each server goes on where it
            stood.
          </p>
          {running && (
            <p class="restraint">
              Enforcement is paused already, until <Time at={running.until} />. To go on from there, change
              that pause's length; another pause begins after it.
            </p>
          )}
          <DaysField label="Days" days={days} onChange={setDays} error={errorOf("days")} />
          <Choices
            legend="Starts"
            choices={STARTS}
            value={starts}
            onChoose={setStarts}
            error={starts === "now" ? errorOf("starts_on") : undefined}
          />
          {starts === "later" && (
            <DayField
              label="First day"
              hint="From 00:00 UTC on."
              day={firstDay}
              ahead={MAX_DAYS}
              required
              onChange={setFirstDay}
              error={errorOf("starts_on")}
            />
          )}
          <ReasonField
            hint="It stands in the list of pauses and in the audit trail."
            reason={reason}
            onChange={setReason}
            error={errorOf("reason")}
          />
          <PausePlan
            book={book}
            span={length !== null && first !== "" ? { first, days: length } : null}
            begins={starts === "now" || first === today ? null : `${first}T00:00:00Z`}
          />
        </>
      )}
    </FormDialog>
  );
}

interface DaysProps {
  label: string;
  days: string;
  hint?: string;
  onChange: (days: string) => void;
  error: string | undefined;
}

export function DaysField({ label, days, hint, onChange, error }: DaysProps) {
  return (
    <TextField
      label={label}
      hint={hint}
      error={error}
      class="short"
      type="number"
      required
      min="1"
      max={MAX_DAYS}
      value={days}
      onType={onChange}
    />
  );
}

/** The number that is typed, if it is one of days. */
export function toDays(text: string): number | null {
  const days = Number(text);
  return Number.isInteger(days) && days >= 1 && days <= MAX_DAYS ? days : null;
}

interface PlanProps {
  book: PauseBook;
  /** Null while what is typed is no pause */
  span: Span | null;
  /** The moment at which it begins; null: now */
  begins: string | null;
  /** The pause that gets another length */
  changed?: string;
}

/** What a pause would do, while it is being typed: until when it lasts, and what it takes from each year's budget. */
export function PausePlan({ book, span, begins, changed }: PlanProps) {
  const now = useNow().toISOString();
  const met = span ? overlapped(book, span, begins ?? now, changed) : undefined;
  return (
    <div class="plan">
      <p class="plan-sentence" role="status">
        {span ? (
          <>
            Enforcement stands still from {begins ? <Time at={begins} /> : "now"} until{" "}
            <Time at={endOf(span)} />: {plural(span.days, "day")},{" "}
            {span.days > 1 ? `the last one ${weekday(lastDay(span))}` : weekday(span.first)} (UTC).
          </>
        ) : (
          "Give the days to see what they cost."
        )}
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
        rows={costs(book, span, changed)}
        rowKey={({ year }) => String(year)}
        blocksUnder={0}
      />
    </div>
  );
}

const COLUMNS: Column<YearCost>[] = [
  { id: "year", label: "Year", head: true, cell: ({ year }) => String(year) },
  { id: "left", label: "Left now", numeric: true, cell: ({ left }) => number(left) },
  {
    id: "takes",
    label: "This takes",
    numeric: true,
    // days that come back are fewer than none
    cell: ({ takes }) => (takes < 0 ? `−${number(-takes)}` : number(takes)),
  },
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
