/** A way up the ladder: the closed minutes of the hour as steps over time, what stood still, and what comes. */
import { timeTicks } from "d3-time";
import { type Freeze, joined, type StagePicture, type Step } from "../../domain/steps";
import { rate, wouldBeRate } from "../../domain/words";
import { clock, DAY, dateTime, monthName, shortDate } from "../../lib/time";
import { visible } from "../hostile";
import { OutcomeMark } from "../marks";
import { Chart, type Legend, type Plot, type Span, spaced, type Tick, widthOf } from "./chart";

interface Props {
  picture: StagePicture;
  /** In words, for who does not see it */
  label: string;
  /** A moment is chosen, by a click or by Enter on a stage */
  onPick?: (at: number) => void;
}

/** CSS pixels; the lanes stand above the steps: what happened, then the stages' names. */
const [HEIGHT, LANE, ROOM] = [190, 20, 64];

export function StageChart({ picture, label, onPick }: Props) {
  const { steps, freezes, now } = picture;
  const current = steps.findIndex((step) => step.from <= now && now < step.until);
  return (
    <Chart
      class="stages"
      name="Stage"
      label={label}
      spans={steps}
      range={picture}
      resting={current < 0 ? steps.length - 1 : current}
      top={60}
      height={HEIGHT}
      lanes={2 * LANE}
      rows={[0, 10, 20, 30, 40, 50, 60]}
      ticks={ticks}
      legend={legendOf(picture)}
      read={(index) => inWords(steps[index] as Step, freezes)}
      hint={`Point at a stage or tap it to read it${onPick ? ", choose a moment by clicking" : ""}. Drag to see a part alone.`}
      help="Arrow keys go from stage to stage. With Shift they choose several, which Enter shows alone; Escape shows all."
      onPick={onPick}
    >
      {(plot) => (
        <>
          {union(freezes).map(([from, until]) => (
            <Area key={from} plot={plot} span={{ from, until }} low={0} high={60} outcome="frozen" />
          ))}
          {steps.map((step) => (
            <Closed key={`${step.from} ${step.number}`} plot={plot} step={step} freezes={freezes} />
          ))}
          <StageNames plot={plot} picture={picture} />
          <Marks plot={plot} picture={picture} />
        </>
      )}
    </Chart>
  );
}

function ticks({ from, until }: Span, width: number): Tick[] {
  const found = timeTicks(new Date(from), new Date(until), Math.max(2, width / ROOM));
  const apart = Number(found[1] ?? until) - Number(found[0] ?? from);
  const name = (at: Date) =>
    apart >= 28 * DAY ? monthName(at) : apart >= DAY ? shortDate(at) : `${shortDate(at)} ${clock(at)}`;
  const all = found.map((at) => ({ at: at.getTime(), label: name(at) }));
  return spaced(all, (at) => ((at - from) / (until - from)) * width);
}

interface AreaProps {
  plot: Plot;
  span: Span;
  /** Minutes of the hour */
  low: number;
  high: number;
  outcome: string;
}

function Area({ plot: { x, y, fill }, span, low, high, outcome }: AreaProps) {
  const [left, right] = [x(span.from), x(span.until)];
  if (right <= left || high <= low) return null;
  return <rect x={left} width={right - left} y={y(high)} height={y(low) - y(high)} fill={fill(outcome)} />;
}

/** What a step closes; its upper edges go on through what stands still. */
function Closed({ plot, step, freezes }: { plot: Plot; step: Step; freezes: Freeze[] }) {
  const { throttle_minutes, block_minutes } = step.minutes;
  const closed = throttle_minutes + block_minutes;
  if (closed === 0) return null;
  const { x, y } = plot;
  const would = step.kind === "met" ? "" : "would_";
  const [left, right] = [x(step.from), x(step.until)];
  const text =
    throttle_minutes > 0 && block_minutes > 0 ? `${block_minutes}+${throttle_minutes}` : `${closed}`;
  const edge = (level: number, outcome: string) => (
    <path class={`edge bar-${outcome}`} data-would={would || undefined} d={`M${left} ${y(level)}H${right}`} />
  );
  return (
    <>
      {without(step, freezes).map(([from, until]) => (
        <g key={from}>
          <Area plot={plot} span={{ from, until }} low={0} high={block_minutes} outcome={`${would}reject`} />
          <Area
            plot={plot}
            span={{ from, until }}
            low={block_minutes}
            high={closed}
            outcome={`${would}defer`}
          />
        </g>
      ))}
      {block_minutes > 0 && edge(block_minutes, "reject")}
      {throttle_minutes > 0 && edge(closed, "defer")}
      {closed <= 55 && widthOf(text) < right - left && (
        <text class="chart-level" x={(left + right) / 2} y={y(closed) - 4}>
          {text}
        </text>
      )}
    </>
  );
}

