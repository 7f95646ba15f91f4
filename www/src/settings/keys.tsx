import type { TabProps } from "../tenant/view";

export function KeysTab({ tenant }: TabProps) {
  return <p>KeysTab of {tenant}</p>;
}
