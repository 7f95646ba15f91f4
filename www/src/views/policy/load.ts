/** Loads a tenant's policy, and what a policy may name. */

import type { Catalog, Control, Mode, Policy } from "../../lib/api";
import { type Session, useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { type Loaded, useLoad } from "../../lib/resource";

/** A policy as it is stored, and by what a change tells that it knows this one. */
export interface Stored {
  policy: Policy;
  etag: string | null;
}

export interface PolicyPage {
  stored: Stored;
  catalog: Catalog;
  /** Names */
  baselines: string[];
  /** What the emergency brake leaves; null where the reader may not know */
  ceiling: Mode | null;
}

export function usePolicyPage(tenant: string): Loaded<PolicyPage> {
  const { api, me } = useSession();
  return useLoad(
    async (signal) => {
      const [stored, { catalog }, baselines, control] = await Promise.all([
        loadPolicy(api, tenant, signal),
        api.get<{ catalog: Catalog }>("/v1/catalog", { signal }),
        baselineNames(api, signal),
        me.tenant === null ? api.get<Control>("/v1/control/mode", { signal }) : null,
      ]);
      return { stored, catalog, baselines, ceiling: control?.mode ?? null };
    },
    [api, me, tenant],
  );
}

export async function loadPolicy(api: Session["api"], tenant: string, signal?: AbortSignal): Promise<Stored> {
  const address = path`/v1/tenants/${tenant}/policy`;
  const { body, etag } = await api.ask<Policy>("GET", address, undefined, { signal });
  return { policy: body, etag };
}

async function baselineNames(api: Session["api"], signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for await (const page of api.pages<{ name: string }>("/v1/baselines", { signal }))
    names.push(...page.map(({ name }) => name));
  return names;
}
