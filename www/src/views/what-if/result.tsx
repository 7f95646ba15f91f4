/** What would become of the mail: a sentence, the stages over time, one hour of them, and their dates. */
import type { Simulation } from "../../domain/simulation";
import { type Freeze, joined, type StagePicture, type Step } from "../../domain/steps";
import { rate, reason } from "../../domain/words";
import { DAY, day } from "../../lib/time";
import { HourChart } from "../../ui/chart/hour";
import { StageChart } from "../../ui/chart/stages";
import { StageTable } from "../../ui/stage-table";
import { Time } from "../../ui/text";
import type { Days, Inputs } from "./inputs";

interface Props {
  inputs: Inputs;
  simulation: Simulation;
  onPick: (at: number) => void;
}

export function Result({ inputs, simulation, onPick }: Props) {
  const { stages, hour } = simulation;
  const picture = pictureOf(inputs, simulation);
  const isEnforced = stages.length === inputs.ladder.length;
  return (
    <>
      <div class="verdict" aria-live="polite">
        <p class="verdict-first">
          <Judgement inputs={inputs} simulation={simulation} />
        </p>
        {simulation.standing.state === "out_of_date" && (
          <p>
            {isEnforced ? (
              <Course inputs={inputs} simulation={simulation} />
            ) : (
              `No day is set from which ${simulation.product ?? "its product"} is enforced: it is only reported, and all its mail is accepted.`
            )}
          </p>
        )}
      </div>
      {isEnforced && (
        <>
          <section aria-labelledby="stages">
            <h2 id="stages">The stages</h2>
            <StageChart
              picture={picture}
              label="Closed minutes of each hour, as stages over time"
              onPick={onPick}
            />
          </section>
          <section aria-labelledby="hour">
            <h2 id="hour">
              The hour from <Time at={hour.start.toISOString()} />
            </h2>
            <HourChart actions={hour.actions} start={hour.start} now={new Date(inputs.at)} />
            <Shift inputs={inputs} offset={hour.offset} />
          </section>
          <section aria-labelledby="dates">
            <h2 id="dates">The dates</h2>
            <StageTable caption="The dates of all stages" steps={joined(picture.steps)} />
          </section>
        </>
      )}
    </>
  );
}

function Judgement({ inputs, simulation }: Pick<Props, "inputs" | "simulation">) {
  const { standing, product, cu, su } = simulation;
  const what = [product, cu, su].filter(Boolean).join(" ") || null;
  const named = what === null ? inputs.build : `${inputs.build} (${what})`;
  switch (standing.state) {
    case "current":
      return <>{named} is up to date: its mail is accepted.</>;
    case "out_of_date":
      return standing.required === null ? (
        <>{named} is out of date: it is out of support.</>
      ) : (
        <>
          {named} is out of date: {standing.required} or later is required.
        </>
      );
    default:
      return (
        <>
          Whether {named} is up to date is not known: {reason(standing)}. Its mail is accepted.
        </>
      );
  }
}

/** When it would be throttled, when blocked entirely, and what the moment is like. */
function Course({ inputs, simulation }: Pick<Props, "inputs" | "simulation">) {
  const { stages } = simulation;
  const throttled = stages.find(({ minutes }) => minutes.throttle_minutes > 0);
  const blocked = stages.find(({ minutes }) => minutes.block_minutes > 0);
  const whole = stages.find(({ minutes }) => minutes.block_minutes === 60);
  const current = stages.find(({ from, until }) => from <= inputs.at && inputs.at < until);
  const events = [
    { stage: throttled, words: "some of its mail is deferred" },
    { stage: blocked === whole ? undefined : blocked, words: "some is rejected" },
    { stage: whole, words: "all of it is rejected" },
  ].filter(({ stage }) => stage !== undefined);
  return (
    <>
      {events.length === 0 && "No stage of this ladder closes a minute."}
      {events.map(({ stage, words }, index) => (
        <span key={words}>
          {index === 0 ? "From " : "; from "}
          <Time at={iso(stage?.from ?? 0)} short /> {words}
        </span>
      ))}
      {events.length > 0 && ". "}
      {simulation.paused && "At the moment looked at, it is paused: all its mail is accepted."}
      {!simulation.paused && current && (
        <>
          On <Time at={iso(inputs.at)} short /> it is in stage {current.number}: {rate(current.minutes)}.
        </>
      )}
    </>
  );
}

function Shift({ inputs: { tenant, server }, offset }: { inputs: Inputs; offset: number }) {
  if (tenant === "" || server === "") {
    return (
      <p class="hint">
        Each server's hour begins at another minute, so that they do not all close at once. Give a tenant and
        a server to see their own minutes; here it begins at the full hour.
      </p>
    );
  }
  return (
    <p class="hint">
      The hour of {server} in {tenant} is shifted by {offset} {offset === 1 ? "minute" : "minutes"}.
    </p>
  );
}

/** What lies behind the moment as it was met, what lies ahead as it is to come. */
function pictureOf(inputs: Inputs, { stages }: Simulation): StagePicture {
  const steps = stages.flatMap(({ from, until, number, minutes }): Step[] => {
    const at = Math.min(Math.max(inputs.at, from), until);
    const met: Step = { from, until: at, number, minutes, kind: "met" };
    const planned: Step = { from: at, until, number, minutes, kind: "planned" };
    return [met, planned].filter((step) => step.from < step.until);
  });
  const first = stages[0]?.from ?? inputs.found;
  const last = stages.at(-1)?.from ?? first;
  const margin = Math.max((last - first) / 25, 60_000);
  return {
    steps,
    freezes: inputs.pauses.map(freezeOf),
    marks: [{ at: inputs.found, words: "found" }],
    now: inputs.at,
    nowWords: "moment",
    from: Math.min(first, inputs.at) - margin,
    until: Math.max(last + 3 * margin, inputs.at + margin),
  };
}

export function freezeOf({ first, last }: Days): Freeze {
  const from = Date.parse(`${first}T00:00:00Z`);
  const until = Date.parse(`${last}T00:00:00Z`) + DAY;
  return { from, until, words: `paused from ${day(first)} to ${day(last)}` };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
