import type { TabProps } from "../tenant/view";

export function AuditTab({ tenant }: TabProps) {
  return <p>AuditTab of {tenant}</p>;
}
