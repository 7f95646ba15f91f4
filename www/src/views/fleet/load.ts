/** All tenants, page by page, and how far any of them is held. */

import type { Control, Tenant } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { type Loaded, useLoad } from "../../lib/resource";
import type { Row } from "./rows";
import { rowOf } from "./rows";

export interface Fleet {
  rows: Row[];
  /** All of them are there */
  complete: boolean;
  /** The emergency brake */
  control: Control;
}

export function useFleet(): Loaded<Fleet> {
  const { api } = useSession();
  return useLoad(
    async (signal, part) => {
      const control = await api.get<Control>("/v1/control/mode", { signal });
      const rows: Row[] = [];
      for await (const page of api.pages<Tenant>("/v1/tenants", { signal })) {
        rows.push(...page.map((tenant) => rowOf(tenant, control.mode)));
        part({ rows: [...rows], complete: false, control });
      }
      return { rows, complete: true, control };
    },
    [api],
  );
}
