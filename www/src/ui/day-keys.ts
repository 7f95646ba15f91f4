/** Days of a chart by the keyboard: arrows point at one, with Shift they choose several, Enter shows those alone. */
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import type { uPlot } from "./chart";

interface Options {
  plot: RefObject<uPlot | null>;
  /** Where one is */
  at: number;
  last: number;
  onRange: (first: number, last: number) => void;
}

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

export function useDayKeys({ plot, at, last, onRange }: Options) {
  const anchor = useRef<number | null>(null);
  const [chosen, setChosen] = useState<[number, number] | null>(null);
  const point = (index: number) => {
    const { current } = plot;
    current?.setCursor({ left: current.valToPos(index, "x"), top: 1 });
  };
  const choose = (range: [number, number] | null) => {
    setChosen(range);
    const { current } = plot;
    if (!current) return;
    const [left, right] = range
      ? [range[0] - 0.5, range[1] + 0.5].map((day) => current.valToPos(day, "x"))
      : [];
    const height = current.bbox.height / devicePixelRatio;
    current.setSelect({ left: left ?? 0, width: (right ?? 0) - (left ?? 0), top: 0, height }, false);
  };
  const drop = () => {
    anchor.current = null;
    choose(null);
  };
  const press = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const to = Math.min(last, Math.max(0, at + step));
      point(to);
      if (!event.shiftKey) return drop();
      anchor.current ??= at;
      choose([Math.min(anchor.current, to), Math.max(anchor.current, to)]);
    } else if (event.key === "Enter" && chosen) {
      drop();
      onRange(...chosen);
    } else if (event.key === "Escape") drop();
  };
  return { chosen, press, drop, enter: () => point(at) };
}
