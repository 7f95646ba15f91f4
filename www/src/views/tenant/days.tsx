/** Which days the report is about. */
import { type Place, remember } from "../../lib/router";
import { addDays } from "../../lib/time";
import { fromTo, lastDays, MAX_DAYS, PRESETS, type Range } from "./range";

interface Props {
  place: Place;
  range: Range;
  today: string;
}

export function DaysChoice({ place, range, today }: Props) {
  const oldest = addDays(today, 1 - MAX_DAYS);
  const choose = (from: string, to: string) => {
    if (from !== "" && to !== "") remember(place, fromTo(from, to));
  };
  return (
    <fieldset class="days-choice">
      <legend class="hidden">Days</legend>
      <div class="presets">
        {PRESETS.map((days) => (
          <button
            key={days}
            type="button"
            aria-pressed={range.lately === days}
            onClick={() => remember(place, lastDays(days))}
          >
            {days} days
          </button>
        ))}
      </div>
      <label>
        From{" "}
        <input
          type="date"
          min={oldest}
          max={range.to}
          value={range.from}
          onChange={(event) => choose(event.currentTarget.value, range.to)}
        />
      </label>
      <label>
        to{" "}
        <input
          type="date"
          min={range.from}
          max={today}
          value={range.to}
          onChange={(event) => choose(range.from, event.currentTarget.value)}
        />
      </label>
    </fieldset>
  );
}
