/**
 * The way up the ladder: the closed minutes of the hour as a picture, the stage pointed at in words. Stages are pointed at
 * with the mouse or the arrow keys.
 */
import { useState } from "preact/hooks";
import type { Freeze, StagePicture, Step } from "../domain/steps";
import { rate, wouldBeRate } from "../domain/words";
import { dateTime } from "../lib/time";
import { Chart } from "./chart";
import { OutcomeMark } from "./marks";
import { stagePlot } from "./stage-plot";

interface Props {
  picture: StagePicture;
  /** In words, for who does not see it */
  label: string;
  /** A moment is chosen, by a click or by Enter on a stage */
  onPick?: (at: number) => void;
}

export function StageChart({ picture, label, onPick }: Props) {
  const { steps, freezes, now } = picture;
  const [at, setAt] = useState<number | null>(null);
  const current = steps.findIndex((step) => step.from <= now && now < step.until);
  const resting = current < 0 ? steps.length - 1 : current;
  const pointed = at ?? resting;
  const point = (time: number | null) => {
    const found = time === null ? -1 : steps.findIndex((step) => step.from <= time && time < step.until);
    setAt(found < 0 ? null : found);
  };
  const step = steps[pointed];
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter" && onPick && step) onPick(step.from);
    const next = { ArrowLeft: pointed - 1, ArrowRight: pointed + 1, Home: 0, End: steps.length - 1 }[
      event.key
    ];
    if (next === undefined) return;
    event.preventDefault();
    setAt(Math.min(Math.max(next, 0), steps.length - 1));
  };
  return (
    <figure class="stages">
      <Legend picture={picture} />
      <div
        class="stages-picture"
        role="slider"
        tabIndex={0}
        aria-label="Stage"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, steps.length - 1)}
        aria-valuenow={pointed}
        aria-valuetext={step ? inWords(step, freezes) : "none"}
        onKeyDown={press}
        onBlur={() => setAt(null)}
      >
        <Chart
          inputs={[picture]}
          label={label}
          make={(palette, width) => stagePlot(picture, palette, width, { onPoint: point, onPick })}
        />
      </div>
      <figcaption class="stages-reading">
        {at !== null && step ? (
          inWords(step, freezes)
        ) : (
          <span class="muted">Point at a stage to read it{onPick && ", choose a moment by clicking"}.</span>
        )}
      </figcaption>
    </figure>
  );
}

const KINDS = [
  { kind: "met", defer: "defer", reject: "reject", words: "" },
  { kind: "planned", defer: "would_defer", reject: "would_reject", words: "will be " },
  { kind: "would", defer: "would_defer", reject: "would_reject", words: "would be " },
] as const;

function Legend({ picture: { steps, freezes } }: { picture: StagePicture }) {
  return (
    <ul class="stages-legend" aria-label="Minutes of each hour">
      <li>Minutes of each hour</li>
      {KINDS.map(({ kind, defer, reject, words }) => {
        const own = steps.filter((step) => step.kind === kind);
        return (
          <>
            {own.some(({ minutes }) => minutes.throttle_minutes > 0) && (
              <li>
                <OutcomeMark outcome={defer} label={`${words}deferred`} />
              </li>
            )}
            {own.some(({ minutes }) => minutes.block_minutes > 0) && (
              <li>
                <OutcomeMark outcome={reject} label={`${words}rejected`} />
              </li>
            )}
          </>
        );
      })}
      {freezes.length > 0 && (
        <li>
          <span class="mark">
            <span class="frozen-mark" aria-hidden="true" /> clock stands still
          </span>
        </li>
      )}
    </ul>
  );
}

/** `Stage 3 from 1 Dec 2026, 08:15 to 11 Dec 2026, 08:15: 10 min/h deferred` */
function inWords({ from, until, number, minutes, kind }: Step, freezes: Freeze[]): string {
  const still = freezes.filter((freeze) => freeze.from < until && freeze.until > from);
  const end = Number.isFinite(until) ? ` to ${dateTime(new Date(until))}` : " on, for good";
  const what = kind === "would" ? wouldBeRate(minutes) : rate(minutes);
  const pauses = still.map(({ words }) => `; ${words}`).join("");
  return `Stage ${number} from ${dateTime(new Date(from))}${end}: ${what}${pauses}`;
}
