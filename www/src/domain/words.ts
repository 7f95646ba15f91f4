/** The words for what the API says in its own. */
import type { Effect, Mode, Stage, Standing, State } from "../lib/api";

export const STATES: Record<State, string> = {
  out_of_date: "Out of date",
  current: "Current",
  unknown: "Unknown",
};

export const MODES: Record<Mode, { name: string; meaning: string }> = {
  off: { name: "Off", meaning: "All mail is accepted, and nothing is recorded." },
  report: { name: "Report", meaning: "All mail is accepted. The report shows what would have happened." },
  enforce: {
    name: "Enforce",
    meaning: "Mail of out-of-date servers is deferred and rejected by the ladder.",
  },
};

/** What became of a message, or would have. */
export type Outcome = keyof typeof OUTCOMES;

export const OUTCOMES = {
  accept: "Accepted",
  defer: "Deferred",
  reject: "Rejected",
  would_defer: "Would be deferred",
  would_reject: "Would be rejected",
} as const;

/** What is no Exchange server is unknown to lists. */
export function stateOf({ state }: Standing): State {
  return state === "not_exchange" ? "unknown" : state;
}

const REASONS: Record<Standing["reason"], string> = {
  meets_baseline: "meets the baseline",
  ahead_of_catalog: "newer than the catalog knows",
  no_requirement: "nothing is required of it",
  unsupported: "out of support",
  behind_on_updates: "behind on security updates",
  lane_not_accepted: "its cumulative update is no longer accepted",
  no_build: "shows no build",
  components_disagree: "its components show different builds, one of which would do",
  update_level_not_shown: "does not show its update level",
  extended_support_not_shown: "out of support, unless it runs an update under extended support",
  unknown_product: "an unknown product",
  unknown_lane: "an unknown cumulative update",
  unreadable_field: "its Received field cannot be read",
  own_hops: "the gateway's own fields are not as it says",
  nameless_server: "its name cannot identify it",
  legacy_smtp: "an old SMTP service without a build",
  no_received: "no Received field",
  other_software: "not Exchange",
  exchange_online: "Exchange Online",
  undecided: "not decided",
};

export function reason(standing: Standing): string {
  return REASONS[standing.reason];
}

/** Throttle and block minutes of the hour. */
export interface Minutes {
  throttle_minutes: number;
  block_minutes: number;
}

/** `10 min/h deferred, 5 min/h rejected`; `all accepted` */
export function rate({ throttle_minutes, block_minutes }: Minutes): string {
  if (block_minutes === 60) return "all rejected";
  if (throttle_minutes === 60) return "all deferred";
  const parts = [];
  if (throttle_minutes > 0) parts.push(`${throttle_minutes} min/h deferred`);
  if (block_minutes > 0) parts.push(`${block_minutes} min/h rejected`);
  return parts.length > 0 ? parts.join(", ") : "all accepted";
}

/** The same where nothing is enforced: `10 min/h would be deferred` */
export function wouldBeRate(minutes: Minutes): string {
  return rate(minutes).replaceAll(/(deferred|rejected)/g, "would be $1");
}

/** Why none of a stage's minutes is closed. */
export const OBSTACLES: Record<NonNullable<Effect["obstacle"]>, string> = {
  scope: "connector not in scope",
  wave: "product not enforced yet",
  relay: "behind a relay",
  mode: "report only",
  exempt: "exempt",
  paused: "paused",
  notice: "its days of notice",
};

/** Its mail does not come by a way that is enforced, whatever its stage. */
export function isOutOfReach({ obstacle }: Effect): boolean {
  return obstacle === "scope" || obstacle === "relay";
}

/** What becomes of its mail is reported, and nothing more. */
export function isReportedOnly(effect: Effect): boolean {
  return effect.obstacle === "mode" || isOutOfReach(effect);
}

/** What a stage will do to a server, as a sentence goes on: `will be throttled 10 min/h`. */
export function willBe({ throttle_minutes, block_minutes }: Minutes): string {
  if (block_minutes === 60) return "will be blocked entirely";
  const parts = [];
  if (throttle_minutes > 0) parts.push(`throttled ${throttle_minutes} min/h`);
  if (block_minutes > 0) parts.push(`blocked ${block_minutes} min/h`);
  return parts.length > 0 ? `will be ${parts.join(" and ")}` : "will have all its mail accepted";
}

/** The same where nothing is enforced: `would be throttled 10 min/h` */
export function wouldBe(minutes: Minutes): string {
  return willBe(minutes).replace(/^will/, "would");
}

export function stageName({ number }: Pick<Stage, "number">): string {
  return `Stage ${number}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const NUMBER = new Intl.NumberFormat("en-GB");

export function number(count: number): string {
  return NUMBER.format(count);
}

/** Which part of Exchange stamped a hop. */
export const COMPONENTS = {
  smtp: "SMTP",
  mapi: "MAPI",
  pickup: "Pickup folder",
  shadow_redundancy: "shadow redundancy",
  legacy: "old SMTP service",
  other: "another",
};
