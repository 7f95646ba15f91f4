/** What is known of a server, and what to do about it. */
import { CONNECTORS } from "../../domain/connectors";
import { releaseName, releaseOf, supported } from "../../domain/releases";
import { plural, reason } from "../../domain/words";
import { visible } from "../../ui/hostile";
import { Fact } from "../../ui/text";
import { Time } from "../../ui/time";
import type { ServerPage } from "./load";

export function Facts({ page: { server, catalog, exemptions } }: { page: ServerPage }) {
  const { build, standing } = server;
  const release = build === null ? null : releaseOf(build, catalog);
  return (
    <dl class="known">
      <Fact name="Product">{server.product}</Fact>
      <Fact name="Cumulative update">{release?.cu}</Fact>
      <Fact name="Update">{release?.su ?? (release && "none")}</Fact>
      <Fact name="Build">{build}</Fact>
      <Fact name="Required">
        {standing?.required ?? (standing?.reason === "unsupported" ? "another product" : null)}
      </Fact>
      <Fact name="Behind">{standing?.behind_days == null ? null : plural(standing.behind_days, "day")}</Fact>
      <Fact name="Standing">{standing && reason(standing)}</Fact>
      <Fact name="Connector">{CONNECTORS[server.connector]}</Fact>
      <Fact name="Exempt">
        {server.exempt_until && (
          <>
            until <Time at={server.exempt_until} />: {visible(exemptions.at(-1)?.reason ?? "")}
          </>
        )}
      </Fact>
      <Fact name="First seen">
        <Time at={server.first_seen} />
      </Fact>
      <Fact name="Last seen">
        <Time at={server.last_seen} countdown="beside" />
      </Fact>
    </dl>
  );
}

/** What to do about it. */
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
