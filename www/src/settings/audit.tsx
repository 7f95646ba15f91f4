/** Who changed what in the tenant. */

import { path } from "../api/client";
import { AuditTrail } from "../audit/trail";
import type { TabProps } from "../tenant/view";

export function AuditTab({ tenant }: TabProps) {
  return (
    <AuditTrail path={path`/v1/tenants/${tenant}/audit`} caption={`Changes in ${tenant}, newest first`} />
  );
}
