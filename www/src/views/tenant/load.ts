/** Loads what the report shows: the policy, and the report with all its servers, page by page. */
import { useRef } from "preact/hooks";
import type { Policy, Report } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { type Loaded, useLoad } from "../../lib/resource";
import type { Range } from "./range";
import { type Row, rowOf } from "./rows";

export interface TenantReport {
  policy: Policy;
  /** The days it is about */
  range: Range;
  report: Overview;
  rows: Row[];
  /** All servers are there */
  complete: boolean;
}

/** The report without its servers, the same object as long as it says the same. */
export type Overview = Omit<Report, "servers" | "next">;

const PAGE = 1000;

/** Servers already shown of the same range stay until all of them are there anew. */
export function useTenantReport(tenant: string, range: Range): Loaded<TenantReport> {
  const { api } = useSession();
  const shown = useRef<TenantReport | null>(null);
  const { from, to } = range;
  return useLoad(
    async (signal, part) => {
      const before = shown.current;
      const ask = (cursor: string | null) => {
        const query = { from, to, limit: PAGE, cursor };
        return api.get<Report>(path`/v1/tenants/${tenant}/report`, { signal, query });
      };
      const [policy, first] = await Promise.all([
        api.get<Policy>(path`/v1/tenants/${tenant}/policy`, { signal }),
        ask(null),
      ]);
      const { servers, next: _, ...overview } = first;
      const report = steady(before?.report, overview);
      const rows = servers.map(rowOf);
      // a server's counts are those of the range
      const kept = before?.range.from === from && before.range.to === to ? before.rows : null;
      for (let { next } = first; next !== null; ) {
        part({ policy, range, report, rows: kept ?? [...rows], complete: kept !== null });
        const page = await ask(next);
        rows.push(...page.servers.map(rowOf));
        next = page.next;
      }
      shown.current = { policy, range, report, rows, complete: true };
      return shown.current;
    },
    [api, tenant, from, to],
  );
}

function steady(before: Overview | undefined, now: Overview): Overview {
  return before && JSON.stringify(before) === JSON.stringify(now) ? before : now;
}
