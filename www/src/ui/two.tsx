/** A line, and a lesser one beneath it. */
import type { ComponentChildren } from "preact";

interface Props {
  first: ComponentChildren;
  second: ComponentChildren;
  /** Not broken where there is room */
  whole?: boolean;
}

export function Two({ first, second, whole }: Props) {
  return (
    <span class={whole ? "two whole" : "two"}>
      <span>{first}</span>
      {second && <span class="muted">{second}</span>}
    </span>
  );
}
