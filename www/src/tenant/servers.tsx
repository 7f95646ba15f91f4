/** The table of servers: what is shown of it, and its download. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { path } from "../api/client";
import { type Place, remember } from "../route";
import { save } from "../save";
import { useSession } from "../session";
import { useSending } from "../ui/form";
import { Empty, Refusal } from "../ui/notice";
import { type Sort, Table } from "../ui/table";
import { number, plural } from "../words";
import { serverColumns } from "./columns";
import { type Filter, filtered, filterOf, type Option, stageOptions, stateOptions } from "./filter";
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
/** A pause in typing after which the address follows, in milliseconds. */
const TYPING = 300;

export function Servers({ tenant, place, range, rows, complete, stages }: Props) {
  const columns = useMemo(() => serverColumns({ tenant, stages }), [tenant, stages]);
  const filter = filterOf(place.query);
  const { state, stage, search } = filter;
  const shown = useMemo(() => filtered(rows, filter), [rows, state, stage, search]);
  const sort = sortOf(place.query.sort) ?? STRICTEST;
  const setSort = ({ column, descending }: Sort) =>
    remember(place, { sort: `${descending ? "-" : ""}${column}` });
  return (
    <section class="part servers" aria-labelledby="servers">
      <div class="title-row">
        <h2 id="servers">Servers</h2>
        <Download tenant={tenant} range={range} />
      </div>
      <Filters place={place} rows={rows} filter={filter} />
      <p class="muted" role="status">
        {shown.length === rows.length
          ? plural(rows.length, "server")
          : `${number(shown.length)} of ${plural(rows.length, "server")}`}
        {!complete && ", more are being loaded …"}
      </p>
      {shown.length > 0 ? (
        <Table
          caption={`Servers of ${tenant}`}
          columns={columns}
          rows={shown}
          rowKey={({ server }) => server.id}
          sort={sort}
          onSort={setSort}
          blocksUnder={76}
        />
      ) : (
        <Empty title="No server is like that.">
          <p>
            <button type="button" onClick={() => remember(place, { state: "", stage: "", q: "" })}>
              Show all servers
            </button>
          </p>
        </Empty>
      )}
    </section>
  );
}

function sortOf(text: string | undefined): Sort | null {
  if (!text) return null;
  return text.startsWith("-")
    ? { column: text.slice(1), descending: true }
    : { column: text, descending: false };
}

function Filters({ place, rows, filter }: { place: Place; rows: Row[]; filter: Filter }) {
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
      <Search place={place} search={filter.search} />
    </search>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: Option[];
  onChoose: (value: string) => void;
}

function Select({ label, value, options, onChoose }: SelectProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map(({ value, name, count }) => (
          <option key={value} value={value}>
            {`${name} (${number(count)})`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Search({ place, search }: { place: Place; search: string }) {
  const [text, setText] = useState(search);
  useEffect(() => setText(search), [search]);
  useEffect(() => {
    if (text === search) return;
    const timer = setTimeout(() => remember(place, { q: text }), TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="grows">
      Search
      <input
        type="search"
        placeholder="name, build or product"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
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
