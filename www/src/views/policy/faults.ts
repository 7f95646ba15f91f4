/** What is wrong with a policy's draft, by the API's names of members; the bounds are the API's. */

import { MAX_DAYS } from "../../domain/pauses";
import type { Catalog } from "../../lib/api";
import { listOf } from "../../lib/text";
import { baselineFlaws } from "./baseline-check";
import { type Draft, localParts, type RelayDraft } from "./draft";
import { templateFault, textFault } from "./reply-template";

export type Faults = ReadonlyMap<string, string>;

const [MAX_OPERATOR, MAX_URL] = [100, 200];
const [MAX_LIST, MAX_LOCAL_PART] = [64, 64];

export function faultsOf(draft: Draft, catalog: Catalog): Faults {
  const faults = new Map<string, string>();
  const note = (member: string, fault: string | undefined) => {
    if (fault !== undefined) faults.set(member, fault);
  };
  if (draft.baseline.kind === "own") note("baseline", baselineFlaws(draft.baseline.text, catalog)[0]?.text);
  for (const [product, wave] of Object.entries(draft.waves)) {
    if (wave.from === "day" && wave.day === "") note(`waves.${product}`, "Give the first day.");
  }
  note("ladder", draft.ladder === null ? "Something is wrong with the stage marked above." : undefined);
  for (const [at, relay] of draft.relays.entries()) note(`trusted_relays[${at}]`, relayFault(relay));
  note("always_accept", localPartsFault(localParts(draft.alwaysAccept)));
  note("operator", textFault(draft.operator.trim(), MAX_OPERATOR));
  note("help_url", urlFault(draft.helpUrl.trim()));
  note("reply.throttle", templateFault(draft.throttle));
  note("reply.block", templateFault(draft.block));
  note("pause_days_per_year", daysFault(draft.pauseDays));
  return faults;
}

function relayFault({ host, networks }: RelayDraft): string | undefined {
  const name = host.trim().replaceAll(/^\.+|\.+$/g, "");
  if (!/^[A-Za-z0-9._-]{1,253}$/.test(name)) return "Give a host name, or the end of one.";
  const list = listOf(networks);
  if (list.length === 0) return "Give at least one network that it connects from.";
  if (list.length > MAX_LIST) return `Give ${MAX_LIST} networks at most.`;
  const wrong = list.find((network) => !isNetwork(network));
  return wrong && `${wrong} is no network such as 10.0.0.0/8 or 2001:db8::/32.`;
}

function isNetwork(text: string): boolean {
  const [address = "", length, ...more] = text.split("/");
  if (more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return false;
  if (address.includes(":")) return /^[0-9A-Fa-f.:]{2,45}$/.test(address) && Number(length ?? 0) <= 128;
  const octets = address.split(".");
  const valid =
    octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) < 256);
  return valid && Number(length ?? 0) <= 32;
}

function localPartsFault(parts: string[]): string | undefined {
  if (parts.length > MAX_LIST) return `Give ${MAX_LIST} at most.`;
  const wrong = parts.find((part) => !/^[!-?A-~]+$/.test(part) || part.length > MAX_LOCAL_PART);
  return wrong && `${wrong} is no local part: it stands alone, without @ and domain.`;
}

function urlFault(url: string): string | undefined {
  if (url === "") return undefined;
  const fault = textFault(url, MAX_URL);
  if (fault) return fault;
  return /^https?:\/\/[^ ]+$/.test(url) ? undefined : "Give an address that begins with https:// or http://.";
}

function daysFault(text: string): string | undefined {
  const days = Number(text);
  const valid = text.trim() !== "" && Number.isInteger(days) && days >= 0 && days <= MAX_DAYS;
  return valid ? undefined : `Give a whole number of days, 0 to ${MAX_DAYS}.`;
}
