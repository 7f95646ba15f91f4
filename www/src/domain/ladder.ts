/** A ladder as a form holds it, and what is wrong with it; the bounds are those of the API. */
import type { Ladder } from "../lib/api";

export const MAX_STAGES = 32;
const MAX_DAYS = 3660;
const DAY_MINUTES = 24 * 60;

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
  if (count === null || count < 1) return null;
  const minutes = unit === "days" ? count * DAY_MINUTES : count;
  return minutes <= MAX_DAYS * DAY_MINUTES ? minutes : null;
}

/** What is wrong with each stage, `null` where nothing is. */
export function faults(drafts: StageDraft[]): (string | null)[] {
  return drafts.map((draft, index) => {
    const [throttle, block] = [whole(draft.throttle), whole(draft.block)];
    if (index < drafts.length - 1 && lengthOf(draft) === null)
      return `Give a whole number of ${draft.unit}, 1 or more and ten years at most.`;
    if (throttle === null || block === null) return "Give whole minutes, 0 to 60.";
    if (throttle + block > 60) return "Deferred and rejected are 60 minutes at most together.";
    return null;
  });
}

/** The ladder, unless something is wrong with it. */
export function toLadder(drafts: StageDraft[]): Ladder | null {
  if (drafts.length === 0 || drafts.length > MAX_STAGES || faults(drafts).some((fault) => fault !== null))
    return null;
  return drafts.map((draft, index) => {
    const minutes = { throttle_minutes: Number(draft.throttle), block_minutes: Number(draft.block) };
    if (index === drafts.length - 1) return minutes;
    const length = Number(draft.length);
    return draft.unit === "days" ? { days: length, ...minutes } : { minutes: length, ...minutes };
  });
}

function whole(text: string): number | null {
  return /^\s*\d{1,7}\s*$/.test(text) ? Number(text) : null;
}
