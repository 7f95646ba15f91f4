/** What is known of a server, what to do about it, what it showed, and what happened to it. */

import type { ComponentChildren } from "preact";
import { actor } from "../../domain/audit";
import { CONNECTORS } from "../../domain/connectors";
import { releaseName, releaseOf, supported } from "../../domain/releases";
import { plural, reason, STATES, stateOf } from "../../domain/words";
import type { Catalog, ServerDetail } from "../../lib/api";
import { visible } from "../../ui/hostile";
import { type Column, Table } from "../../ui/table";
import { Fact, Time } from "../../ui/text";
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

interface BuildSeen {
  node: string;
  /** Of the machine, by its newest builds */
  standing: ServerDetail["nodes"][number]["standing"];
  build: string;
  at: string;
}

export function Builds({ page: { server, catalog } }: { page: ServerPage }) {
  const rows = server.nodes.flatMap(({ address, standing, builds }) =>
    builds.map(({ build, last_seen }): BuildSeen => ({ node: address, standing, build, at: last_seen })),
  );
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby="builds">
      <h2 id="builds">Builds lately seen</h2>
      {server.nodes.length > 1 && (
        <p class="muted">
          {server.nodes.length} machines send under this name. The best build among them counts for all: it is
          out of date only while none of them is up to date.
        </p>
      )}
      <Table
        caption="Builds lately seen, by machine"
        columns={buildColumns(catalog)}
        rows={rows}
        rowKey={({ node, build }) => `${node} ${build}`}
      />
    </section>
  );
}

function buildColumns(catalog: Catalog): Column<BuildSeen>[] {
  return [
    { id: "node", label: "Machine", head: true, cell: ({ node }) => node },
    {
      id: "standing",
      label: "The machine is",
      cell: ({ standing }) => standing && STATES[stateOf(standing)],
    },
    { id: "build", label: "Build", cell: ({ build }) => build },
    {
      id: "release",
      label: "Release",
      cell: ({ build }) =>
        releaseName(releaseOf(build, catalog)) ?? <span class="muted">not in the catalog</span>,
    },
    { id: "at", label: "Last seen", cell: ({ at }) => <Time at={at} /> },
  ];
}

type Transition = ServerDetail["transitions"][number];

const KINDS: Record<Transition["kind"], string> = {
  detected: "Found out of date",
  resumed: "Out of date again: its clock goes on",
  stage: "Next stage",
  patched: "Patched",
  silent: "Nothing out of date heard for 60 days",
  exempted: "Exempted",
  exemption_ended: "Exemption ended",
};

export function Transitions({ server }: { server: ServerDetail }) {
  const { transitions } = server;
  return (
    <section aria-labelledby="transitions">
      <h2 id="transitions">What happened</h2>
      {transitions.length === 0 ? (
        <p class="muted">Nothing yet: it never was out of date.</p>
      ) : (
        <Table caption="What happened" columns={COLUMNS} rows={transitions} rowKey={keyOf} />
      )}
    </section>
  );
}

const COLUMNS: Column<Transition>[] = [
  { id: "at", label: "When", head: true, cell: ({ at }) => <Time at={at} /> },
  { id: "kind", label: "What", cell: ({ kind }) => KINDS[kind] },
  { id: "before", label: "Before", cell: ({ kind, before }) => side(kind, before) },
  { id: "after", label: "After", cell: ({ kind, after }) => side(kind, after) },
  { id: "build", label: "Build", cell: ({ build }) => build },
  {
    id: "actor",
    label: "By",
    cell: (transition) => (transition.actor === "system" ? "Tidegate" : actor(transition.actor)),
  },
];

function keyOf({ at, kind, after }: Transition): string {
  return `${at} ${kind} ${after}`;
}

/** A stage's number, or until when it was exempt. */
function side(kind: Transition["kind"], value: Transition["before"]): ComponentChildren {
  if (value === null) return null;
  if (kind === "stage") return `Stage ${value}`;
  return typeof value === "string" && !Number.isNaN(Date.parse(value)) ? (
    <span>
      until <Time at={value} />
    </span>
  ) : (
    String(value)
  );
}
