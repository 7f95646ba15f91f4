/** Long tables: which lines are in sight as the window scrolls, and how high the others are. */
import {
  observeWindowOffset,
  observeWindowRect,
  type VirtualItem,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

/** About how high a line is, before it is measured. */
const [ROW_PIXELS, BLOCK_PIXELS] = [56, 180];

interface Options {
  /** One for each line */
  keys: string[];
  body: { current: HTMLElement | null };
  /** Lines are blocks. */
  blocks: boolean;
}

export function useLinesInSight({ keys, body, blocks }: Options) {
  const [, redraw] = useReducer<number, void>((round) => round + 1, 0);
  const virtualizer = useRef<Virtualizer<Window, HTMLTableRowElement> | null>(null);
  virtualizer.current ??= new Virtualizer<Window, HTMLTableRowElement>({
    ...fixed,
    count: 0,
    estimateSize: () => ROW_PIXELS,
  });
  const current = virtualizer.current;
  const [margin, setMargin] = useState(0);
  // sizes stay with their rows when others unfold above them
  const getItemKey = useCallback((index: number) => keys[index] ?? index, [keys]);
  current.setOptions({
    ...current.options,
    ...fixed,
    count: keys.length,
    getItemKey,
    estimateSize: () => (blocks ? BLOCK_PIXELS : ROW_PIXELS),
    scrollMargin: margin,
    onChange: () => redraw(),
  });
  useLayoutEffect(() => current.measure(), [current, blocks]);
  useLayoutEffect(() => current._willUpdate());
  // where the table begins, looked at when the page has been laid out anyway
  useEffect(() => {
    const look = new ResizeObserver(() => {
      if (body.current) setMargin(Math.round(body.current.getBoundingClientRect().top + scrollY));
    });
    look.observe(document.body);
    return () => look.disconnect();
  }, []);
  useEffect(() => current._didMount(), [current]);
  const items: VirtualItem[] = current.getVirtualItems();
  const [first, last] = [items.at(0), items.at(-1)];
  return {
    items,
    before: first ? first.start - margin : 0,
    behind: last ? current.getTotalSize() - (last.end - margin) : 0,
    measure: current.measureElement,
  };
}

const fixed = {
  getScrollElement: () => window,
  observeElementRect: observeWindowRect,
  observeElementOffset: observeWindowOffset,
  scrollToFn: windowScroll,
  initialOffset: () => scrollY,
  overscan: 6,
};
