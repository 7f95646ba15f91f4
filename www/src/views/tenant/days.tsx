/** Which days the report is about. */
import { useEffect, useRef } from "preact/hooks";
import { type Place, type Query, updateQuery } from "../../lib/router";
import { addDays, DAY, isDate } from "../../lib/time";

interface Props {
  place: Place;
  range: Range;
  today: string;
}

export function DaysChoice({ place, range: { from, to, lately }, today }: Props) {
  const oldest = addDays(today, 1 - MAX_DAYS);
  return (
    <fieldset class="days-choice">
      <legend class="hidden">Days</legend>
      <div class="presets">
        {PRESETS.map((days) => (
          <button
            key={days}
            type="button"
            aria-pressed={lately === days}
            onClick={() => updateQuery(place, lastDays(days))}
          >
            {days} days
          </button>
        ))}
      </div>
      <DayInput
        label="From"
        day={from}
        min={oldest}
        max={to}
        onChoose={(day) => updateQuery(place, fromTo(day, to))}
      />
      <DayInput
        label="to"
        day={to}
        min={from}
        max={today}
        onChoose={(day) => updateQuery(place, fromTo(from, day))}
      />
    </fieldset>
  );
}

interface InputProps {
  label: string;
  day: string;
  min: string;
  max: string;
  onChoose: (day: string) => void;
}

/** What is typed is left alone until it is done: by Enter, by leaving the field, or by the browser's own calendar. */
function DayInput({ label, day, min, max, onChoose }: InputProps) {
  const input = useRef<HTMLInputElement>(null);
  const typing = useRef(false);
  useEffect(() => {
    if (input.current && !typing.current) input.current.value = day;
  }, [day]);
  const choose = () => {
    typing.current = false;
    const { value, validity } = input.current as HTMLInputElement;
    if (value !== "" && validity.valid && value !== day) onChoose(value);
  };
  const leave = () => {
    choose();
    if (input.current && (input.current.value === "" || !input.current.validity.valid))
      input.current.value = day;
  };
  return (
    <label>
      {label}{" "}
      <input
        ref={input}
        type="date"
        required
        min={min}
        max={max}
        onKeyDown={({ key }) => {
          typing.current = key !== "Enter";
          if (key === "Enter") choose();
        }}
        onInput={() => typing.current || choose()}
        onBlur={leave}
      />
    </label>
  );
}

export interface Range {
  /** UTC days, both included */
  from: string;
  to: string;
  /** How many days up to today, where that is what was asked for */
  lately: number | null;
}

/** As long as days are kept. */
export const MAX_DAYS = 400;
export const PRESETS = [7, 30, 90, MAX_DAYS] as const;
const DEFAULT_DAYS = 30;

/** What the address says, kept within the days that there are. */
export function rangeOf(query: Query, today: string): Range {
  const { from = "", to = "" } = query;
  if (isDate(from) && isDate(to)) {
    const [first, last] = [from, to].sort() as [string, string];
    const oldest = addDays(today, 1 - MAX_DAYS);
    return { from: clamp(first, oldest, today), to: clamp(last, oldest, today), lately: null };
  }
  const days = Number(query.days);
  const lately = Number.isInteger(days) && days >= 1 && days <= MAX_DAYS ? days : DEFAULT_DAYS;
  return { from: addDays(today, 1 - lately), to: today, lately };
}

/** What the address is to say of the last so many days. */
export function lastDays(days: number): Query {
  return { days: days === DEFAULT_DAYS ? "" : String(days), from: "", to: "" };
}

export function fromTo(from: string, to: string): Query {
  return { days: "", from, to };
}

/** Every day of it, in order. */
export function daysOf({ from, to }: Pick<Range, "from" | "to">): string[] {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY) + 1;
  return Array.from({ length: count }, (_, index) => addDays(from, index));
}

function clamp(date: string, first: string, last: string): string {
  return date < first ? first : date > last ? last : date;
}
