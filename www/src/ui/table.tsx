/**
 * A sortable table of any length: of long ones only the rows in sight are in the document. On narrow screens a row is a
 * block of labelled lines. A row may unfold details beneath it.
 */
import { type ComponentChildren, Fragment } from "preact";
import { useCallback, useId, useMemo, useRef, useState } from "preact/hooks";
import { useMedia } from "../lib/media";
import type { Sort } from "../lib/sort";
import { useLinesInSight } from "./lines-in-sight";
import { type Column, Heading, type Line, LineRow, Order, Space } from "./table-parts";

export type { Sort } from "../lib/sort";
export type { Column } from "./table-parts";

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
