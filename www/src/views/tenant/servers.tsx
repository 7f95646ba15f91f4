/** The table of servers: what is shown of it, and its download. */
import { useMemo } from "preact/hooks";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { type Place, remember } from "../../lib/router";
import { save } from "../../lib/save";
import { type Sort, sortOf, sortText } from "../../lib/sort";
import { Found, NoneLeft, Search, Select, useTyped } from "../../ui/filters";
import { useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import { Table } from "../../ui/table";
import { serverColumns } from "./columns";
import { type Filter, filtered, filterOf, stageOptions, stateOptions } from "./filter";
import type { Range } from "./range";
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
  const [search, setSearch] = useTyped(place, "q");
  const filter = { ...filterOf(place.query), search };
  const { state, stage } = filter;
  const shown = useMemo(() => filtered(rows, filter), [rows, state, stage, search]);
  const showAll = () => {
    setSearch("");
    remember(place, { state: "", stage: "", q: "" });
  };
  const sort = sortOf(place.query.sort) ?? STRICTEST;
  return (
    <section class="part servers" aria-labelledby="servers">
      <div class="title-row">
        <h2 id="servers">Servers</h2>
        <Download tenant={tenant} range={range} />
      </div>
      <Filters place={place} rows={rows} filter={filter} onSearch={setSearch} />
      <Found what="server" shown={shown.length} all={rows.length} loading={!complete} />
      {shown.length > 0 ? (
        <Table
          caption={`Servers of ${tenant}`}
          columns={columns}
          rows={shown}
          rowKey={({ server }) => server.id}
          sort={sort}
          onSort={(next) => remember(place, { sort: sortText(next) })}
          blocksUnder={76}
        />
      ) : (
        <NoneLeft what="server" onAll={showAll} />
      )}
    </section>
  );
}

interface FiltersProps {
  place: Place;
  rows: Row[];
  filter: Filter;
  onSearch: (search: string) => void;
}

function Filters({ place, rows, filter, onSearch }: FiltersProps) {
  return (
    <search class="filters" aria-label="Servers">
      <Select
        label="Standing"
        value={filter.state}
        options={useMemo(() => stateOptions(rows, filter), [rows, filter.stage, filter.search])}
        onChoose={(state) => remember(place, { state })}
      />
      <Select
        label="Stage"
        value={filter.stage}
        options={useMemo(() => stageOptions(rows, filter), [rows, filter.state, filter.search, filter.stage])}
        onChoose={(stage) => remember(place, { stage })}
      />
      <Search label="Search" placeholder="name, build or product" text={filter.search} onType={onSearch} />
    </search>
  );
}

function Download({ tenant, range: { from, to } }: { tenant: string; range: Range }) {
  const { api } = useSession();
  const { busy, error, submit } = useSending(async () => {
    const file = await api.csv(path`/v1/tenants/${tenant}/report`, { query: { from, to } });
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
