/** Everything that a server's page shows. */

import { DEFAULT_LADDER } from "../../domain/ladder";
import type {
  AuditEntry,
  Catalog,
  Exemption,
  Ladder,
  Mode,
  Pause,
  Policy,
  ServerDetail,
} from "../../lib/api";
import { type Api, path } from "../../lib/http";

export interface ServerPage {
  server: ServerDetail;
  policy: Policy;
  pauses: Pause[];
  /** Those of which the audit trail knows, oldest first, as they were granted */
  exemptions: Exemption[];
  /** By which rules stages were climbed, oldest first; the first ones hold from ever */
  rules: Rules[];
  catalog: Catalog;
}

/** What a policy says of stages. */
export interface Rules {
  /** Milliseconds */
  since: number;
  mode: Mode;
  ladder: Ladder;
}

/** How far back former policies and exemptions are looked for. */
const MAX_AUDIT_PAGES = 5;

export async function loadServer(
  api: Api,
  tenant: string,
  id: string,
  signal: AbortSignal,
): Promise<ServerPage> {
  const [server, policy, pauses, changes, { catalog }] = await Promise.all([
    api.get<ServerDetail>(path`/v1/tenants/${tenant}/servers/${id}`, { signal }),
    api.get<Policy>(path`/v1/tenants/${tenant}/policy`, { signal }),
    all(api.pages<Pause>(path`/v1/tenants/${tenant}/pauses`, { signal })),
    changesOf(api, tenant, id, signal),
    api.get<{ catalog: Catalog }>("/v1/catalog", { signal }),
  ]);
  const exemptions = changes.filter(({ action }) => action === "exemption.put").reverse();
  return {
    server,
    policy,
    pauses,
    exemptions: exemptions.map(({ after }) => after as unknown as Exemption),
    rules: rulesOf(
      policy,
      changes.filter(({ action }) => action === "policy.put"),
    ),
    catalog,
  };
}

/** Of the policy, and this server's exemptions, newest first. */
async function changesOf(api: Api, tenant: string, id: string, signal: AbortSignal): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  let pages = 0;
  for await (const page of api.pages<AuditEntry>(path`/v1/tenants/${tenant}/audit`, { signal })) {
    found.push(
      ...page.filter(
        ({ action, subject }) => action === "policy.put" || (action === "exemption.put" && subject === id),
      ),
    );
    pages += 1;
    if (pages >= MAX_AUDIT_PAGES) break;
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

async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}
