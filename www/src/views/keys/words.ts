/** What keys are for, in words. */
import { CONNECTORS } from "../../domain/connectors";
import type { Key, Role } from "../../lib/api";

export const ROLES: Record<Role, { name: string; meaning: string }> = {
  gateway: { name: "Gateway", meaning: "Asks for decisions on mail. Reads nothing." },
  viewer: { name: "Viewer", meaning: "Reads. Changes nothing." },
  operator: { name: "Operator", meaning: "Reads and changes a tenant, and makes its keys." },
  admin: {
    name: "Admin",
    meaning: "Everything, for all tenants: also the emergency brake, catalog and baselines.",
  },
  metrics: { name: "Metrics", meaning: "Reads /metrics, for Prometheus. Nothing else." },
};

/** `on-premises, 1 own field`; empty where a gateway's key says nothing of its gateway */
export function settings(gateway: Key["gateway"]): string {
  if (!gateway) return "";
  const { connector, own_hops, rspamd_add_headers, postfix_refusals } = gateway;
  const parts = [
    connector && CONNECTORS[connector],
    typeof own_hops === "number" && `${own_hops} own ${own_hops === 1 ? "field" : "fields"}`,
    rspamd_add_headers && "rspamd adds headers",
    postfix_refusals && "defers at RCPT",
  ];
  return parts.filter(Boolean).join(", ");
}

/** Keys with the same tenant, role and name are one and its successor. */
export function nameOf({ tenant, role, name }: Key): string {
  return JSON.stringify([tenant, role, name]);
}

/** Of two that live for the same purpose: which it is. */
export function inRotation(keys: Key[]): Map<string, "older" | "newer"> {
  const newest = new Map<string, Key>();
  const rotation = new Map<string, "older" | "newer">();
  // lists are newest first
  for (const key of keys) {
    const successor = newest.get(nameOf(key));
    if (successor) {
      rotation.set(key.id, "older");
      rotation.set(successor.id, "newer");
    } else newest.set(nameOf(key), key);
  }
  return rotation;
}
