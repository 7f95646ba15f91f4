/** Who changed what in the tenant. */

import { path } from "../../lib/http";
import { AuditTrail } from "../../ui/audit-trail";
import type { TabProps } from "./view";

export function AuditTab({ tenant }: TabProps) {
  return (
    <AuditTrail path={path`/v1/tenants/${tenant}/audit`} caption={`Changes in ${tenant}, newest first`} />
  );
}
