/** How a way up the ladder is drawn: the closed minutes of the hour as steps over time, what stood still, and what comes. */

import { type Freeze, joined, type StagePicture, type Step } from "../domain/steps";
import { monthName, shortDate, shortDateTime } from "../lib/time";
import { axes, type Palette, type uPlot } from "./chart";

/** CSS pixels; the lanes stand above the steps. */
const [HEIGHT, MARK_LANE, STAGE_LANE] = [260, 20, 20];
const LABEL_GAP = 6;
const DAY = 86_400;

interface Handlers {
  /** The time pointed at */
  onPoint: (at: number | null) => void;
  /** The time clicked on */
  onPick?: ((at: number) => void) | undefined;
}

export function stagePlot(
  picture: StagePicture,
  palette: Palette,
  width: number,
  { onPoint, onPick }: Handlers,
) {
  const { x, y } = axes(palette);
  const draw = new Drawing(picture, palette);
  const options: uPlot.Options = {
    width,
    height: HEIGHT,
    padding: [MARK_LANE + STAGE_LANE, 18, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: [picture.from / 1000, picture.until / 1000] },
      y: { range: [0, 60] },
    },
    axes: [
      { ...x, space: 64, size: 30, values: (_, splits, __, ___, step) => names(splits, step) },
      { ...y, splits: () => [0, 10, 20, 30, 40, 50, 60], size: 34 },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: {
      drawClear: [(plot) => draw.ground(plot)],
      draw: [(plot) => draw.steps(plot)],
      ready: [
        (plot) =>
          onPick &&
          plot.over.addEventListener("click", ({ offsetX }) => onPick(plot.posToVal(offsetX, "x") * 1000)),
      ],
      setCursor: [
        ({ cursor, posToVal }) =>
          onPoint(cursor.left === undefined || cursor.left < 0 ? null : posToVal(cursor.left, "x") * 1000),
      ],
    },
  };
  const ends = [picture.from, picture.until].map((at) => at / 1000);
  return { options, data: [ends, [0, 60]] as uPlot.AlignedData };
}

function names(splits: number[], step: number): string[] {
  return splits.map((second) => {
    const date = new Date(second * 1000);
    if (step >= 28 * DAY) return monthName(date);
    return step >= DAY ? shortDate(date) : shortDateTime(date, date);
  });
}

/** Everything on the canvas but the axes. */
class Drawing {
  readonly #picture: StagePicture;
  readonly #palette: Palette;

  constructor(picture: StagePicture, palette: Palette) {
    this.#picture = picture;
    this.#palette = palette;
  }

