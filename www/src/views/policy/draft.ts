/** A policy as the form holds it, and back. */
import type { Connector, Ladder, Mode, Policy } from "../../lib/api";
import { listOf } from "../../lib/text";

export type Right = Policy["delegated"][number];

/** From when on a product is enforced. */
export type Wave = { from: "default" } | { from: "never" } | { from: "day"; day: string };

export interface RelayDraft {
  /** Tells rows apart while others come and go */
  key: number;
  host: string;
  /** With blanks or commas between them */
  networks: string;
}

export type BaselineDraft = { kind: "named"; name: string } | { kind: "own"; text: string };

export interface Draft {
  mode: Mode;
  scope: Connector[];
  baseline: BaselineDraft;
  /** By product, where it is not the default */
  waves: Record<string, Wave>;
  /** Null while what is typed is none */
  ladder: Ladder | null;
  relays: RelayDraft[];
  behindRelays: boolean;
  alwaysAccept: string;
  operator: string;
  helpUrl: string;
  throttle: string;
  block: string;
  delegated: Right[];
  pauseDays: string;
}

export function toDraft(policy: Policy): Draft {
  const { baseline, help_url, reply } = policy;
  return {
    mode: policy.mode,
    scope: policy.scope,
    baseline:
      typeof baseline === "string"
        ? { kind: "named", name: baseline }
        : { kind: "own", text: JSON.stringify(baseline, null, 2) },
    waves: Object.fromEntries(
      Object.entries(policy.waves).map(([product, day]) => [
        product,
        day === null ? { from: "never" } : { from: "day", day },
      ]),
    ),
    ladder: policy.ladder,
    relays: policy.trusted_relays.map(({ host, networks }, key) => ({
      key,
      host,
      networks: networks.join(", "),
    })),
    behindRelays: policy.enforce_behind_relays,
    alwaysAccept: policy.always_accept.join(" "),
    operator: policy.operator,
    helpUrl: help_url ?? "",
    throttle: reply.throttle ?? "",
    block: reply.block ?? "",
    delegated: policy.delegated,
    pauseDays: String(policy.pause_days_per_year),
  };
}

/** Throws where the tenant's own baseline is not JSON. */
export function toPolicy(draft: Draft): Policy {
  return {
    mode: draft.mode,
    scope: draft.scope,
    baseline: draft.baseline.kind === "named" ? draft.baseline.name : JSON.parse(draft.baseline.text),
    waves: Object.fromEntries(
      Object.entries(draft.waves)
        .filter(([, wave]) => wave.from !== "default")
        .map(([product, wave]) => [product, wave.from === "day" ? wave.day : null]),
    ),
    ladder: draft.ladder ?? [],
    trusted_relays: draft.relays.map(({ host, networks }) => ({
      host: host.trim(),
      networks: listOf(networks),
    })),
    enforce_behind_relays: draft.behindRelays,
    always_accept: localParts(draft.alwaysAccept),
    operator: draft.operator.trim(),
    help_url: draft.helpUrl.trim() || null,
    reply: { throttle: draft.throttle, block: draft.block },
    delegated: draft.delegated,
    pause_days_per_year: Number(draft.pauseDays),
  };
}

/** What stands between blanks, since a local part may hold a comma, though none at its end. */
export function localParts(text: string): string[] {
  return text
    .split(/\s+/)
    .map((part) => part.replaceAll(/^,+|,+$/g, ""))
    .filter(Boolean);
}
