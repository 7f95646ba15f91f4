/** What notifications are about, in few words. */
import type { Notification } from "../../lib/api";

export type Kind = Notification["kind"];

export const KINDS: Record<Kind, string> = {
  "server.detected": "Found out of date",
  "server.resumed": "Out of date again",
  "stage.in_7_days": "Stage begins in 7 days",
  "stage.in_1_day": "Stage begins in a day",
  "stage.changed": "Stage began",
  "server.patched": "Patched",
  "server.silent": "Silent for 60 days",
  "pause.ends_in_7_days": "Pause ends in 7 days",
  "pause.ends_in_1_day": "Pause ends in a day",
  "exemption.ends_in_7_days": "Exemption ends in 7 days",
  "exemption.ends_in_1_day": "Exemption ends in a day",
  "message.unreadable": "A field could not be read",
  "gateway.own_hops": "A gateway's own fields",
  "relay.unnamed": "A relay that is not named",
  "bound.servers": "No room for more servers",
  "bound.peer_servers": "Too many servers at an address",
  "bound.observations": "Decisions not recorded",
  "webhook.refused": "A webhook refused one",
  "webhook.off": "A webhook is gone",
};

export function kindOf(text: string | undefined): Kind | null {
  return text !== undefined && Object.hasOwn(KINDS, text) ? (text as Kind) : null;
}
