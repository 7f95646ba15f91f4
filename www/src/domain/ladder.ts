/** A ladder as a form holds it. */
import type { Ladder } from "../lib/api";

export const MAX_STAGES = 32;

export type Unit = "days" | "minutes";

/** A stage as typed. */
export interface StageDraft {
  /** Tells rows apart while others come and go */
  key: number;
  length: string;
  unit: Unit;
  throttle: string;
  block: string;
}

/** Exchange Online's, the default of a policy. */
export { DEFAULT_LADDER } from "../lib/schema.gen";

export function sameLadder(one: Ladder, other: Ladder): boolean {
  return JSON.stringify(toLadder(toDrafts(one))) === JSON.stringify(toLadder(toDrafts(other)));
}

export function toDrafts(ladder: Ladder): StageDraft[] {
  return ladder.map(({ days, minutes, throttle_minutes, block_minutes }, key) => ({
    key,
    length: String(days ?? minutes ?? 10),
    unit: minutes === undefined ? "days" : "minutes",
    throttle: String(throttle_minutes),
    block: String(block_minutes),
  }));
}

/** How long a stage lasts, in minutes, if what is typed is a length. */
export function lengthOf({ length, unit }: StageDraft): number | null {
  const count = whole(length);
  return count && (unit === "days" ? count * 24 * 60 : count);
}

/** The ladder; null while something that is typed is no number. */
export function toLadder(drafts: StageDraft[]): Ladder | null {
  const stages = drafts.map(({ length, unit, throttle, block }, index) => {
    const [lasts, throttle_minutes, block_minutes] = [whole(length), whole(throttle), whole(block)];
    if (throttle_minutes === null || block_minutes === null) return null;
    const minutes = { throttle_minutes, block_minutes };
    if (index === drafts.length - 1) return minutes;
    return lasts && (unit === "days" ? { days: lasts, ...minutes } : { minutes: lasts, ...minutes });
  });
  const known = stages.filter((stage) => stage !== null && stage !== 0);
  return known.length === stages.length ? known : null;
}

function whole(text: string): number | null {
  return /^\s*\d{1,7}\s*$/.test(text) ? Number(text) : null;
}
