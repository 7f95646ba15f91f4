/**
 * How outcomes are filled. Accepted mail is an outline, what is deferred is dotted, what is rejected is full; what would be
 * is hatched, one way or both. Each can be told from the others without colour.
 */

export function Patterns({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}-defer`} class="fill-defer" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6" />
        <circle cx="3" cy="3" r="1" class="fill-ground" />
      </pattern>
      <pattern id={`${id}-reject`} class="fill-reject" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6" />
      </pattern>
      <Hatch id={`${id}-would_defer`} class="fill-defer" d={SLANTING} />
      <Hatch id={`${id}-would_reject`} class="fill-reject" d={`${SLANTING}${BACK}`} />
      <Hatch id={`${id}-frozen`} class="fill-frozen" d={SLANTING} />
    </defs>
  );
}

const SLANTING = "M-1 7 7-1M-1 1 1-1M5 7 7 5";
const BACK = "M-1-1 7 7";

function Hatch({ id, d, ...look }: { id: string; class: string; d: string }) {
  return (
    <pattern id={id} {...look} width="6" height="6" patternUnits="userSpaceOnUse">
      <path d={d} />
    </pattern>
  );
}
