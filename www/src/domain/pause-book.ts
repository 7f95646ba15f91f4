/** A tenant's pauses, all of them: what a further one costs depends on each. */
import type { Pause } from "../lib/api";
import { useSession } from "../lib/auth";
import { all, value } from "../lib/http";
import { type Resource, useResource } from "../lib/resource";
import type { PauseBook } from "./pauses";

export function usePauses(tenant: string): Resource<PauseBook> {
  const { api } = useSession();
  return useResource(`pauses ${tenant}`, async ({ signal }) => {
    let budget: PauseBook["budget"] = { days_per_year: 0, years: [] };
    const pauses = await all<Pause>(async (query) => {
      const page = await value(
        api.GET("/v1/tenants/{tenant}/pauses", { params: { path: { tenant }, query }, signal }),
      );
      ({ budget } = page);
      return { data: page };
    });
    return { pauses, budget };
  });
}
