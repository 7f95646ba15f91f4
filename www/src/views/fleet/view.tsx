/** All tenants: how they stand, and the table to find those that need somebody. */
import { useMemo, useState } from "preact/hooks";
import { MODES } from "../../domain/words";
import type { Control, Mode, Tenant } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { save } from "../../lib/csv";
import { all, value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { href, type Place, updateQuery, type ViewProps } from "../../lib/router";
import { type Sort, sortOf, sortText } from "../../lib/sort";
import { AsOf, Await, lazy } from "../../ui/await";
import { type Facet, useFilter } from "../../ui/filters";
import { Empty } from "../../ui/notice";
import { sortRows, Table } from "../../ui/table";
import { Title } from "../../ui/text";
import { COLUMNS } from "./columns";
import { fleetCsv } from "./export";
import { figures, partial, type Row, rowOf, standing } from "./rows";

const WORST_FIRST: Sort = { column: "worst", descending: true };
const AddTenant = lazy(() => import("./add").then((part) => part.AddTenant));

interface Fleet {
  tenants: Tenant[];
  /** All of them are there */
  complete: boolean;
}

export function FleetView({ place }: ViewProps) {
  const { api, me } = useSession();
  const control = useResource<Control>("control", ({ signal }) =>
    value(api.GET("/v1/control/mode", { signal })),
  );
  const fleet = useResource<Fleet>(
    "fleet",
    async ({ signal, show, before }) => {
      const tenants = await all(
        (query) => api.GET("/v1/tenants", { params: { query }, signal }),
        // those already shown stay until all of them are there anew
        (some) => before ?? show({ tenants: some, complete: false }),
      );
      return { tenants, complete: true };
    },
    { rows: ({ tenants }) => tenants.length },
  );
  const [adding, setAdding] = useState(false);
  const ids = useMemo(() => new Set(fleet.value?.tenants.map(({ tenant }) => tenant)), [fleet.value]);
  const adds = rights(me).operate;
  return (
    <>
      <Title title="Tenants">
        <AsOf of={fleet} />
        {adds && (
          <button type="button" onClick={() => setAdding(true)}>
            Add a tenant
          </button>
        )}
      </Title>
      {adding && <AddTenant ids={ids} onClose={() => setAdding(false)} />}
      <Await of={control} what="tenants">
        {(control) => (
          <>
            <Brake control={control} />
            <Await of={fleet} what="tenants">
              {({ tenants, complete }) =>
                tenants.length === 0 && complete ? (
                  <NoTenants adds={adds} />
                ) : (
                  <Tenants
                    place={place}
                    tenants={tenants}
                    ceiling={control.mode}
                    loading={fleet.loading && !complete}
                    complete={complete}
                  />
                )
              }
            </Await>
          </>
        )}
      </Await>
    </>
  );
}

/** Says so where all tenants are held below what they have set. */
function Brake({ control: { mode } }: { control: Control }) {
  if (mode === "enforce") return null;
  return (
    <p class="restraint">
      <strong>The emergency brake holds all tenants at {mode}:</strong> all mail is accepted, and no server's
      clock runs. <a href={href({ view: "operator" })}>See the brake</a>
    </p>
  );
}

function NoTenants({ adds }: { adds: boolean }) {
  return (
    <Empty title="There is no tenant yet.">
      <p>
        {adds
          ? "Add one here. Then make a key for its gateway: its servers appear with their first mail."
          : "Somebody with an operator's or an admin's key has to add one."}
      </p>
    </Empty>
  );
}

interface TenantsProps extends Fleet {
  place: Place;
  /** What the emergency brake leaves */
  ceiling: Mode;
  loading: boolean;
}

function Tenants({ place, tenants, ceiling, loading, complete }: TenantsProps) {
  const rows = useMemo(() => tenants.map((tenant) => rowOf(tenant, ceiling)), [tenants, ceiling]);
  const sort = useMemo(() => sortOf(place.query.sort) ?? WORST_FIRST, [place.query.sort]);
  // sorted before they are filtered: a key's stroke only filters, and what is in order is quick to sort
  const sorted = useMemo(() => sortRows(rows, COLUMNS, sort), [rows, sort]);
  const { shown, bar, count, none } = useFilter({
    place,
    rows: sorted,
    facets: FACETS,
    textOf: ({ tenant }) => tenant.tenant,
    what: "tenant",
    placeholder: "name",
    loading,
  });
  // neither follows what is typed, and they go over all tenants
  const sentence = useMemo(() => (complete ? standing(rows) : partial(rows)), [rows, complete]);
  const mail = useMemo(() => (complete ? figures(rows) : null), [rows, complete]);
  return (
    <>
      <section class="headline" aria-label="How they stand">
        <p class="headline-first">{sentence}</p>
        {mail && <p class="headline-mail">{mail}</p>}
      </section>
      <section class="fleet" aria-label="Tenants" aria-busy={loading}>
        {bar}
        <div class="title-row count">
          {count}
          <button
            type="button"
            disabled={!complete || shown.length === 0}
            onClick={() => save(fleetCsv(shown), "tidegate-tenants.csv")}
          >
            Download CSV
          </button>
        </div>
        {none || (
          <Table
            caption="Tenants"
            columns={COLUMNS}
            rows={shown}
            rowKey={rowKey}
            sort={sort}
            onSort={(next) => updateQuery(place, { sort: sortText(next) })}
            blocksUnder={78}
          />
        )}
      </section>
    </>
  );
}

function rowKey({ tenant }: Row): string {
  return tenant.tenant;
}

const closed = ({ tenant: { worst_stage: stage } }: Row) =>
  stage ? stage.throttle_minutes + stage.block_minutes : 0;
const blocked = ({ tenant }: Row) => tenant.worst_stage?.block_minutes ?? 0;

const FACETS: Facet<Row>[] = [
  {
    id: "mode",
    label: "Mode",
    options: (Object.keys(MODES) as Mode[]).map((value) => ({
      value,
      name: MODES[value].name,
      is: ({ tenant }) => tenant.mode === value,
    })),
  },
  {
    // by the worst that a tenant's servers have come to
    id: "worst",
    label: "Worst stage",
    options: [
      {
        value: "out_of_date",
        name: "With out-of-date servers",
        is: ({ tenant }) => tenant.servers.out_of_date > 0,
      },
      { value: "throttle", name: "Throttled or blocked", is: (row) => closed(row) > 0 },
      { value: "block", name: "Blocked, also in part", is: (row) => blocked(row) > 0 },
      { value: "entire", name: "Blocked entirely", is: (row) => blocked(row) === 60 },
    ],
  },
];
