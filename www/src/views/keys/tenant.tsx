/** The tenant's keys. */

import type { TabProps } from "../tenant/view";
import { Keys } from "./keys";

export function KeysTab({ tenant }: TabProps) {
  return <Keys tenant={tenant} />;
}
