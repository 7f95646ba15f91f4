/** What the page and its worker say to each other. */
import type { UnfitKind } from "../../../../pkg/files";
import type { Reading, ScanResult } from "../../../../pkg/tidegate";

export const BASELINES = ["microsoft", "strict"] as const;
export type Baseline = (typeof BASELINES)[number];

export type Ask =
  /** Loads the engine, so that a check begins at once. */
  | { ask: "prepare" }
  /** Reads all of it, and tells on the way. Whatever was being read is given up. */
  | { ask: "check"; id: number; input: Blob; baseline: Baseline; at: string }
  /** What was found, by another baseline; nothing is read anew. */
  | { ask: "judge"; baseline: Baseline }
  /** Stops reading; what was found until there is told. */
  | { ask: "stop" };

export interface Progress {
  bytes: number;
  messages: number;
}

/** What a check found; `header` says how a single message came. */
export interface Found {
  result: ScanResult;
  header: Reading | null;
}

/** `id`: of the check that it is about. */
export type Tell = { id: number } & (
  | { tell: "progress"; progress: Progress }
  /** What was found so far, or by another baseline */
  | ({ tell: "found" } & Found)
  /** The input was read to its end, or until it was stopped. */
  | ({ tell: "end"; progress: Progress; stopped: boolean } & Found)
  | { tell: "failed"; problem: Problem; detail: string }
);

/**
 * `unreadable`: the file was changed, moved or may not be read; `damaged`: what is compressed in it cannot be unpacked;
 * `engine`: it could not be loaded, or broke down; else a kind of file whose header has to be got out by other means.
 */
export type Problem = "unreadable" | "damaged" | "engine" | UnfitKind;
