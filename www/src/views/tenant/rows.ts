/** The report's servers, with what they are sorted, filtered and summed up by. */

import type { Minutes } from "../../domain/words";
import type { ReportServer, State } from "../../lib/api";

export interface Row {
  server: ReportServer;
  state: State;
  /** How much of its mail is turned away now: the more the higher */
  strictness: number;
  /** The build's parts, for comparison */
  build: number[];
  /** What a search looks through, in lower case */
  text: string;
}

const BY_STATE: Record<State, number> = { out_of_date: 2, unknown: 1, current: 0 };

export function rowOf(server: ReportServer): Row {
  const { id, name, build, product, standing, stage, effect } = server;
  const state =
    standing?.state === "current" || standing?.state === "out_of_date" ? standing.state : "unknown";
  const { block_minutes, throttle_minutes } = effect ?? { block_minutes: 0, throttle_minutes: 0 };
  return {
    server,
    state,
    strictness:
      ((BY_STATE[state] * 100 + block_minutes) * 100 + throttle_minutes) * 100 + (stage?.number ?? 0),
    build: build === null ? [] : build.split(".").map(Number),
    text: [id, name, build, product].join("\n").toLowerCase(),
  };
}

/** What comes next for a server, if that turns more of its mail away. */
export function stricterNext({ server: { stage } }: Row) {
  const next = stage?.next;
  if (!stage || !next) return null;
  return next.block_minutes > stage.block_minutes || closed(next) > closed(stage) ? next : null;
}

function closed({ throttle_minutes, block_minutes }: Minutes): number {
  return throttle_minutes + block_minutes;
}

/** How many servers there are of each standing. */
export function countStates(rows: Row[]): Record<State, number> {
  const counts = { out_of_date: 0, unknown: 0, current: 0 };
  for (const { state } of rows) counts[state] += 1;
  return counts;
}
