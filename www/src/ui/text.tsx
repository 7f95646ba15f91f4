/** Small parts of text. */
import type { ComponentChildren } from "preact";

interface Props {
  first: ComponentChildren;
  second: ComponentChildren;
  /** Not broken where there is room */
  whole?: boolean;
}

/** A line, and a lesser one beneath it. */
export function TwoLines({ first, second, whole }: Props) {
  return (
    <span class={whole ? "two whole" : "two"}>
      <span>{first}</span>
      {second && <span class="muted">{second}</span>}
    </span>
  );
}

/** A host's name, which breaks after its dots where it has to. */
export function Host({ name }: { name: string }) {
  return (
    <>
      {name
        .split(/(?<=\.)/)
        .flatMap((label, index) => (index === 0 ? [label] : [<wbr key={`${index}`} />, label]))}
    </>
  );
}

/** A term and what is known of it, left out where that is nothing. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === null || children === undefined || children === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
