/**
 * A sortable table of any length: of long ones only the rows in sight are in the document. On narrow screens a row is a
 * block of labelled lines. A row may unfold details beneath it.
 */
import { Component, type ComponentChildren, Fragment } from "preact";
import { useCallback, useId, useMemo, useRef, useState } from "preact/hooks";
import { useMedia } from "../lib/media";
import type { Sort } from "../lib/sort";
import { useLinesInSight } from "./lines-in-sight";

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  /** What a row unfolds; its name becomes the button for it, and so must hold no other. */
  detail?: (row: Row) => ComponentChildren;
  /** Rows are unfolded from the start. */
  unfolded?: boolean;
  /** On screens narrower than this, in rem, rows are blocks. */
  blocksUnder?: number;
  /** All rows are in the document, however many: where it is not the window that scrolls them */
  whole?: boolean;
}

/** Up to here all rows are in the document. */
const MAX_WHOLE = 50;

export function Table<Row>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, sort: given, onSort, detail, unfolded = false } = props;
  const blocks = useMedia(`(width < ${props.blocksUnder ?? 46}rem)`);
  const isFixed = columns.some(({ width }) => width !== undefined);
  const [own, setOwn] = useState<Sort | undefined>();
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const isUnfolded = useCallback(
    (name: string) => detail !== undefined && toggled.has(name) !== unfolded,
    [detail !== undefined, toggled, unfolded],
  );
  const sort = given ?? own;
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  const lines = useMemo(() => toLines(sorted, rowKey, isUnfolded), [sorted, isUnfolded]);
  const body = useRef<HTMLTableSectionElement>(null);
  const id = useId();
  const printed = useMedia("print");
  const whole = props.whole || printed || lines.length <= MAX_WHOLE;
  const keys = useMemo(() => (whole ? [] : lines.map(({ key }) => key)), [whole, lines]);
  const [focused, setFocused] = useState<string | undefined>();
  const { shown: inSight, behind, measure } = useLinesInSight({ keys, body, blocks, focused });
  const shown = whole ? lines.map((_, index) => ({ index, above: 0 })) : inSight;
  const order = (next: Sort) => {
    setOwn(next);
    onSort?.(next);
  };
  const toggle = useCallback((name: string) => {
    setToggled((before) => {
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }, []);
  // Roles are written out: as blocks, on narrow screens, these elements would lose them.
  return (
    <>
      {blocks && rows.length > 1 && <Order columns={columns} sort={sort} onOrder={order} />}
      <table class={look(blocks, isFixed)} role="table" aria-rowcount={lines.length + 1}>
        <caption class="hidden">{caption}</caption>
        {isFixed && !blocks && (
          <colgroup>
            {columns.map(({ id, width }) => (
              <col key={id} style={width ? { width } : undefined} />
            ))}
          </colgroup>
        )}
        {!blocks && (
          <thead role="rowgroup">
            <tr role="row" aria-rowindex={1}>
              {columns.map((column) => (
                <Heading key={column.id} column={column} sort={sort} onOrder={order} />
              ))}
            </tr>
          </thead>
        )}
        <tbody
          ref={body}
          role="rowgroup"
          onFocusIn={({ target }) =>
            setFocused(lines[Number((target as Element).closest("tr")?.dataset.index)]?.key)
          }
          onFocusOut={() => setFocused(undefined)}
        >
          {shown.map(({ index, above }) => {
            const line = lines[index] as Line<Row>;
            return (
              <Fragment key={line.key}>
                <Space height={above} columns={columns.length} />
                <LineRow
                  line={line}
                  index={index}
                  columns={columns}
                  id={id}
                  open={isUnfolded(line.name)}
                  detail={detail}
                  onToggle={toggle}
                  measure={whole ? null : measure}
                />
              </Fragment>
            );
          })}
          <Space height={whole ? 0 : behind} columns={columns.length} />
        </tbody>
      </table>
    </>
  );
}

function look(blocks: boolean, isFixed: boolean): string {
  if (blocks) return "table blocks";
  return isFixed ? "table fixed" : "table";
}

export function sortRows<Row>(rows: Row[], columns: Column<Row>[], sort: Sort | undefined): Row[] {
  const compare = columns.find((column) => column.id === sort?.column)?.compare;
  if (!compare) return rows;
  const sign = sort?.descending ? -1 : 1;
  return [...rows].sort((one, other) => sign * compare(one, other));
}

function toLines<Row>(
  rows: Row[],
  rowKey: (row: Row) => string,
  isUnfolded: (name: string) => boolean,
): Line<Row>[] {
  return rows.flatMap((row) => {
    const name = rowKey(row);
    const line = { row, name, key: name, detail: false };
    return isUnfolded(name) ? [line, { ...line, key: `${name} detail`, detail: true }] : [line];
  });
}

export interface Column<Row> {
  /** Also the name by which it is sorted */
  id: string;
  label: string;
  cell: (row: Row) => ComponentChildren;
  /** Less than 0 where the first comes first */
  compare?: (one: Row, other: Row) => number;
  /** Figures stand right */
  numeric?: boolean;
  /** The row's name, which leads the block on narrow screens */
  head?: boolean;
  /** As CSS has it; where one column has one, no content moves any, and those without share what is left */
  width?: string;
}

/** One line of the body: a row, or what it unfolds. */
export interface Line<Row> {
  row: Row;
  /** The row's */
  name: string;
  /** The line's own */
  key: string;
  detail: boolean;
}

interface OrderProps<Row> {
  columns: Column<Row>[];
  sort: Sort | undefined;
  onOrder: (sort: Sort) => void;
}

/** Stands for the headings, which blocks have none of. */
export function Order<Row>({ columns, sort, onOrder }: OrderProps<Row>) {
  const sortable = columns.filter(({ compare }) => compare);
  if (sortable.length === 0) return null;
  const { column, descending } = sort ?? { column: "", descending: false };
  return (
    <div class="table-order">
      <label>
        Sort by{" "}
        <select
          value={column}
          onChange={(event) => onOrder({ column: event.currentTarget.value, descending })}
        >
          {!sort && <option value="" />}
          {sortable.map(({ id, label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {sort && (
        <button type="button" onClick={() => onOrder({ column, descending: !descending })}>
          {descending ? "▼ descending" : "▲ ascending"}
        </button>
      )}
    </div>
  );
}

interface HeadingProps<Row> {
  column: Column<Row>;
  sort: Sort | undefined;
  onOrder: (sort: Sort) => void;
}

export function Heading<Row>({ column, sort, onOrder }: HeadingProps<Row>) {
  const sorted = sort?.column === column.id ? (sort.descending ? "descending" : "ascending") : undefined;
  const next = { column: column.id, descending: sorted === "ascending" };
  return (
    <th role="columnheader" scope="col" class={column.numeric ? "numeric" : undefined} aria-sort={sorted}>
      {column.compare ? (
        <button type="button" class="sort" onClick={() => onOrder(next)}>
          {column.label}
          <span class="sort-sign" aria-hidden="true">
            {sorted === "descending" ? "▼" : sorted === "ascending" ? "▲" : ""}
          </span>
        </button>
      ) : (
        column.label
      )}
    </th>
  );
}

interface LineRowProps<Row> {
  line: Line<Row>;
  index: number;
  columns: Column<Row>[];
  /** Of the table */
  id: string;
  /** The row shows its details */
  open: boolean;
  detail: ((row: Row) => ComponentChildren) | undefined;
  onToggle: (name: string) => void;
  measure: ((row: HTMLTableRowElement | null) => void) | null;
}

/** Rendered anew only where something about it changed: a long table scrolls by its new lines alone. */
export class LineRow<Row> extends Component<LineRowProps<Row>> {
  override shouldComponentUpdate(next: LineRowProps<Row>): boolean {
    const names = Object.keys(next) as (keyof LineRowProps<Row>)[];
    return names.some((name) => next[name] !== this.props[name]);
  }

  override render() {
    const { line, index, columns, id, open, detail, onToggle, measure } = this.props;
    const { row, name } = line;
    const toggle = detail && { open, controls: `${id}-${index + 1}`, on: () => onToggle(name) };
    return (
      <tr
        id={line.detail ? `${id}-${index}` : undefined}
        class={line.detail ? "detail" : open ? "unfolded" : undefined}
        role="row"
        aria-rowindex={index + 2}
        data-index={index}
        ref={measure}
      >
        {line.detail ? (
          <td role="cell" colSpan={columns.length}>
            {detail?.(row)}
          </td>
        ) : (
          columns.map((column) => <Cell key={column.id} column={column} row={row} toggle={toggle} />)
        )}
      </tr>
    );
  }
}

interface CellProps<Row> {
  column: Column<Row>;
  row: Row;
  /** For rows that unfold */
  toggle: { open: boolean; controls: string; on: () => void } | undefined;
}

function Cell<Row>({ column, row, toggle }: CellProps<Row>) {
  const look = column.numeric ? "numeric" : undefined;
  if (column.head) {
    return (
      <th role="rowheader" scope="row" class={look}>
        {toggle ? (
          <button
            type="button"
            class="unfold"
            aria-expanded={toggle.open}
            aria-controls={toggle.open ? toggle.controls : undefined}
            onClick={toggle.on}
          >
            {column.cell(row)}
          </button>
        ) : (
          column.cell(row)
        )}
      </th>
    );
  }
  return (
    <td role="cell" class={look} data-label={column.label}>
      {column.cell(row)}
    </td>
  );
}

/** Stands for the rows that are out of sight. */
export function Space({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr class="space" role="presentation">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}
