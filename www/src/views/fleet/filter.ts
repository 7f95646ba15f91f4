/** Which tenants the reader wants to see, as the address has it. */

import { MODES } from "../../domain/words";
import type { Query } from "../../lib/router";
import { type Option, wordsOf } from "../../ui/filters";
import type { Row } from "./rows";

export interface Filter {
  search: string;
  /** A mode, or empty for all */
  mode: string;
  /** The name of one of `WORST`, or empty for all */
  worst: string;
}

/** By the worst that a tenant's servers have come to. */
const WORST: Record<string, { name: string; is: (row: Row) => boolean }> = {
  out_of_date: { name: "With out-of-date servers", is: ({ tenant }) => tenant.servers.out_of_date > 0 },
  throttle: { name: "Throttled or blocked", is: ({ tenant }) => closed(tenant.worst_stage) > 0 },
  block: { name: "Blocked, also in part", is: ({ tenant }) => (tenant.worst_stage?.block_minutes ?? 0) > 0 },
  entire: { name: "Blocked entirely", is: ({ tenant }) => tenant.worst_stage?.block_minutes === 60 },
};

function closed(stage: Row["tenant"]["worst_stage"]): number {
  return stage ? stage.throttle_minutes + stage.block_minutes : 0;
}

export function filterOf({ mode = "", worst = "" }: Query, search: string): Filter {
  return { search, mode, worst };
}

export function filtered(rows: Row[], { search, mode, worst }: Filter): Row[] {
  const words = wordsOf(search);
  const isWorst = WORST[worst]?.is ?? (() => true);
  return rows.filter(
    (row) =>
      (mode === "" || row.tenant.mode === mode) &&
      isWorst(row) &&
      words.every((word) => row.tenant.tenant.includes(word)),
  );
}

/** Modes with how many tenants each would leave, whatever mode is chosen now. */
export function modeOptions(rows: Row[], filter: Filter): Option[] {
  const left = filtered(rows, { ...filter, mode: "" });
  const count = (mode: string) => left.filter(({ tenant }) => tenant.mode === mode).length;
  const modes = Object.entries(MODES).map(([value, { name }]) => ({ value, name, count: count(value) }));
  return [{ value: "", name: "All", count: left.length }, ...modes];
}

export function worstOptions(rows: Row[], filter: Filter): Option[] {
  const left = filtered(rows, { ...filter, worst: "" });
  const worst = Object.entries(WORST).map(([value, { name, is }]) => ({
    value,
    name,
    count: left.filter(is).length,
  }));
  return [{ value: "", name: "All", count: left.length }, ...worst];
}
