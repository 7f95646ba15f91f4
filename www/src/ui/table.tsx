/**
 * A sortable table of any length: of long ones only the rows in sight are in the document. On narrow screens a row is a
 * block of labelled lines. A row may unfold details beneath it.
 */
import {
  observeWindowOffset,
  observeWindowRect,
  type VirtualItem,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";
import { useMedia } from "./media";
import type { Sort } from "./sort";

export type { Sort };

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

/** One line of the body: a row, or what it unfolds. */
interface Line<Row> {
  row: Row;
  /** The row's */
  name: string;
  /** The line's own */
  key: string;
  detail: boolean;
}

/** Up to here all rows are in the document. */
const MAX_WHOLE = 100;
/** About how high a line is, before it is measured. */
const [ROW_PIXELS, BLOCK_PIXELS] = [48, 180];

export function Table<Row>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, sort: given, onSort, detail, unfolded = false } = props;
  const blocks = useMedia(`(width < ${props.blocksUnder ?? 46}rem)`);
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
  const whole = props.whole || lines.length <= MAX_WHOLE;
  const { items, before, behind, measure } = useLinesInSight(whole ? [] : lines, body, blocks);
  const shown = whole ? lines.map((_, index) => index) : items.map((item) => item.index);
  const order = (next: Sort) => {
    setOwn(next);
    onSort?.(next);
  };
  const toggle = (name: string) => {
    const next = new Set(toggled);
    if (!next.delete(name)) next.add(name);
    setToggled(next);
  };
  // Roles are written out: as blocks, on narrow screens, these elements would lose them.
  return (
    <>
      {blocks && rows.length > 1 && <Order columns={columns} sort={sort} onOrder={order} />}
      <table class={blocks ? "table blocks" : "table"} role="table" aria-rowcount={lines.length + 1}>
        <caption class="hidden">{caption}</caption>
        {!blocks && (
          <thead role="rowgroup">
            <tr role="row" aria-rowindex={1}>
              {columns.map((column) => (
                <Heading key={column.id} column={column} sort={sort} onOrder={order} />
              ))}
            </tr>
          </thead>
        )}
        <tbody ref={body} role="rowgroup">
          <Space height={before} columns={columns.length} />
          {shown.map((index) => {
            const { row, name, key, detail: isDetail } = lines[index] as Line<Row>;
            const open = isUnfolded(name);
            return (
              <tr
                key={key}
                id={isDetail ? `${id}-${index}` : undefined}
                class={isDetail ? "detail" : open ? "unfolded" : undefined}
                role="row"
                aria-rowindex={index + 2}
                data-index={index}
                ref={whole ? null : measure}
              >
                {isDetail ? (
                  <td role="cell" colSpan={columns.length}>
                    {detail?.(row)}
                  </td>
                ) : (
                  columns.map((column) => (
                    <Cell
                      key={column.id}
                      column={column}
                      row={row}
                      toggle={detail && { open, controls: `${id}-${index + 1}`, on: () => toggle(name) }}
                    />
                  ))
                )}
              </tr>
            );
          })}
          <Space height={behind} columns={columns.length} />
        </tbody>
      </table>
    </>
  );
}

interface OrderProps<Row> {
  columns: Column<Row>[];
  sort: Sort | undefined;
  onOrder: (sort: Sort) => void;
}

/** Stands for the headings, which blocks have none of. */
function Order<Row>({ columns, sort, onOrder }: OrderProps<Row>) {
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

function Heading<Row>({ column, sort, onOrder }: HeadingProps<Row>) {
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
function Space({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr class="space" role="presentation">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
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

/** Which lines are in sight, and how high the others are. */
function useLinesInSight<Row>(lines: Line<Row>[], body: { current: HTMLElement | null }, blocks: boolean) {
  const [, redraw] = useReducer<number, void>((round) => round + 1, 0);
  const virtualizer = useRef<Virtualizer<Window, HTMLTableRowElement> | null>(null);
  virtualizer.current ??= new Virtualizer<Window, HTMLTableRowElement>({
    ...fixed,
    count: 0,
    estimateSize: () => ROW_PIXELS,
  });
  const current = virtualizer.current;
  const [margin, setMargin] = useState(0);
  // sizes stay with their rows when others unfold above them
  const getItemKey = useCallback((index: number) => lines[index]?.key ?? index, [lines]);
  current.setOptions({
    ...current.options,
    ...fixed,
    count: lines.length,
    getItemKey,
    estimateSize: () => (blocks ? BLOCK_PIXELS : ROW_PIXELS),
    scrollMargin: margin,
    onChange: () => redraw(),
  });
  useLayoutEffect(() => current.measure(), [current, blocks]);
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
  observeElementRect: observeWindowRect,
  observeElementOffset: observeWindowOffset,
  scrollToFn: windowScroll,
  initialOffset: () => scrollY,
  overscan: 12,
};
