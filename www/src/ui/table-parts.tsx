/** The parts of a table: headings or what stands for them, lines, and the room of lines that are out of sight. */
import { Component, type ComponentChildren } from "preact";
import type { Sort } from "../lib/sort";

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
