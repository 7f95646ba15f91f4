/**
 * Lives lists of operations drawn by chance, some at a time, and makes those that fail short. `node
 * tests/simulation/simulate.mjs` lives as many OPERATIONS as asked, from a SEED.
 */
import { fileURLToPath } from "node:url";
import { randomFrom } from "../support/random.mjs";
import { Violation } from "./support/model.mjs";
import { operations, sizeOf } from "./support/operations.mjs";
import { shrink } from "./support/shrink.mjs";
import { live } from "./support/world.mjs";

const AT_A_TIME = Number(process.env.AT_A_TIME ?? 5);
const LIST = 400;
/** A list that fails is made shorter for so long. */
const SHRUNK_WITHIN_MS = Number(process.env.SHRUNK_WITHIN_MS ?? 120_000);
const SEEDS_APART = 1_000_003;

/** @typedef {{ invariant: string, message: string, seed: number, list: import("./support/operations.mjs").Operation[] }} Failure */

/**
 * @param {object} asked
 * @param {number} asked.count of operations, at least
 * @param {number} asked.seed
 * @param {(text: string) => void} asked.say
 * @returns {Promise<{ done: number, refused: number, leastRefused: number, failures: Failure[] }>} `leastRefused`: of the
 *   lists that held, in the one in which the fewest messages were refused
 */
export async function simulate({ count, seed, say }) {
  const failures = /** @type {Failure[]} */ ([]);
  const sums = { done: 0, refused: 0, leastRefused: Number.POSITIVE_INFINITY, failures };
  let begun = 0;
  const one = async () => {
    while (begun < count) {
      const listSeed = (seed + Math.round(begun / LIST) * SEEDS_APART) >>> 0;
      begun += LIST;
      const list = operations(randomFrom(listSeed), LIST);
      const { failure, refused } = await tried(list, listSeed);
      sums.done += sizeOf(list);
      sums.refused += refused;
      if (failure) {
        say(`seed ${listSeed}: ${failure.message}`);
        const short = await shortened(failure);
        failures.push(short);
        say(
          `keep as tests/simulation/kept/NAME.json: ${JSON.stringify({ seed: short.seed, invariant: short.invariant, list: short.list })}`,
        );
      } else sums.leastRefused = Math.min(sums.leastRefused, refused);
      if (count > 10 * LIST * AT_A_TIME) say(`${sums.done} operations, ${failures.length} lists failed`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  return sums;
}

/**
 * @param {import("./support/operations.mjs").Operation[]} list
 * @param {number} seed
 * @param {Parameters<typeof live>[2]} [options]
 * @returns {Promise<{ failure?: Failure, refused: number }>}
 */
export async function tried(list, seed, options) {
  try {
    const { refused } = await live(list, seed, options);
    return { refused };
  } catch (error) {
    const invariant = error instanceof Violation ? error.invariant : "the simulation runs";
    const message = error instanceof Violation ? error.message : String(/** @type {any} */ (error).stack);
    return { refused: 0, failure: { invariant, message, seed, list } };
  }
}

/** @param {Failure} failure @returns {Promise<Failure>} */
export async function shortened(failure) {
  /** @type {Failure} */
  let shortest = failure;
  await shrink(
    failure.list,
    async (list) => {
      const again = (await tried(list, failure.seed)).failure;
      if (again?.invariant !== failure.invariant) return false;
      shortest = again;
      return true;
    },
    SHRUNK_WITHIN_MS,
  );
  return shortest;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const count = Number(process.env.OPERATIONS || 20_000);
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 32));
  console.log(`SEED=${seed}`);
  const start = performance.now();
  const { done, refused, failures } = await simulate({ count, seed, say: console.log });
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(
    `SEED=${seed}: ${done} operations in ${seconds} s, ${refused} messages refused, ${failures.length} lists failed`,
  );
  if (failures.length > 0) process.exitCode = 1;
}
