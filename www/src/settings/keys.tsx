/** The tenant's keys. */
import { Keys } from "../keys/keys";
import type { TabProps } from "../tenant/view";

export function KeysTab({ tenant }: TabProps) {
  return <Keys tenant={tenant} />;
}
