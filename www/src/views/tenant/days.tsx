/** Which days the report is about. */
import { useEffect, useRef } from "preact/hooks";
import { type Place, updateQuery } from "../../lib/router";
import { addDays } from "../../lib/time";
import { fromTo, lastDays, MAX_DAYS, PRESETS, type Range } from "./range";

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
