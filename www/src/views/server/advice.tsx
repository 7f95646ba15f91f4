/** What to do about a server. */

import { releaseName, releaseOf, supported } from "../../domain/releases";
import type { ServerPage } from "./load";

export function Advice({ page, today }: { page: ServerPage; today: string }) {
  const { server, catalog } = page;
  if (server.standing?.state !== "out_of_date") return null;
  const { required } = server.standing;
  if (required === null) {
    const [newest] = supported(catalog, today);
    return (
      <p class="advice">
        <b>{server.product ?? "Its product"} is out of support</b>: no update makes it acceptable.
        {newest && ` Move to ${newest}.`}
      </p>
    );
  }
  const name = releaseName(releaseOf(required, catalog));
  const named = name === null ? required : `${required} (${name})`;
  return (
    <p class="advice">
      <b>Install {named} or later.</b> Its mail is accepted again from the first message that shows the new
      build.
    </p>
  );
}
