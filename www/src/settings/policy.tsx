import type { TabProps } from "../tenant/view";

export function PolicyTab({ tenant }: TabProps) {
  return <p>PolicyTab of {tenant}</p>;
}
