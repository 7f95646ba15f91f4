/** How mail by the day is drawn: stacked bars, a lane above them for what happened, and the days beneath. */
import uPlot from "uplot";
import { number, type Outcome } from "../domain/words";
import type { Counts } from "../lib/api";
import { DAY, shortDay } from "../lib/time";
import { axes, type Palette } from "./chart";

export interface Day {
  /** Of UTC, such as `2026-12-01` */
  date: string;
  counts: Counts;
  /** What happened to servers, in words */
  events: string[];
}

interface Handlers {
  /** The day pointed at */
  onDay: (index: number | null) => void;
  /** Days that were dragged across */
  onRange: (first: number, last: number) => void;
  onReady: (plot: uPlot) => void;
}

/** From the bottom up. What would be deferred or rejected was accepted: it stands on what was accepted anyhow. */
const STACK = ["accept", "would_defer", "would_reject", "defer", "reject"] as const satisfies Outcome[];

/** CSS pixels */
const [HEIGHT, LANE, LABEL_GAP, MARKER] = [250, 24, 58, 8];
/** Between two lines of the grid, in messages: whole numbers. */
const STEPS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((power) => [power, 2 * power, 5 * power]);
/** A shorter way than this is a click. */
const DRAG = 6;

export function dayPlot(days: Day[], today: string, palette: Palette, width: number, handlers: Handlers) {
  const { x, y } = axes(palette);
  const bars = uPlot.paths.bars?.({ size: [0.82, 46], align: 0 });
  const places = days.map(({ date }) => date);
  const options: uPlot.Options = {
    width,
    height: HEIGHT,
    padding: [LANE, 18, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: [-0.5, days.length - 0.5] },
      y: { range: (_, __, highest) => [0, Math.max(4, highest * 1.04)] },
    },
    axes: [
      {
        ...x,
        size: 30,
        splits: (plot) => splits(places, today, plot.bbox.width / devicePixelRatio),
        values: (_, shown) =>
          shown.map((at) => (places[at] === today ? "Today" : shortDay(places[at] ?? today))),
      },
      {
        ...y,
        incrs: STEPS,
        values: (_, shown) => shown.map(compact),
      },
    ],
    // the highest first; each reaches down to the next
    series: [
      {},
      ...[...STACK]
        .reverse()
        .map((outcome) => ({ fill: palette[outcome], width: 0, paths: bars, points: { show: false } })),
    ],
    bands: STACK.slice(1).map((_, level) => ({ series: [level + 1, level + 2] })),
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: DRAG },
    },
    hooks: {
      ready: [handlers.onReady],
      setCursor: [(plot) => handlers.onDay(plot.cursor.idx ?? null)],
      setSelect: [(plot) => choose(plot, days.length, handlers.onRange)],
      drawClear: [(plot) => drawToday(plot, places.indexOf(today), palette)],
      draw: [(plot) => drawEvents(plot, days, palette)],
    },
  };
  return { options, data: stack(days) };
}

function stack(days: Day[]): uPlot.AlignedData {
  const sums = days.map(({ counts }) => {
    const { accept, would_defer, would_reject, defer, reject } = counts;
    let sum = 0;
    const parts = { accept: accept - would_defer - would_reject, would_defer, would_reject, defer, reject };
    return STACK.map((outcome) => {
      sum += parts[outcome];
      return sum;
    });
  });
  return [
    days.map((_, index) => index),
    ...STACK.map((_, level) => sums.map((sum) => sum[level] ?? 0)).reverse(),
  ];
}

function choose(plot: uPlot, count: number, onRange: Handlers["onRange"]): void {
  const { left, width } = plot.select;
  if (width < DRAG) return;
  const index = (at: number) => Math.min(count - 1, Math.max(0, Math.round(plot.posToVal(at, "x"))));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onRange(index(left), index(left + width));
}

/** Which days may be named beneath, and how far apart they are in days: the first that leaves room is taken. */
const NAMED: [number, (date: string) => boolean][] = [
  [1, () => true],
  [2, (date) => (Date.parse(date) / DAY) % 2 === 0],
  [7, (date) => new Date(date).getUTCDay() === 1],
  [30, (date) => date.endsWith("-01")],
  [90, (date) => /-(01|04|07|10)-01$/.test(date)],
];

function splits(dates: string[], today: string, width: number): number[] {
  const room = width / dates.length;
  const isNamed = NAMED.find(([days]) => days * room >= LABEL_GAP)?.[1] ?? (() => false);
  const now = dates.indexOf(today);
  const isFree = (index: number) => now < 0 || Math.abs(index - now) * room >= LABEL_GAP * 0.8;
  const named = dates.flatMap((date, index) => (isNamed(date) && isFree(index) ? [index] : []));
  return now < 0 ? named : [...named, now].sort((one, other) => one - other);
}

const COMPACT = new Intl.NumberFormat("en-GB", { notation: "compact" });

function compact(value: number): string {
  return value < 10_000 ? number(value) : COMPACT.format(value);
}

function drawToday(plot: uPlot, index: number, palette: Palette): void {
  if (index < 0) return;
  const { ctx, bbox } = plot;
  const [left, right] = [index - 0.5, index + 0.5].map((at) => plot.valToPos(at, "x", true)) as [
    number,
    number,
  ];
  ctx.fillStyle = palette.raised;
  ctx.fillRect(left, bbox.top - LANE * devicePixelRatio, right - left, bbox.height + LANE * devicePixelRatio);
}

/** A disc with their number over each day on which something happened; discs that would touch become one. */
function drawEvents(plot: uPlot, days: Day[], palette: Palette): void {
  const { ctx, bbox } = plot;
  const radius = MARKER * devicePixelRatio;
  const discs: { at: number; last: number; count: number }[] = [];
  days.forEach(({ events }, index) => {
    if (events.length === 0) return;
    const at = plot.valToPos(index, "x", true);
    const before = discs.at(-1);
    if (before && at - before.last < 2.5 * radius) {
      before.at = (before.at * before.count + at * events.length) / (before.count + events.length);
      before.last = before.at;
      before.count += events.length;
    } else discs.push({ at, last: at, count: events.length });
  });
  ctx.save();
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.font = `600 ${10.5 * devicePixelRatio}px ${palette.font.slice(palette.font.indexOf(" "))}`;
  const middle = bbox.top - (LANE - MARKER - 2) * devicePixelRatio;
  for (const { at, count } of discs) {
    const text = number(count);
    const half = Math.max(radius, ctx.measureText(text).width / 2 + radius / 2);
    ctx.fillStyle = palette.ink;
    ctx.beginPath();
    ctx.roundRect(at - half, middle - radius, 2 * half, 2 * radius, radius);
    ctx.fill();
    ctx.fillStyle = palette.paper;
    ctx.fillText(text, at, middle + devicePixelRatio / 2);
  }
  ctx.restore();
}
