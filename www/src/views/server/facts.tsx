/** What is known of a server. */
import type { ComponentChildren } from "preact";
import { CONNECTORS } from "../../domain/connectors";
import { releaseOf } from "../../domain/releases";
import { plural, reason } from "../../domain/words";
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
            until <Time at={server.exempt_until} />: {exemptions.at(-1)?.reason}
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

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === null || children === undefined || children === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
