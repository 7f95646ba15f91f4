/** What a list is narrowed by: a text that is typed, and choices, each with how many it would leave. */

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { number, plural } from "../domain/words";
import { type Place, updateQuery } from "../lib/router";
import { ExactInput } from "./form";
import { Empty } from "./notice";

/** A pause in typing after which the address follows, in milliseconds: browsers limit how often it may. */
const TYPING = 300;

/** A text that changes with every key, and that the address remembers by that name once its writer pauses. */
function useTyped(place: Place, name: string): [string, (text: string) => void] {
  const remembered = place.query[name] ?? "";
  const [text, setText] = useState(remembered);
  const latest = useRef(place);
  latest.current = place;
  // what was remembered from here is older than what was typed since
  const own = useRef(remembered);
  useEffect(() => {
    if (remembered !== own.current) setText(remembered);
    own.current = remembered;
  }, [remembered]);
  useEffect(() => {
    if (text === remembered) return;
    const timer = setTimeout(() => {
      own.current = text;
      updateQuery(latest.current, { [name]: text });
    }, TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

export interface Facet<Row> {
  /** By which the address remembers it */
  id: string;
  label: string;
  options: { value: string; name: string; is: (row: Row) => boolean }[];
  /** What no row is like is not offered. */
  sparse?: boolean;
}

interface Filtering<Row> {
  place: Place;
  rows: Row[];
  /** Always the same object */
  facets: Facet<Row>[];
  /** What is searched through, in lower case */
  textOf: (row: Row) => string;
  /** What a row is, in the singular */
  what: string;
  placeholder: string;
  /** Not all rows are there yet. */
  loading: boolean;
}

interface Filtered<Row> {
  shown: Row[];
  bar: ComponentChildren;
  /** How many are left of how many */
  count: ComponentChildren;
  /** Stands where nothing is left */
  none: ComponentChildren;
}

export function useFilter<Row>({
  place,
  rows,
  facets,
  textOf,
  what,
  ...words
}: Filtering<Row>): Filtered<Row> {
  const [search, setSearch] = useTyped(place, "q");
  const chosen = facets.map(({ id }) => place.query[id] ?? "");
  const inputs = [rows, facets, search, ...chosen];
  const found = useMemo(() => {
    const parts = search.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((row) => parts.every((part) => textOf(row).includes(part)));
  }, [rows, search]);
  const lefts = useMemo(() => {
    const tests = facets.map(
      ({ options }, index) => options.find(({ value }) => value === chosen[index])?.is ?? (() => true),
    );
    const passing = (but: number) =>
      found.filter((row) => tests.every((is, index) => index === but || is(row)));
    return { shown: passing(-1), each: facets.map((_, index) => passing(index)) };
  }, inputs);
  const offered = useMemo(
    () => facets.map((facet, index) => offer(facet, lefts.each[index] ?? [], chosen[index])),
    inputs,
  );
  const { shown } = lefts;
  const showAll = () => {
    setSearch("");
    updateQuery(place, Object.fromEntries(["q", ...facets.map(({ id }) => id)].map((name) => [name, ""])));
  };
  const left =
    shown.length === rows.length
      ? plural(rows.length, what)
      : `${number(shown.length)} of ${plural(rows.length, what)}`;
  return {
    shown,
    bar: (
      <search class="filters" aria-label={`Find a ${what}`}>
        <label class="grows">
          Search
          <ExactInput type="search" placeholder={words.placeholder} value={search} onType={setSearch} />
        </label>
        {facets.map(({ id, label }, index) => (
          <Select
            key={id}
            label={label}
            value={chosen[index] ?? ""}
            options={offered[index] ?? []}
            onChoose={(value) => updateQuery(place, { [id]: value })}
          />
        ))}
      </search>
    ),
    count: (
      <p class="muted" role="status">
        {left}
        {words.loading && ", more are being loaded …"}
      </p>
    ),
    none: rows.length > 0 && shown.length === 0 && (
      <Empty title={`No ${what} is like that.`}>
        <p>
          <button type="button" onClick={showAll}>
            Show all {what}s
          </button>
        </p>
      </Empty>
    ),
  };
}

function offer<Row>({ options, sparse }: Facet<Row>, rows: Row[], chosen: string | undefined): Option[] {
  const counted = options.map(({ value, name, is }) => ({ value, name, count: rows.filter(is).length }));
  const offered = sparse ? counted.filter(({ value, count }) => count > 0 || value === chosen) : counted;
  return [{ value: "", name: "All", count: rows.length }, ...offered];
}

export interface Option<Value extends string = string> {
  value: Value;
  name: string;
  /** How many it would leave */
  count?: number;
}

interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: Option<Value>[];
  onChoose: (value: Value) => void;
}

export function Select<Value extends string>({ label, value, options, onChoose }: SelectProps<Value>) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as Value)}>
        {options.map(({ value, name, count }) => (
          <option key={value} value={value}>
            {count === undefined ? name : `${name} (${number(count)})`}
          </option>
        ))}
      </select>
    </label>
  );
}
