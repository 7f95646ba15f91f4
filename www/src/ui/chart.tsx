/** What all charts share: uPlot in a box that follows its width and the reader's colours. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useColourScheme } from "../lib/theme";

export type { uPlot };

/** The colours of `style/base.css`, as a canvas needs them. */
export interface Palette {
  accept: string;
  defer: string;
  reject: string;
  would_defer: CanvasPattern | string;
  would_reject: CanvasPattern | string;
  frozen: CanvasPattern | string;
  ink: string;
  muted: string;
  line: string;
  raised: string;
  paper: string;
  font: string;
}

interface Props {
  /** Changes make a new chart */
  inputs: readonly unknown[];
  make: (palette: Palette, width: number) => { options: uPlot.Options; data: uPlot.AlignedData };
  /** In words, for who does not see it; the figures themselves stand in a table beside it */
  label: string;
}

export function Chart({ inputs, make, label }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useColourScheme();
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { options, data } = make(readPalette(element), element.clientWidth);
    const made = new uPlot(options, data, element);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [...inputs, scheme]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const follow = new ResizeObserver(() => {
      const made = plot.current;
      if (made && element.clientWidth > 0 && made.width !== element.clientWidth)
        made.setSize({ width: element.clientWidth, height: made.height });
    });
    follow.observe(element);
    return () => follow.disconnect();
  }, []);
  return <div ref={box} class="chart" role="img" aria-label={label} />;
}

function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const [defer, reject, paper, muted] = [colour("defer"), colour("reject"), colour("paper"), colour("muted")];
  return {
    accept: colour("accept"),
    defer,
    reject,
    would_defer: hatch(defer, paper),
    would_reject: hatch(reject, paper),
    frozen: hatch(muted, "transparent"),
    ink: colour("ink"),
    muted,
    line: colour("line"),
    raised: colour("raised"),
    paper,
    font: `12px ${style.fontFamily}`,
  };
}

/** Slanting lines: what would be, and what stands still. */
function hatch(colour: string, ground: string): CanvasPattern | string {
  const size = Math.round(6 * devicePixelRatio);
  const tile = document.createElement("canvas");
  tile.width = size;
  tile.height = size;
  const context = tile.getContext("2d");
  if (!context) return colour;
  context.fillStyle = ground;
  if (ground !== "transparent") context.fillRect(0, 0, size, size);
  context.strokeStyle = colour;
  context.lineWidth = Math.max(1, size / 3.2);
  for (const offset of [-size, 0, size]) {
    context.beginPath();
    context.moveTo(offset - 1, size + 1);
    context.lineTo(offset + size + 1, -1);
    context.stroke();
  }
  return context.createPattern(tile, "repeat") ?? colour;
}

/** Axes as all charts have them. */
export function axes(palette: Palette): { x: uPlot.Axis; y: uPlot.Axis } {
  const shared: uPlot.Axis = { stroke: palette.muted, font: palette.font };
  return {
    x: { ...shared, grid: { show: false }, ticks: { stroke: palette.line, width: 1, size: 4 } },
    y: { ...shared, grid: { stroke: palette.line, width: 1 }, ticks: { show: false }, size: 44 },
  };
}
