/** What the engine says of a server that is supposed, in the page's own terms: times are in milliseconds. */
import type * as pkg from "../../../pkg/tidegate";
import type { Action, Ladder, Standing } from "../lib/api";
import { type Engine, loadEngine } from "../lib/engine";
import type { Freeze } from "./steps";
import type { Minutes } from "./words";

export interface Supposition {
  build: string;
  /** The name of a built-in one */
  baseline: string;
  ladder: Ladder;
  /** When it was found out of date */
  found: number;
  freezes: Pick<Freeze, "from" | "until">[];
  /** The moment that is looked at */
  at: number;
  /** Both empty: no server in particular */
  tenant: string;
  server: string;
}

export interface Simulation {
  product: string | null;
  cu: string | null;
  su: string | null;
  standing: Standing;
  /** Those that are ever reached; none if the build is not out of date at that moment */
  stages: SimulatedStage[];
  /** Nothing is closed, since clocks stand still */
  paused: boolean;
  hour: Hour;
}

export interface SimulatedStage {
  number: number;
  from: number;
  /** `Infinity` for the last */
  until: number;
  minutes: Minutes;
}

/** The UTC hour in which the moment lies. */
export interface Hour {
  start: Date;
  /** Of its 60 minutes */
  actions: Action[];
  /** By how many minutes the server's hour is shifted */
  offset: number;
}

export type Release = pkg.Catalog["releases"][number];

const HOUR = 3_600_000;
/** Any that is out of date and enforced. */
const BLAMED = "15.0.1497.48";

export class Simulator {
  readonly releases: Release[];
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.releases = engine.catalog().releases;
  }

  /** Throws an `Error` that says what is wrong with what is supposed. */
  simulate({ build, baseline, ladder, found, freezes, at, tenant, server }: Supposition): Simulation {
    const { product, cu, su } = this.#engine.assess(build, { baseline, at: time(at) });
    const result = this.#engine.simulate({
      build,
      baseline,
      ladder,
      detectedAt: time(found),
      pauses: freezes.map(({ from, until }) => ({ from: time(from), until: time(until) })),
      at: time(at),
      ...(tenant !== "" && server !== "" && { tenant, server }),
    });
    return {
      product,
      cu,
      su,
      standing: result.standing,
      stages: result.stages.flatMap(stageOf),
      paused: result.at?.paused ?? false,
      hour: { start: new Date(Math.floor(at / HOUR) * HOUR), actions: result.hour, offset: result.offset },
    };
  }

  /** Which minutes of the hour that begins at `start` a stage closes to a server. */
  hour({ throttle_minutes, block_minutes }: Minutes, tenant: string, server: string, start: number): Hour {
    const ladder = [{ throttle_minutes, block_minutes }];
    // found so long ago that the days of notice are over
    const found = start - 30 * 24 * HOUR;
    const supposed = { build: BLAMED, baseline: "microsoft", ladder, found, at: start, freezes: [] };
    return this.simulate({ ...supposed, tenant, server }).hour;
  }
}

/** Fetches the engine where it is first used. */
export async function loadSimulator(): Promise<Simulator> {
  return new Simulator(await loadEngine());
}

function stageOf({
  number,
  from,
  until,
  throttle_minutes,
  block_minutes,
}: pkg.ScheduledStage): SimulatedStage[] {
  if (from === null) return [];
  const end = until === null ? Number.POSITIVE_INFINITY : Date.parse(until);
  return [{ number, from: Date.parse(from), until: end, minutes: { throttle_minutes, block_minutes } }];
}

/** Of whole seconds. */
function time(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
