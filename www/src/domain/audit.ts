/** What the audit trail's actions are called. */
import type { AuditEntry } from "../lib/api";

export const ACTIONS: Record<AuditEntry["action"], string> = {
  "policy.put": "Changed the policy",
  "pause.create": "Paused enforcement",
  "pause.change": "Changed a pause",
  "pause.end": "Ended a pause",
  "exemption.put": "Exempted a server",
  "exemption.end": "Ended an exemption",
  "webhook.create": "Added a webhook",
  "webhook.delete": "Deleted a webhook",
  "webhook.rotate": "Changed a webhook's secret",
  "server.delete": "Forgot a server",
  "key.create": "Made a key",
  "key.revoke": "Revoked a key",
  "tenant.delete": "Deleted a tenant",
  "catalog.put": "Changed the catalog",
  "baseline.put": "Changed a baseline",
  "control.put": "Changed the emergency brake",
  "kv.republish": "Laid all keys of KV anew",
};

/** What these actions change there is but one of. */
const ONLY = new Set(["policy.put", "catalog.put", "control.put", "kv.republish"]);

/** What was changed, where the action does not say it already. */
export function subject({ action, subject }: AuditEntry): string | null {
  return ONLY.has(action) ? null : subject;
}

/** `key ab12` for `key:ab12` */
export function actor(name: string): string {
  if (name === "admin") return "Admin";
  if (name === "system") return "Tidegate itself";
  return name.replace(/^key:/, "key ");
}
