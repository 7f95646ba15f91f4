/**
 * What all charts share: one axis of time, what stands along it to be pointed at (by mouse, by touch, with the arrow
 * keys), the words for it, and the choice of a part: dragged across, or with Shift.
 */
import { type ScaleLinear, scaleLinear } from "d3-scale";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Patterns } from "./patterns";

/** Moments in milliseconds; `until` may be `Infinity` */
export interface Span {
  from: number;
  until: number;
}

/** What marks are drawn by. */
export interface Plot {
  /** Moments to pixels; what lies outside of the chart is at its edge */
  x: ScaleLinear<number, number>;
  y: ScaleLinear<number, number>;
  width: number;
  height: number;
  /** How an outcome is filled */
  fill: (outcome: string) => string;
}

export interface Tick {
  at: number;
  label: string;
  strong?: boolean;
}

/** What fillings and marks stand for, with figures where there are any. */
export interface Legend {
  name: string;
  entries: ComponentChildren[];
}

interface Props {
  /** What the arrow keys go along, such as `Day` */
  name: string;
  /** In words, for who does not see it; the figures themselves stand in a table beside it */
  label: string;
  spans: Span[];
  /** All that there is to see */
  range: Span;
  /** Which of `spans` is read where none is pointed at */
  resting: number;
  /** The highest value */
  top: number;
  /** In pixels: of the plot, and of what stands over it */
  height: number;
  lanes?: number;
  rows: number[];
  rowName?: (value: number) => string;
  /** Those for which there is room */
  ticks: (shown: Span, width: number) => Tick[];
  legend: Legend;
  read: (index: number) => string;
  /** Where it looks otherwise than `read` */
  show?: (index: number) => ComponentChildren;
  hint: ComponentChildren;
  help: string;
  /** A part was chosen; by default it is shown alone. Null: none can be chosen */
  onRange?: ((from: number, until: number) => void) | null;
  chosen?: (from: number, until: number) => string;
  /** A moment is chosen, by a click or by Enter */
  onPick?: ((at: number) => void) | undefined;
  class?: string;
  children: (plot: Plot) => ComponentChildren;
}

/** A shorter way than this is a click, in pixels. */
const DRAG = 6;
const STEPS: Record<string, number> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -7,
  PageUp: 7,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};
/** Below the plot, and beside it where no values stand. */
const [AXIS, RIGHT] = [26, 18];

