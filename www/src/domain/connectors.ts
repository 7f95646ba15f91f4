/** How servers connect, in words. */
import type { Connector } from "../lib/api";

export const CONNECTORS: Record<Connector, string> = {
  on_premises: "on-premises",
  partner: "partner",
  internet: "Internet",
};
