/** All tenants: how they stand, and the table to find those that need somebody. */
import { useMemo, useState } from "preact/hooks";
import type { Control } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import type { ViewProps } from "../../lib/router";
import { href, type Place, remember } from "../../lib/router";
import { save } from "../../lib/save";
import { type Sort, sortOf, sortText } from "../../lib/sort";
import { Found, NoneLeft, Search, Select, useTyped } from "../../ui/filters";
import { Empty, Failure, Loading } from "../../ui/notice";
import { Part } from "../../ui/part";
import { sortRows, Table } from "../../ui/table";
import { Title } from "../../ui/title";
import { COLUMNS } from "./columns";
import { fleetCsv } from "./export";
import { type Filter, filtered, filterOf, modeOptions, worstOptions } from "./filter";
import { useFleet } from "./load";
import type { Row } from "./rows";
import { figures, partial, standing } from "./sentence";

const WORST_FIRST: Sort = { column: "worst", descending: true };

export function FleetView({ place }: ViewProps) {
  const { me } = useSession();
  const { value, error, loading, reload } = useFleet();
  const [adding, setAdding] = useState(false);
  const ids = useMemo(() => new Set(value?.rows.map(({ tenant }) => tenant.tenant)), [value]);
  const adds = rights(me).operate;
  return (
    <>
      <Title title="Tenants">
        {adds && (
          <button type="button" onClick={() => setAdding(true)}>
            Add a tenant
          </button>
        )}
      </Title>
      {adding && <Part load={addTenant} props={{ ids, onClose: () => setAdding(false) }} />}
      {value === undefined && loading && <Loading what="tenants" />}
      {value && <Brake control={value.control} />}
      {value && value.rows.length > 0 && (
        <Tenants place={place} rows={value.rows} loading={loading} complete={value.complete} />
      )}
      {value?.rows.length === 0 && !loading && <NoTenants adds={adds} />}
      {error !== undefined && <Failure error={error} retry={reload} />}
    </>
  );
}

const addTenant = () => import("./add").then((part) => part.AddTenant);

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

interface TenantsProps {
  place: Place;
  rows: Row[];
  loading: boolean;
  complete: boolean;
}

function Tenants({ place, rows, loading, complete }: TenantsProps) {
  const [search, setSearch] = useTyped(place, "q");
  const { mode, worst } = filterOf(place.query, search);
  const filter = useMemo(() => ({ search, mode, worst }), [search, mode, worst]);
  const sort = useMemo(() => sortOf(place.query.sort) ?? WORST_FIRST, [place.query.sort]);
  // sorted before they are filtered: a key's stroke only filters, and what is in order is quick to sort
  const sorted = useMemo(() => sortRows(rows, COLUMNS, sort), [rows, sort]);
  const shown = useMemo(() => filtered(sorted, filter), [sorted, filter]);
  const showAll = () => {
    setSearch("");
    remember(place, { q: "", mode: "", worst: "" });
  };
  // neither follows what is typed, and they go over all tenants
  const sentence = useMemo(() => (complete ? standing(rows) : partial(rows)), [rows, complete]);
  const mail = useMemo(() => (complete ? figures(rows) : null), [rows, complete]);
  const download = () => save(fleetCsv(shown), "tidegate-tenants.csv");
  return (
    <>
      <section class="headline" aria-label="How they stand">
        <p class="headline-first">{sentence}</p>
        {mail && <p class="headline-mail">{mail}</p>}
      </section>
      <section class="fleet" aria-label="Tenants" aria-busy={loading}>
        <Filters place={place} rows={rows} filter={filter} onSearch={setSearch} />
        <div class="title-row count">
          <Found what="tenant" shown={shown.length} all={rows.length} loading={loading} />
          <button type="button" disabled={!complete || shown.length === 0} onClick={download}>
            Download CSV
          </button>
        </div>
        {shown.length > 0 ? (
          <Table
            caption="Tenants"
            columns={COLUMNS}
            rows={shown}
            rowKey={rowKey}
            sort={sort}
            onSort={(next) => remember(place, { sort: sortText(next) })}
            blocksUnder={70}
          />
        ) : (
          <NoneLeft what="tenant" onAll={showAll} />
        )}
      </section>
    </>
  );
}

function rowKey({ tenant }: Row): string {
  return tenant.tenant;
}

interface FiltersProps {
  place: Place;
  rows: Row[];
  filter: Filter;
  onSearch: (search: string) => void;
}

function Filters({ place, rows, filter, onSearch }: FiltersProps) {
  return (
    <search class="filters" aria-label="Tenants">
      <Search label="Search" placeholder="name" text={filter.search} onType={onSearch} />
      <Select
        label="Mode"
        value={filter.mode}
        options={useMemo(() => modeOptions(rows, filter), [rows, filter])}
        onChoose={(mode) => remember(place, { mode })}
      />
      <Select
        label="Worst stage"
        value={filter.worst}
        options={useMemo(() => worstOptions(rows, filter), [rows, filter])}
        onChoose={(worst) => remember(place, { worst })}
      />
    </search>
  );
}
