/**
 * The time of one decision by the engine alone, natively and in WebAssembly.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { buildEngineWasm, shell } from "./build.mjs";

/** How long one sample in WebAssembly should take, in milliseconds, and how many there are. */
const SAMPLE_MS = 50;
const SAMPLES = 21;

/** Nanoseconds of the units in which divan prints. */
const UNITS = /** @type {Record<string, number>} */ ({ ps: 1e-3, ns: 1, µs: 1e3, ms: 1e6, s: 1e9 });

/**
 * The medians of the benches `whole_decision`, and `facts_built_in`, which each isolate does when it starts; in
 * nanoseconds.
 * @returns {Promise<{ decision: number, facts: number }>}
 */
export async function engineNative() {
  const table = await shell("cargo bench --quiet -p tidegate-engine --bench decide");
  return { decision: divanMedian(table, "whole_decision"), facts: divanMedian(table, "facts_built_in") };
}

/**
 * A whole question of `POST /v1/decide`, natively: the median of the bench `octets_to_octets`, and its allocations.
 * @returns {Promise<{ ns: number, allocations: number }>}
 */
export async function octetsToOctets() {
  const table = await shell("cargo bench --quiet -p tidegate-wire --bench octets -- octets_to_octets");
  return { ns: divanMedian(table, "octets_to_octets"), allocations: divanAllocations(table) };
}

/**
 * Reads the allocations of the first bench in divan's table: a row of counts below `alloc:` and, for buffers that
 * grew, one below `grow:`.
 * @param {string} table
 */
export function divanAllocations(table) {
  const lines = table.split("\n").map((line) => line.split("│").map((cell) => cell.trim()));
  const counted = ["alloc:", "grow:"].map((what) => {
    const at = lines.findIndex(([first]) => first.replace(/^[├╰]─\s*/, "") === what);
    return at < 0 ? 0 : Number(lines[at + 1][2]);
  });
  return counted.reduce((sum, count) => sum + count);
}

/**
 * Reads divan's table: name and fastest, then slowest, median, mean, samples and iterations.
 * @param {string} table
 * @param {string} name
 */
export function divanMedian(table, name) {
  for (const line of table.split("\n")) {
    const [first, , median = ""] = line.split("│").map((cell) => cell.trim());
    const [value, unit] = median.split(" ");
    if (/^[├╰]─\s+(\S+)/.exec(first)?.[1] === name && unit in UNITS) return Number(value) * UNITS[unit];
  }
  throw new Error(`no bench ${name} in\n${table}`);
}

/**
 * The median in Node's V8, the engine that workerd has too, in nanoseconds.
 * @returns {Promise<number>}
 */
export async function engineWasm() {
  const { module, wasm } = await buildEngineWasm();
  const { initSync, run } = await import(pathToFileURL(module).href);
  initSync({ module: readFileSync(wasm) });
  let decisions = 1000;
  // V8 recompiles hot code in the background: the first samples are for warming up, and to find the sample's size.
  for (let warmup = 0; warmup < 20; warmup += 1) {
    decisions = Math.ceil((decisions * SAMPLE_MS) / Math.max(time(run, decisions), 1));
  }
  const samples = Array.from({ length: SAMPLES }, () => (time(run, decisions) * 1e6) / decisions);
  return median(samples);
}

/**
 * @param {(decisions: number) => number} run
 * @param {number} decisions
 * @returns {number} milliseconds
 */
function time(run, decisions) {
  const start = performance.now();
  if (run(decisions) !== decisions) throw new Error("the engine did not decide as it should");
  return performance.now() - start;
}

/** @param {number[]} values an odd number of them */
export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
