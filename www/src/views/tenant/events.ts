/** What happened to servers, in words. */
import type { Transition } from "../../lib/api";

export function eventWords({ server, kind, before, after }: Transition): string {
  switch (kind) {
    case "detected":
      return `${server} found out of date`;
    case "resumed":
      return `${server} out of date again`;
    case "stage":
      return `${server} from stage ${before} to ${after}`;
    case "patched":
      return `${server} patched`;
    case "silent":
      return `${server} silent for 60 days`;
  }
}
