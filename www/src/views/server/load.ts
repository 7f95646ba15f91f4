/** Everything that a server's page shows. */
import { DEFAULT_LADDER } from "../../domain/ladder";
import type {
  Answer,
  AuditEntry,
  Catalog,
  Exemption,
  Ladder,
  Mode,
  Pause,
  Policy,
  ServerDetail,
} from "../../lib/api";
import { type Api, all, PAGE, value } from "../../lib/http";

export interface ServerPage {
  server: ServerDetail;
  policy: Policy;
  pauses: Pause[];
  /** Those of which the audit trail knows, oldest first, as they were granted */
  exemptions: Granted[];
  /** By which rules stages were climbed, oldest first; the first ones hold from ever */
  rules: Rules[];
  catalog: Catalog;
}

export type Granted = Pick<Exemption, "created_at" | "reason">;

/** What a policy says of stages. */
export interface Rules {
  /** Milliseconds */
  since: number;
  mode: Mode;
  ladder: Ladder;
}

/** How far back former policies and exemptions are looked for. */
const MAX_AUDIT_PAGES = 5;

/** `before`: as it was last loaded; what cannot have changed since is taken over. */
export async function loadServer(
  api: Api,
  path: { tenant: string; server: string },
  signal: AbortSignal,
  before: ServerPage | undefined,
): Promise<ServerPage> {
  const { tenant } = path;
  const params = { path: { tenant } };
  const [server, policy, pauses] = await Promise.all([
    value(api.GET("/v1/tenants/{tenant}/servers/{server}", { params: { path }, signal })),
    value(api.GET("/v1/tenants/{tenant}/policy", { params, signal })),
    all((query) => api.GET("/v1/tenants/{tenant}/pauses", { params: { path: { tenant }, query }, signal })),
  ]);
  if (before && same(before.policy, policy) && before.server.exempt_until === server.exempt_until)
    return { ...before, server, policy, pauses };
  const [changes, { catalog }] = await Promise.all([
    changesOf(api, path, signal),
    value(api.GET("/v1/catalog", { signal })),
  ]);
  const exemptions = changes.filter(({ action }) => action === "exemption.put").reverse();
  return {
    server,
    policy,
    pauses,
    exemptions: exemptions.map(({ at, after }) => ({ created_at: at, reason: textOf(after, "reason") })),
    rules: rulesOf(
      policy,
      changes.filter(({ action }) => action === "policy.put"),
    ),
    catalog,
  };
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Of the policy, and this server's exemptions, newest first. */
async function changesOf(
  api: Api,
  { tenant, server }: { tenant: string; server: string },
  signal: AbortSignal,
): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < MAX_AUDIT_PAGES; pages += 1) {
    const query = { limit: PAGE, ...(cursor !== null && { cursor }) };
    const params = { path: { tenant }, query };
    const page: Answer<"/v1/tenants/{tenant}/audit"> = await value(
      api.GET("/v1/tenants/{tenant}/audit", { params, signal }),
    );
    found.push(
      ...page.items.filter(
        ({ action, subject }) =>
          action === "policy.put" || (action === "exemption.put" && subject === server),
      ),
    );
    cursor = page.next;
    if (cursor === null) break;
  }
  return found;
}

function rulesOf(policy: Policy, changes: AuditEntry[]): Rules[] {
  const oldest = changes.at(-1);
  if (!oldest) return [{ since: 0, mode: policy.mode, ladder: policy.ladder }];
  return [
    readRules(0, oldest.before),
    ...changes.map(({ at, after }) => readRules(Date.parse(at), after)).reverse(),
  ];
}

/** A tenant without a policy has the default one. */
function readRules(since: number, policy: unknown): Rules {
  const { mode = "report", ladder = DEFAULT_LADDER } = (policy ?? {}) as Partial<Policy>;
  return { since, mode, ladder };
}

/** The audit trail holds any JSON. */
function textOf(document: unknown, member: string): string {
  const found = Object(document)[member];
  return typeof found === "string" ? found : "";
}
