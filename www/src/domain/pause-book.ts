/** Loads a tenant's pauses, all of them: what a further one costs depends on each. */

import type { Budget, Pause } from "../lib/api";
import { useSession } from "../lib/auth";
import { type Page, path } from "../lib/http";
import { type Loaded, useLoad } from "../lib/resource";
import type { PauseBook } from "./pauses";

const PAGE = 1000;

export function usePauses(tenant: string): Loaded<PauseBook> {
  const { api } = useSession();
  return useLoad(
    async (signal) => {
      const pauses: Pause[] = [];
      let cursor: string | null = null;
      for (;;) {
        const page: Page<Pause> & { budget: Budget } = await api.get(path`/v1/tenants/${tenant}/pauses`, {
          signal,
          query: { limit: PAGE, cursor },
        });
        pauses.push(...page.items);
        cursor = page.next;
        if (cursor === null) return { pauses, budget: page.budget };
      }
    },
    [api, tenant],
  );
}
