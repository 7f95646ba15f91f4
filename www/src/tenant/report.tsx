/** What becomes of a tenant's mail: the sentence that matters, the picture, the servers. */
import type { TabProps } from "./view";

export function ReportTab({ tenant }: TabProps) {
  return <p>Report of {tenant}</p>;
}