export function Chart(props: Props) {
  const { spans, onPick, onRange, lanes = 0, height, rows, rowName = String } = props;
  const id = useId();
  const figure = useRef<SVGSVGElement>(null);
  const width = useWidth(figure);
  const [at, setAt] = useState<number | null>(null);
  const [zoomed, setZoomed] = useState<Span | null>(null);
  /** From where to where a part is being chosen, in moments */
  const [part, setPart] = useState<[number, number] | null>(null);
  /** Where a drag began, in pixels; where a choice by the keyboard did, of `spans` */
  const [drag, anchor] = [useRef<number | null>(null), useRef<number | null>(null)];
  const shown = zoomed ?? props.range;
  const left = rows.length > 0 ? 44 : RIGHT;
  const wide = Math.max(1, width - left - RIGHT);
  const x = scaleLinear([shown.from, shown.until], [0, wide]).clamp(true);
  const y = scaleLinear([0, props.top], [height, 0]);
  const last = spans.length - 1;
  const current = Math.min(at ?? props.resting, last);

  const choose = (from: number, until: number) => {
    setPart(null);
    if (onRange) onRange(from, until);
    else setZoomed({ from, until });
  };
  const drop = () => {
    anchor.current = null;
    setPart(null);
  };
  const press = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const to = Math.min(last, Math.max(0, current + step));
      setAt(to);
      if (zoomed && !meets(spans[to], zoomed)) setZoomed(null);
      if (!event.shiftKey || onRange === null) return drop();
      anchor.current ??= current;
      const [first, final] = [Math.min(anchor.current, to), Math.max(anchor.current, to)];
      setPart([spans[first]?.from ?? shown.from, Math.min(spans[final]?.until ?? shown.until, shown.until)]);
    } else if (event.key === "Enter" && part) {
      drop();
      choose(...part);
    } else if (event.key === "Enter") onPick?.(spans[current]?.from ?? 0);
    else if (event.key === "Escape" && part) drop();
    else if (event.key === "Escape") setZoomed(null);
  };

  const pixels = (event: PointerEvent) =>
    event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
  const follow = (event: PointerEvent) => {
    const to = pixels(event);
    const moment = x.invert(to);
    const found = spans.findIndex(({ from, until }) => from <= moment && moment < until);
    setAt(found < 0 ? null : found);
    if (drag.current !== null && onRange !== null && Math.abs(to - drag.current) >= DRAG)
      setPart([Math.min(moment, x.invert(drag.current)), Math.max(moment, x.invert(drag.current))]);
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    drag.current = pixels(event);
    follow(event);
  };
  const end = (event: PointerEvent) => {
    const began = drag.current;
    drag.current = null;
    if (began === null) return;
    if (part && Math.abs(pixels(event) - began) >= DRAG) choose(...part);
    else onPick?.(x.invert(pixels(event)));
  };
  const stop = () => {
    drag.current = null;
    setPart(null);
  };
  const point = spans[current];
  return (
    <figure class={`chart ${props.class ?? ""}`}>
      <ul class="chart-legend" aria-label={props.legend.name}>
        {props.legend.entries.map((entry, index) => (
          <li key={index}>{entry}</li>
        ))}
      </ul>
      <div
        class="chart-picture"
        role="slider"
        tabIndex={0}
        aria-label={props.name}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, current)}
        aria-valuetext={point ? props.read(current) : "none"}
        aria-describedby={id}
        onKeyDown={press}
        onBlur={() => {
          setAt(null);
          drop();
        }}
        onFocus={() => setAt((before) => before ?? props.resting)}
      >
        <svg
          ref={figure}
          class="chart-svg"
          height={lanes + height + AXIS}
          role="img"
          aria-label={props.label}
        >
          <Patterns id={id} />
          <g transform={`translate(${left} ${lanes})`}>
            {rows.map((value) => (
              <g key={value} class="chart-row" transform={`translate(0 ${y(value)})`}>
                <line x2={wide} />
                <text x="-8" dy="0.32em">
                  {rowName(value)}
                </text>
              </g>
            ))}
            {props.ticks(shown, wide).map((tick) => (
              <g key={tick.at} class="chart-tick" transform={`translate(${x(tick.at)} ${height})`}>
                <line y2="4" />
                <text y="18" class={tick.strong ? "chart-strong" : undefined}>
                  {tick.label}
                </text>
              </g>
            ))}
            {props.children({ x, y, width: wide, height, fill: (outcome) => `url(#${id}-${outcome})` })}
            {at !== null && point && meets(point, shown) && (
              <rect
                class="chart-point"
                x={x(point.from)}
                width={x(point.until) - x(point.from)}
                height={height}
              />
            )}
            {part && (
              <rect class="chart-part" x={x(part[0])} width={x(part[1]) - x(part[0])} height={height} />
            )}
            <rect
              class="chart-over"
              width={wide}
              height={height}
              onPointerMove={follow}
              onPointerDown={begin}
              onPointerUp={end}
              onPointerCancel={stop}
              onPointerLeave={(event) => event.pointerType === "mouse" && setAt(null)}
            />
          </g>
        </svg>
      </div>
      <p id={id} hidden>
        {props.help}
      </p>
      <figcaption class="chart-reading">
        {at !== null && point ? (props.show ?? props.read)(current) : <span class="muted">{props.hint}</span>}
        {part && anchor.current !== null && (
          <span class="muted">{props.chosen?.(...part) ?? "Press Enter to see this part alone."}</span>
        )}
        {zoomed && (
          <button type="button" class="quiet" onClick={() => setZoomed(null)}>
            Show all
          </button>
        )}
      </figcaption>
    </figure>
  );
}

function meets(span: Span | undefined, shown: Span): boolean {
  return span !== undefined && span.from < shown.until && span.until > shown.from;
}

/** Follows that of the element. */
function useWidth(element: { current: Element | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => setWidth(element.current?.clientWidth ?? 0), []);
  useEffect(() => {
    if (!element.current) return;
    const watch = new ResizeObserver(() => setWidth(element.current?.clientWidth ?? 0));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** About how wide a text is, in pixels. */
export function widthOf(text: string): number {
  return 7 * text.length;
}

/** The names of moments without those that would touch the one before, or `kept`. */
export function spaced(ticks: Tick[], x: (at: number) => number, kept?: Tick): Tick[] {
  const taken = kept ? [kept] : [];
  const free = (tick: Tick) =>
    taken.every(
      (other) => Math.abs(x(tick.at) - x(other.at)) >= (widthOf(tick.label) + widthOf(other.label)) / 2 + 10,
    );
  for (const tick of ticks) if (free(tick)) taken.push(tick);
  return taken;
}
