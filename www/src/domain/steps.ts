/** A way up the ladder as steps over time, for pictures and tables; times are in milliseconds. */
import type { Minutes } from "./words";

/** A time on one rung of the ladder, in milliseconds. */
export interface Step {
  from: number;
  until: number;
  /** The stage's */
  number: number;
  minutes: Minutes;
  /** Its minutes were closed, were only reported, or are still to come. */
  kind: "met" | "would" | "planned";
}

/** A time during which the clock stands still, and nothing is closed. */
export interface Freeze {
  from: number;
  until: number;
  words: string;
}

/** Something that happened, or will. */
export interface Mark {
  at: number;
  words: string;
}

export interface StagePicture {
  steps: Step[];
  freezes: Freeze[];
  marks: Mark[];
  now: number;
  /** What stands over it; `now` by default */
  nowWords?: string;
  from: number;
  until: number;
}

/** Steps of one stage that follow each other as one. */
export function joined(steps: Step[]): Step[] {
  const found: Step[] = [];
  for (const step of steps) {
    const before = found.at(-1);
    if (before && before.until === step.from && before.number === step.number) before.until = step.until;
    else found.push({ ...step });
  }
  return found;
}
