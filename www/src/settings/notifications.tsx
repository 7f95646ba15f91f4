import type { TabProps } from "../tenant/view";

export function NotificationsTab({ tenant }: TabProps) {
  return <p>NotificationsTab of {tenant}</p>;
}
