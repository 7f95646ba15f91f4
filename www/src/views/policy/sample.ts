/** A reply as a policy in the making would give it to a server of which everything is made up. */
import type { Ladder } from "../../lib/api";
import type { Draft } from "./draft";
import { fill } from "./reply-template";

const DEFAULT = {
  defer:
    "Connecting Exchange server version is out-of-date; connection to {operator} throttled for {n} mins/hr. For more information see {help_url}",
  reject:
    "Connecting Exchange server version is out-of-date; connection to {operator} blocked for {n} mins/hr. For more information see {help_url}",
};

export function sampleReply(draft: Draft, action: "defer" | "reject"): string {
  const { stage, minutes } = firstThat(draft.ladder ?? [], action);
  const values = {
    operator: draft.operator.trim(),
    help_url: draft.helpUrl.trim() || null,
    n: String(minutes),
    server: "ex01.example.com",
    build: "15.1.2507.39",
    required: "15.1.2507.61",
    stage: String(stage),
    next_change: "2026-12-10T08:15:08Z",
    retry_after: "240",
  };
  const template = action === "defer" ? draft.throttle : draft.block;
  const codes = action === "defer" ? "450 4.7.230" : "550 5.7.230";
  return `${codes} ${fill(template, DEFAULT[action], values)}`;
}

/** The first stage in which mail is treated so, or what stands for it where there is none. */
function firstThat(ladder: Ladder, action: "defer" | "reject"): { stage: number; minutes: number } {
  const minutesOf = (stage: Ladder[number]) =>
    action === "defer" ? stage.throttle_minutes : stage.block_minutes;
  const at = ladder.findIndex((stage) => minutesOf(stage) > 0);
  const stage = ladder[at];
  return stage ? { stage: at + 1, minutes: minutesOf(stage) } : { stage: 1, minutes: 0 };
}
