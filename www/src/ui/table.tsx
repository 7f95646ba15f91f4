/**
 * A sortable table of any length: of long ones only the rows in sight are in the document. On narrow screens a row is a
 * block of labelled lines.
 */
import {
  observeWindowOffset,
  observeWindowRect,
  type VirtualItem,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";

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
}

export interface Sort {
  column: string;
  descending: boolean;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
}

/** Up to here all rows are in the document. */
const MAX_WHOLE = 100;
const ROW_PIXELS = 44;

export function Table<Row>({ caption, columns, rows, rowKey, sort: given, onSort }: Props<Row>) {
  const [own, setOwn] = useState<Sort | undefined>();
  const sort = given ?? own;
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  const body = useRef<HTMLTableSectionElement>(null);
  const whole = sorted.length <= MAX_WHOLE;
  const { items, before, behind, measure } = useRowsInSight(whole ? 0 : sorted.length, body);
  const shown = whole ? sorted.map((_, index) => index) : items.map((item) => item.index);
  const choose = (column: Column<Row>) => {
    const next = { column: column.id, descending: sort?.column === column.id && !sort.descending };
    setOwn(next);
    onSort?.(next);
  };
  // Roles are written out: as blocks, on narrow screens, these elements would lose them.
  return (
    <table class="table" role="table" aria-rowcount={sorted.length + 1}>
      <caption class="hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <Heading key={column.id} column={column} sort={sort} onChoose={choose} />
          ))}
        </tr>
      </thead>
      <tbody ref={body} role="rowgroup">
        <Space height={before} columns={columns.length} />
        {shown.map((index) => {
          const row = sorted[index] as Row;
          return (
            <tr
              key={rowKey(row)}
              role="row"
              aria-rowindex={index + 2}
              data-index={index}
              ref={whole ? null : measure}
            >
              {columns.map((column) => (
                <Cell key={column.id} column={column} row={row} />
              ))}
            </tr>
          );
        })}
        <Space height={behind} columns={columns.length} />
      </tbody>
    </table>
  );
}

interface HeadingProps<Row> {
  column: Column<Row>;
  sort: Sort | undefined;
  onChoose: (column: Column<Row>) => void;
}

function Heading<Row>({ column, sort, onChoose }: HeadingProps<Row>) {
  const sorted = sort?.column === column.id ? (sort.descending ? "descending" : "ascending") : undefined;
  return (
    <th role="columnheader" scope="col" class={column.numeric ? "numeric" : undefined} aria-sort={sorted}>
      {column.compare ? (
        <button type="button" class="sort" onClick={() => onChoose(column)}>
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

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const look = column.numeric ? "numeric" : undefined;
  if (column.head) {
    return (
      <th role="rowheader" scope="row" class={look}>
        {column.cell(row)}
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
function Space({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr class="space" role="presentation">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}

function sortRows<Row>(rows: Row[], columns: Column<Row>[], sort: Sort | undefined): Row[] {
  const compare = columns.find((column) => column.id === sort?.column)?.compare;
  if (!compare) return rows;
  const sign = sort?.descending ? -1 : 1;
  return [...rows].sort((one, other) => sign * compare(one, other));
}

/** Which of `count` rows are in sight, and how high the others are. */
function useRowsInSight(count: number, body: { current: HTMLElement | null }) {
  const [, redraw] = useReducer<number, void>((round) => round + 1, 0);
  const virtualizer = useRef<Virtualizer<Window, HTMLTableRowElement> | null>(null);
  virtualizer.current ??= new Virtualizer<Window, HTMLTableRowElement>({ ...fixed, count: 0 });
  const current = virtualizer.current;
  const [margin, setMargin] = useState(0);
  current.setOptions({ ...current.options, ...fixed, count, scrollMargin: margin, onChange: () => redraw() });
  useLayoutEffect(() => {
    const top = body.current ? body.current.getBoundingClientRect().top + scrollY : 0;
    setMargin(Math.round(top));
    current._willUpdate();
  });
  useEffect(() => current._didMount(), [current]);
  const items: VirtualItem[] = current.getVirtualItems();
  const [first, last] = [items.at(0), items.at(-1)];
  return {
    items,
    before: first ? first.start - margin : 0,
    behind: last ? current.getTotalSize() - (last.end - margin) : 0,
    measure: current.measureElement,
  };
}

const fixed = {
  getScrollElement: () => window,
  estimateSize: () => ROW_PIXELS,
  observeElementRect: observeWindowRect,
  observeElementOffset: observeWindowOffset,
  scrollToFn: windowScroll,
  initialOffset: () => scrollY,
  overscan: 12,
};
