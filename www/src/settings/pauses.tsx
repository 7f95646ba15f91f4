import type { TabProps } from "../tenant/view";

export function PausesTab({ tenant }: TabProps) {
  return <p>PausesTab of {tenant}</p>;
}
