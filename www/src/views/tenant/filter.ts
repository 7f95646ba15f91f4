/** Which servers the reader wants to see, as the address has it. */

import { STATES, stageName } from "../../domain/words";
import type { State } from "../../lib/api";
import type { Query } from "../../lib/router";
import { type Option, wordsOf } from "../../ui/filters";
import type { Row } from "./rows";

export interface Filter {
  state: string;
  /** A stage's number, `none`, or empty for all */
  stage: string;
  search: string;
}

export function filterOf({ state = "", stage = "", q = "" }: Query): Filter {
  return { state, stage, search: q };
}

export function filtered(rows: Row[], { state, stage, search }: Filter): Row[] {
  const words = wordsOf(search);
  return rows.filter(
    (row) =>
      (state === "" || row.state === state) &&
      (stage === "" || stageOf(row) === stage) &&
      words.every((word) => row.text.includes(word)),
  );
}

function stageOf({ server }: Row): string {
  return server.stage ? String(server.stage.number) : "none";
}

/** Standings with how many servers each would leave, whatever standing is chosen now. */
export function stateOptions(rows: Row[], filter: Filter): Option[] {
  const left = filtered(rows, { ...filter, state: "" });
  const states = Object.entries(STATES) as [State, string][];
  const option = ([value, name]: [State, string]) => ({
    value,
    name,
    count: left.filter(({ state }) => state === value).length,
  });
  return [{ value: "", name: "All", count: left.length }, ...states.map(option)];
}

/** The same for stages, those that no server is in left out. */
export function stageOptions(rows: Row[], filter: Filter): Option[] {
  const left = filtered(rows, { ...filter, stage: "" });
  const counts = new Map<string, number>();
  for (const row of left) counts.set(stageOf(row), (counts.get(stageOf(row)) ?? 0) + 1);
  if (filter.stage !== "" && !counts.has(filter.stage)) counts.set(filter.stage, 0);
  const stages = [...counts].sort(([one], [other]) => rank(one) - rank(other));
  const name = (stage: string) => (stage === "none" ? "No stage" : stageName({ number: Number(stage) }));
  return [
    { value: "", name: "All", count: left.length },
    ...stages.map(([value, count]) => ({ value, name: name(value), count })),
  ];
}

function rank(stage: string): number {
  return stage === "none" ? Number.POSITIVE_INFINITY : Number(stage);
}