/** Over the steps, in the wider part of one that the present divides: its line would cross the words. */
function StageNames({ plot: { x, height }, picture: { steps, now } }: { plot: Plot; picture: StagePicture }) {
  return (
    <>
      {joined(steps).map(({ from, until, number }) => {
        const [left, right, present] = [x(from), x(until), x(now)];
        const divided = present > left && present < right;
        const first = divided && present - left > right - present;
        const [start, end] = [divided && !first ? present : left, first ? present : right];
        const text = [`Stage ${number}`, `${number}`].find((name) => widthOf(name) + 6 <= end - start);
        return (
          <g key={from} class="chart-lane">
            <path d={`M${left} ${-LANE}V${height}`} />
            {text && (
              <text x={(start + end) / 2} y={-LANE / 2} dy="0.32em">
                {text}
              </text>
            )}
          </g>
        );
      })}
    </>
  );
}

/** What happened, from left to right as far as there is room; the present always. */
function Marks({ plot: { x, width, height }, picture }: { plot: Plot; picture: StagePicture }) {
  const [first, end] = x.domain() as [number, number];
  const inSight = ({ at }: { at: number }) => at >= first && at <= end;
  const tick = ({ at, words }: { at: number; words: string }): Tick => ({ at, label: words });
  const now = { at: picture.now, label: picture.nowWords ?? "now", strong: true };
  const marks = picture.marks.filter(inSight);
  const named = inSight(now) ? spaced(marks.map(tick), x, now) : spaced(marks.map(tick), x);
  return (
    <>
      {inSight(now) && <path class="chart-now" d={`M${x(now.at)} ${-LANE}V${height}`} />}
      {named.map(({ at, label, strong }) => {
        const half = widthOf(label) / 2;
        return (
          <text
            key={`${at} ${label}`}
            class={strong ? "chart-mark chart-strong" : "chart-mark"}
            x={Math.min(Math.max(x(at), half), Math.max(half, width - half))}
            y={-1.5 * LANE}
            dy="0.32em"
          >
            {label}
          </text>
        );
      })}
      {marks.map(({ at, words }) => (
        <path
          key={`${at} ${words}`}
          class="chart-sign"
          d={`M${x(at)} ${height - 4.5}l4.5 4.5-4.5 4.5-4.5-4.5z`}
        />
      ))}
    </>
  );
}

const KINDS = [
  { kind: "met", defer: "defer", reject: "reject", words: "" },
  { kind: "planned", defer: "would_defer", reject: "would_reject", words: "will be " },
  { kind: "would", defer: "would_defer", reject: "would_reject", words: "would be " },
] as const;

function legendOf({ steps, freezes }: StagePicture): Legend {
  const closes = (kind: Step["kind"], which: "throttle_minutes" | "block_minutes") =>
    steps.some((step) => step.kind === kind && step.minutes[which] > 0);
  const marks = KINDS.flatMap(({ kind, defer, reject, words }) => [
    closes(kind, "throttle_minutes") && <OutcomeMark outcome={defer} label={`${words}deferred`} />,
    closes(kind, "block_minutes") && <OutcomeMark outcome={reject} label={`${words}rejected`} />,
  ]);
  const name = "Minutes of each hour";
  const still = freezes.length > 0 && (
    <span class="mark">
      <span class="frozen-mark" aria-hidden="true" /> clock stands still
    </span>
  );
  return { name, entries: [name, ...marks, still].filter(Boolean) };
}

/** `Stage 3 from 1 Dec 2026, 08:15 to 11 Dec 2026, 08:15: 10 min/h deferred` */
function inWords({ from, until, number, minutes, kind }: Step, freezes: Freeze[]): string {
  const still = freezes.filter((freeze) => freeze.from < until && freeze.until > from);
  const end = Number.isFinite(until) ? ` to ${dateTime(new Date(until))}` : " on, for good";
  const what = kind === "would" ? wouldBeRate(minutes) : rate(minutes);
  const pauses = still.map(({ words }) => `; ${visible(words)}`).join("");
  return `Stage ${number} from ${dateTime(new Date(from))}${end}: ${what}${pauses}`;
}

/** Freezes without overlap, in order. */
function union(freezes: Freeze[]): [number, number][] {
  const found: [number, number][] = [];
  for (const { from, until } of [...freezes].sort((one, other) => one.from - other.from)) {
    const before = found.at(-1);
    if (before && from <= before[1]) before[1] = Math.max(before[1], until);
    else found.push([from, until]);
  }
  return found;
}

/** The parts of a step in which the clock runs. */
function without({ from, until }: Step, freezes: Freeze[]): [number, number][] {
  let parts: [number, number][] = [[from, until]];
  for (const freeze of freezes) {
    parts = parts.flatMap(([start, end]): [number, number][] =>
      freeze.until <= start || freeze.from >= end
        ? [[start, end]]
        : [
            [start, freeze.from],
            [freeze.until, end],
          ],
    );
  }
  return parts.filter(([start, end]) => start < end);
}
