/** A server's way up the ladder: what its transitions tell of the past, and what its stage and the ladder tell of the future. */

import type { Freeze, Mark, StagePicture, Step } from "../../domain/steps";
import { isReportedOnly, type Minutes } from "../../domain/words";
import type { Ladder, ServerDetail } from "../../lib/api";
import { DAY, shortDate } from "../../lib/time";
import type { Granted, Rules, ServerPage } from "./load";

/** What is shown around the steps themselves. */
const MARGIN = 4 * DAY;
/** Shown of a last stage, which has no end. */
const LAST_STAGE = 12 * DAY;

/** `null` for a server that never was out of date. */
export function timeline(page: ServerPage, now: number): StagePicture | null {
  const { server } = page;
  const freezes = freezesOf(page);
  const past = pastSteps(page, now);
  const steps = [...past, ...futureSteps(page, freezes, now)];
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) return null;
  const end = Number.isFinite(last.until) ? last.until + MARGIN : Math.max(last.from, now) + LAST_STAGE;
  return {
    steps,
    freezes: freezes.filter(({ from, until }) => until > first.from && from < end),
    marks: marksOf(server),
    now,
    from: first.from - MARGIN,
    until: Math.max(end, now + MARGIN),
  };
}

/** When nothing is closed to this server and its clock stands still, in order. */
function freezesOf({ pauses, exemptions, server }: ServerPage): Freeze[] {
  const found = pauses.map(({ from, until, reason }) => ({
    from: Date.parse(from),
    until: Date.parse(until),
    words: `paused until ${shortDate(until)}: ${reason}`,
  }));
  return [...found, ...exemptTimes(server, exemptions)]
    .filter(({ from, until }) => from < until)
    .sort((one, other) => one.from - other.from);
}

/** Those that ended, and the one in force. */
function exemptTimes(server: ServerDetail, granted: Granted[]): Freeze[] {
  const found: Freeze[] = [];
  const add = (from: number, until: string) => {
    const reason = granted.findLast((exemption) => Date.parse(exemption.created_at) <= from)?.reason;
    found.push({
      from,
      until: Date.parse(until),
      words: `exempt until ${shortDate(until)}${reason ? `: ${reason}` : ""}`,
    });
  };
  let since: number | null = null;
  for (const { at, kind } of oldestFirst(server)) {
    if (kind === "exempted") since ??= Date.parse(at);
    if (kind !== "exemption_ended" || since === null) continue;
    add(since, at);
    since = null;
  }
  if (server.exempt_until !== null) add(since ?? Date.parse(server.first_seen), server.exempt_until);
  return found;
}

/** What is still to come: the stage that goes on when nothing holds it any more, and all later ones. */
export function comes({ steps, freezes, now }: StagePicture): Step[] {
  const later = steps.filter(({ from }) => from > now);
  const current = steps.find(({ from, until }) => from === now && until > now);
  const frozen = freezes.filter(({ from, until }) => from <= now && now < until);
  if (!current || frozen.length === 0) return later;
  const from = advance(now, 1, freezes) - 1;
  return from < current.until ? [{ ...current, from }, ...later] : later;
}

function pastSteps({ server, rules }: ServerPage, now: number): Step[] {
  const steps: Step[] = [];
  let open: { from: number; number: number } | null = null;
  let lastNumber = 1;
  const close = (until: number) => {
    if (open) steps.push(...byRules(open.from, until, open.number, rules));
    open = null;
  };
  const begin = (from: number, number: number) => {
    open = { from, number };
    lastNumber = number;
  };
  for (const { at, kind, after } of oldestFirst(server)) {
    const time = Date.parse(at);
    switch (kind) {
      case "detected":
        close(time);
        begin(time, 1);
        break;
      case "resumed":
        close(time);
        begin(time, lastNumber);
        break;
      case "stage":
        close(time);
        begin(time, Number(after));
        break;
      case "patched":
      case "silent":
        close(time);
        break;
    }
  }
  close(now);
  return steps.filter(({ from, until }) => from < until);
}

/** A stage by the rules of its time: they may have changed its minutes meanwhile, or begun to enforce. */
function byRules(from: number, until: number, number: number, rules: Rules[]): Step[] {
  return rules.flatMap(({ since, mode, ladder }, index): Step[] => {
    const start = Math.max(from, since);
    const end = Math.min(until, rules[index + 1]?.since ?? Number.POSITIVE_INFINITY);
    if (start >= end) return [];
    const kind = mode === "enforce" ? "met" : "would";
    return [{ from: start, until: end, number, minutes: minutesOf(ladder, number), kind }];
  });
}

/** From now on, as far as the dates are known: every later stage as long as the ladder has it, around what stands still. */
function futureSteps({ server, policy }: ServerPage, freezes: Freeze[], now: number): Step[] {
  const { stage, effect } = server;
  if (stage === null) return [];
  const kind = effect && isReportedOnly(effect) ? "would" : "planned";
  const { ladder } = policy;
  const current: Step = {
    from: now,
    until: Number.POSITIVE_INFINITY,
    number: stage.number,
    minutes: stage,
    kind,
  };
  if (stage.next === null || stage.next.at === null) return [current];
  current.until = Date.parse(stage.next.at);
  const steps = [current];
  let from = current.until;
  for (let number = stage.next.number; number <= ladder.length; number += 1) {
    const length = lengthOf(ladder, number);
    const until = length === null ? Number.POSITIVE_INFINITY : advance(from, length, freezes);
    steps.push({ from, until, number, minutes: minutesOf(ladder, number), kind });
    from = until;
  }
  return steps.filter((step) => step.from < step.until);
}

/** When a clock that is at `from` has run for so long. */
export function advance(from: number, length: number, freezes: Freeze[]): number {
  let end = from + length;
  let counted = from;
  for (const freeze of freezes) {
    const start = Math.max(freeze.from, counted);
    if (start >= end || freeze.until <= start) continue;
    end += freeze.until - start;
    counted = freeze.until;
  }
  return end;
}

const MINUTE = 60_000;

function lengthOf(ladder: Ladder, number: number): number | null {
  const stage = ladder[number - 1];
  if (stage?.days !== undefined) return stage.days * DAY;
  return stage?.minutes === undefined ? null : stage.minutes * MINUTE;
}

function minutesOf(ladder: Ladder, number: number): Minutes {
  return ladder[Math.min(number, ladder.length) - 1] ?? { throttle_minutes: 0, block_minutes: 0 };
}

const MARKS: Partial<Record<ServerDetail["transitions"][number]["kind"], string>> = {
  detected: "detected",
  resumed: "out of date again",
  patched: "patched",
  silent: "silent",
  exempted: "exempted",
  exemption_ended: "exemption ended",
};

function marksOf(server: ServerDetail): Mark[] {
  return oldestFirst(server).flatMap(({ at, kind }) => {
    const words = MARKS[kind];
    return words ? [{ at: Date.parse(at), words }] : [];
  });
}

function oldestFirst({ transitions }: ServerDetail): ServerDetail["transitions"] {
  return [...transitions].reverse();
}
