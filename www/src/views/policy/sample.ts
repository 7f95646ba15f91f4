/** A reply as a policy in the making would give it to a server of which everything is made up, filled in as the engine does. */
import type { Ladder } from "../../lib/api";
import type { Draft } from "./draft";

/** Octets of a text, its codes not counted. */
export const MAX_TEXT = 400;

export const PLACEHOLDERS = [
  "operator",
  "help_url",
  "n",
  "server",
  "build",
  "required",
  "stage",
  "next_change",
  "retry_after",
] as const;

type Values = Record<(typeof PLACEHOLDERS)[number], string | null>;

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

/** The text that `template` gives; `fallback` stands for one of which nothing is left. */
function fill(template: string, fallback: string, values: Values): string {
  const text = filled(template, values);
  return text.trim() === "" ? filled(fallback, values) : text;
}

function filled(template: string, values: Values): string {
  let out = "";
  let ended = false;
  const add = (text: string) => {
    out = (out + text.replaceAll(/[^ -$&-{}~]/g, "")).slice(0, MAX_TEXT);
  };
  for (const piece of template.split("}")) {
    const [before = "", name] = piece.split("{");
    let text: string = ended && before.startsWith(".") ? before.slice(1) : before;
    const missing: boolean = name === "help_url" && values.help_url === null;
    // a sentence that ends in an address that is not there is left out
    if (missing) text = text.slice(0, Math.max(0, text.lastIndexOf(". ")));
    ended = missing && text !== "";
    add(text);
    if (ended) add(".");
    else add(values[name as keyof Values] ?? "");
  }
  return out;
}
