/** Long tables: which lines are in sight as the window scrolls, and how high the others are. */
import {
  defaultRangeExtractor,
  observeWindowOffset,
  observeWindowRect,
  type VirtualItem,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";

/** About how high a line is, before it is measured. */
const [ROW_PIXELS, BLOCK_PIXELS] = [56, 180];

interface Options {
  /** One for each line */
  keys: string[];
  body: { current: HTMLElement | null };
  /** Lines are blocks. */
  blocks: boolean;
  /** The line that has the focus stays in the document, however far it is scrolled away */
  focused: string | undefined;
}

export function useLinesInSight({ keys, body, blocks, focused }: Options) {
  const [, redraw] = useReducer<number, void>((round) => round + 1, 0);
  const virtualizer = useRef<Virtualizer<Window, HTMLTableRowElement> | null>(null);
  virtualizer.current ??= new Virtualizer<Window, HTMLTableRowElement>({
    ...fixed,
    count: 0,
    estimateSize: () => ROW_PIXELS,
  });
  const current = virtualizer.current;
  const [margin, setMargin] = useState(0);
  const focusedAt = useMemo(() => (focused === undefined ? -1 : keys.indexOf(focused)), [keys, focused]);
  // sizes stay with their rows when others unfold above them
  const getItemKey = useCallback((index: number) => keys[index] ?? index, [keys]);
  current.setOptions({
    ...current.options,
    ...fixed,
    count: keys.length,
    getItemKey,
    estimateSize: () => (blocks ? BLOCK_PIXELS : ROW_PIXELS),
    scrollMargin: margin,
    rangeExtractor: (range) => {
      const found = defaultRangeExtractor(range);
      if (focusedAt < 0 || found.includes(focusedAt)) return found;
      return [...found, focusedAt].sort((one, other) => one - other);
    },
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
  const last = items.at(-1);
  return {
    /** With the room of those that are not in the document above each */
    shown: items.map(({ index, start }, at) => ({ index, above: start - (items[at - 1]?.end ?? margin) })),
    behind: current.getTotalSize() - (last ? last.end - margin : 0),
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
