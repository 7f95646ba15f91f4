/** Spans of an hour's minutes. */
import type { Action } from "../lib/api";

/** Both minutes included; `first` is after `last` in a span across the end of the hour. */
export interface Span {
  first: number;
  last: number;
  length: number;
}

/** When mail meets `action`, the hour being one of many that are the same. */
export function spans(actions: Action[], action: Action): Span[] {
  const count = actions.length;
  const is = (minute: number) => actions[(minute + count) % count] === action;
  if (actions.every((other) => other === action)) return [{ first: 0, last: count - 1, length: count }];
  const found: Span[] = [];
  for (let first = 0; first < count; first += 1) {
    if (!is(first) || is(first - 1)) continue;
    let length = 1;
    while (is(first + length)) length += 1;
    found.push({ first, last: (first + length - 1) % count, length });
  }
  return found;
}
