/** The table of servers: what is shown of it, and its download. */
import { useMemo } from "preact/hooks";
import { STATES, stageName } from "../../domain/words";
import type { State } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { save } from "../../lib/csv";
import { value } from "../../lib/http";
import { type Place, updateQuery } from "../../lib/router";
import { type Sort, sortOf, sortText } from "../../lib/sort";
import { type Facet, useFilter } from "../../ui/filters";
import { useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import { Table } from "../../ui/table";
import { serverColumns } from "./columns";
import type { Range } from "./days";
import type { Row } from "./rows";

interface Props {
  tenant: string;
  place: Place;
  range: Range;
  rows: Row[];
  complete: boolean;
  stages: number;
}

/** What is turned away most comes first. */
const STRICTEST: Sort = { column: "now", descending: true };

export function Servers({ tenant, place, range, rows, complete, stages }: Props) {
  const columns = useMemo(() => serverColumns({ tenant, stages }), [tenant, stages]);
  const facets = useMemo(() => facetsOf(stages), [stages]);
  const { shown, bar, count, none } = useFilter({
    place,
    rows,
    facets,
    textOf: ({ text }) => text,
    what: "server",
    placeholder: "name, build or product",
    loading: !complete,
  });
  const sort = useMemo(() => sortOf(place.query.sort) ?? STRICTEST, [place.query.sort]);
  return (
    <section class="part servers" aria-labelledby="servers">
      <div class="title-row">
        <h2 id="servers">Servers</h2>
        <Download tenant={tenant} range={range} />
      </div>
      {bar}
      {count}
      {none || (
        <Table
          caption={`Servers of ${tenant}`}
          columns={columns}
          rows={shown}
          rowKey={({ server }) => server.id}
          sort={sort}
          onSort={(next) => updateQuery(place, { sort: sortText(next) })}
          blocksUnder={76}
        />
      )}
    </section>
  );
}

function facetsOf(stages: number): Facet<Row>[] {
  const numbers = Array.from({ length: stages }, (_, index) => index + 1);
  return [
    {
      id: "state",
      label: "Standing",
      options: (Object.keys(STATES) as State[]).map((value) => ({
        value,
        name: STATES[value],
        is: ({ state }) => state === value,
      })),
    },
    {
      id: "stage",
      label: "Stage",
      options: [
        ...numbers.map((number) => ({
          value: `${number}`,
          name: stageName({ number }),
          is: ({ server }: Row) => server.stage?.number === number,
        })),
        { value: "none", name: "No stage", is: ({ server }) => !server.stage },
      ],
      sparse: true,
    },
  ];
}

function Download({ tenant, range: { from, to } }: { tenant: string; range: Range }) {
  const { api } = useSession();
  const { busy, error, submit } = useSending(async () => {
    const file = await value(
      api.GET("/v1/tenants/{tenant}/report", {
        params: { path: { tenant }, query: { from, to } },
        headers: { accept: "text/csv" },
        parseAs: "blob",
      }),
    );
    save(file, `tidegate-${tenant}-${from}-${to}.csv`);
  });
  return (
    <div>
      <button
        type="button"
        disabled={busy}
        title="All servers, with their figures of these days"
        onClick={submit}
      >
        {busy ? "Downloading …" : "Download CSV"}
      </button>
      <Refusal error={error} />
    </div>
  );
}