  /** What lies under the grid: the times that stand still. */
  ground(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.globalAlpha = 0.35;
    ctx.fillStyle = this.#palette.frozen;
    for (const [from, until] of union(this.#picture.freezes)) {
      const [left, right] = this.#sides(plot, from, until);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  }

  steps(plot: uPlot): void {
    const { ctx } = plot;
    ctx.save();
    for (const step of this.#picture.steps) this.#step(plot, step);
    this.#stageLane(plot);
    this.#now(plot);
    this.#markLane(plot);
    ctx.restore();
  }

  #step(plot: uPlot, step: Step): void {
    const { throttle_minutes, block_minutes } = step.minutes;
    const closed = throttle_minutes + block_minutes;
    if (closed === 0) return;
    const hatched = step.kind !== "met";
    const { defer, reject, would_defer, would_reject } = this.#palette;
    for (const [from, until] of without(step, this.#picture.freezes)) {
      this.#area(plot, [from, until], [0, block_minutes], hatched ? would_reject : reject);
      this.#area(plot, [from, until], [block_minutes, closed], hatched ? would_defer : defer);
    }
    this.#edge(plot, step, block_minutes, block_minutes > 0 ? reject : null);
    this.#edge(plot, step, closed, throttle_minutes > 0 ? defer : null);
    this.#level(plot, step, closed);
  }

  #area(
    plot: uPlot,
    [from, until]: [number, number],
    [low, high]: [number, number],
    fill: CanvasPattern | string,
  ): void {
    const { ctx } = plot;
    const [left, right] = this.#sides(plot, from, until);
    const [bottom, top] = [plot.valToPos(low, "y", true), plot.valToPos(high, "y", true)];
    ctx.fillStyle = fill;
    ctx.fillRect(left, top, right - left, bottom - top);
  }

  /** The upper end of an area, which goes on through what stands still. */
  #edge(plot: uPlot, { from, until, kind }: Step, level: number, colour: string | null): void {
    if (colour === null) return;
    const { ctx } = plot;
    const [left, right] = this.#sides(plot, from, until);
    const at = plot.valToPos(level, "y", true);
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash(kind === "met" ? [] : [5 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(left, at);
    ctx.lineTo(right, at);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** The minutes, over the step where they have room. */
  #level(plot: uPlot, { from, until, minutes }: Step, closed: number): void {
    const { throttle_minutes, block_minutes } = minutes;
    const both = throttle_minutes > 0 && block_minutes > 0;
    const text = both ? `${block_minutes}+${throttle_minutes}` : String(closed);
    const [left, right] = this.#sides(plot, from, until);
    const { ctx } = plot;
    this.#font(plot, 11);
    if (ctx.measureText(text).width + LABEL_GAP * devicePixelRatio > right - left) return;
    ctx.fillStyle = this.#palette.ink;
    ctx.textAlign = "center";
    ctx.textBaseline = "bottom";
    // at the top of the hour there is no room above
    if (closed > 55) return;
    ctx.fillText(text, (left + right) / 2, plot.valToPos(closed, "y", true) - 3 * devicePixelRatio);
  }

  #stageLane(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const middle = bbox.top - (STAGE_LANE / 2) * devicePixelRatio;
    this.#font(plot, 12, 600);
    ctx.textBaseline = "middle";
    ctx.textAlign = "center";
    for (const { from, until, number } of joined(this.#picture.steps)) {
      const [left, right] = this.#sides(plot, from, until);
      ctx.strokeStyle = this.#palette.line;
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(left, bbox.top - STAGE_LANE * devicePixelRatio);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
      const [start, end] = this.#besideNow(plot, left, right);
      const fits = [`Stage ${number}`, String(number)].find(
        (text) => ctx.measureText(text).width + LABEL_GAP * devicePixelRatio <= end - start,
      );
      ctx.fillStyle = this.#palette.muted;
      if (fits) ctx.fillText(fits, (start + end) / 2, middle);
    }
  }

  /** The wider part of a stage that the present divides: its line would cross the words. */
  #besideNow(plot: uPlot, left: number, right: number): [number, number] {
    const now = plot.valToPos(this.#picture.now / 1000, "x", true);
    if (now <= left || now >= right) return [left, right];
    return now - left > right - now ? [left, now] : [now, right];
  }

  #now(plot: uPlot): void {
    const { now, from, until } = this.#picture;
    if (now < from || now > until) return;
    const { ctx, bbox } = plot;
    const at = Math.round(plot.valToPos(now / 1000, "x", true));
    ctx.strokeStyle = this.#palette.ink;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(at, bbox.top - STAGE_LANE * devicePixelRatio);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }

  /** What happened, from left to right as far as there is room; the present always. */
  #markLane(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const { marks, now, from, until } = this.#picture;
    const middle = bbox.top - (STAGE_LANE + MARK_LANE / 2) * devicePixelRatio;
    const inSight = (at: number) => at >= from && at <= until;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    const taken: [number, number][] = [];
    const write = (at: number, words: string, colour: string) => {
      const x = plot.valToPos(at / 1000, "x", true);
      const wide = ctx.measureText(words).width;
      const left = Math.min(Math.max(x - wide / 2, bbox.left), bbox.left + bbox.width - wide);
      const gap = LABEL_GAP * devicePixelRatio;
      if (taken.some(([start, end]) => left < end + gap && left + wide + gap > start)) return;
      taken.push([left, left + wide]);
      ctx.fillStyle = colour;
      ctx.fillText(words, left, middle);
    };
    this.#font(plot, 12, 600);
    if (inSight(now)) write(now, this.#picture.nowWords ?? "now", this.#palette.ink);
    this.#font(plot, 12);
    for (const { at, words } of marks) {
      if (!inSight(at)) continue;
      write(at, words, this.#palette.muted);
      this.#tick(plot, at);
    }
  }

  #tick(plot: uPlot, at: number): void {
    const { ctx, bbox } = plot;
    const x = plot.valToPos(at / 1000, "x", true);
    const foot = bbox.top + bbox.height;
    const size = 4.5 * devicePixelRatio;
    ctx.fillStyle = this.#palette.ink;
    ctx.beginPath();
    ctx.moveTo(x, foot - size);
    ctx.lineTo(x + size, foot);
    ctx.lineTo(x, foot + size);
    ctx.lineTo(x - size, foot);
    ctx.fill();
  }

  #font(plot: uPlot, pixels: number, weight = 400): void {
    const { font } = this.#palette;
    plot.ctx.font = `${weight} ${pixels * devicePixelRatio}px ${font.slice(font.indexOf(" "))}`;
  }

  /** Within the plot. */
  #sides(plot: uPlot, from: number, until: number): [number, number] {
    const side = (at: number) => {
      const within = Math.min(Math.max(at, this.#picture.from), this.#picture.until);
      return Math.round(plot.valToPos(within / 1000, "x", true));
    };
    return [side(from), side(until)];
  }
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
