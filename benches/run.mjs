/**
 * `make bench`: measures the worker on bare workerd beside two comparators, and the engine alone.
 *
 *   empty    a Rust worker that only answers
 *   json     a Rust worker that parses the same bytes and answers a constant of the same size
 *   decide   POST /v1/decide for a known server
 *   gateways the gateways' own dialects beside /v1/decide, all with a rejected message
 *   report   GET …/report on a year of a tenant of 10,000 servers, alone
 *
 * BENCH_SECONDS (5) is the length of each of the nine measurements of the first three. With names as arguments only
 * those are measured, for example `node benches/run.mjs empty json`, and no result is written.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startKv } from "../tests/support/kv-service.mjs";
import { startWorkerd } from "../tests/support/workerd.mjs";
import { buildComparator, buildLoad, TARGET, WORKER_BUILD } from "./support/build.mjs";
import { engineNative, engineWasm, median, octetsToOctets } from "./support/engine.mjs";
import { COUNTER, EXPECT, HEADERS, mailEvent, PATH, prepare, VARS } from "./support/event.mjs";
import { measureGateways } from "./support/gateways.mjs";
import { measure } from "./support/load.mjs";
import { measureReport } from "./support/report.mjs";

const ROUNDS = 3;
const CONTENDERS = ["empty", "json", "decide"];
const ALL = [...CONTENDERS, "gateways", "report"];

/** @typedef {{ port: number, stop: () => Promise<unknown>, expect?: string[] }} Running */

/**
 * @param {string} name
 * @returns {Promise<Running>}
 */
async function start(name) {
  if (name !== "decide") return startWorkerd({ build: await buildComparator(name) });
  if (!existsSync(join(WORKER_BUILD, "index.js"))) throw new Error("there is no build yet: run make worker");
  const stateDir = join(TARGET, "bench", "state");
  rmSync(stateDir, { recursive: true, force: true });
  const kv = await startKv();
  const worker = await startWorkerd({ build: WORKER_BUILD, vars: VARS, kv, ledger: true, stateDir });
  await prepare(worker.url);
  const stop = () => Promise.all([worker.stop(), kv.stop()]);
  return { port: worker.port, stop, expect: EXPECT };
}

/**
 * @param {string[]} names
 * @param {number} seconds
 * @returns {Promise<Record<string, import("./support/load.mjs").Measured>>} the median of the rounds for each name
 */
async function race(names, seconds) {
  const generator = await buildLoad();
  const body = join(TARGET, "bench", "event.json");
  writeFileSync(body, JSON.stringify(mailEvent()));
  /** @type {Map<string, Running>} */
  const running = new Map();
  /** @type {Record<string, import("./support/load.mjs").Measured[]>} */
  const measured = Object.fromEntries(names.map((name) => [name, []]));
  try {
    for (const name of names) running.set(name, await start(name));
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const [name, { port, expect }] of running) {
        const load = { port, path: PATH, body, headers: HEADERS, expect, vary: COUNTER, seconds, warmup: 1 };
        const result = await measure(generator, load);
        console.log(`round ${round}: ${row(name, result)}`);
        measured[name].push(result);
      }
    }
  } finally {
    await Promise.all([...running.values()].map(({ stop }) => stop()));
  }
  return Object.fromEntries(names.map((name) => [name, medians(measured[name])]));
}

/** @param {import("./support/load.mjs").Measured[]} rounds */
function medians(rounds) {
  const of = (/** @type {keyof import("./support/load.mjs").Measured} */ key) =>
    median(rounds.map((round) => round[key]));
  return {
    requests: of("requests"),
    seconds: of("seconds"),
    rps: of("rps"),
    p50_ms: of("p50_ms"),
    p99_ms: of("p99_ms"),
  };
}

/**
 * @param {string} name
 * @param {import("./support/load.mjs").Measured} measured
 */
function row(name, { rps, p50_ms, p99_ms }) {
  const [requests, p50, p99] = [rps.toFixed(0), p50_ms.toFixed(2), p99_ms.toFixed(2)];
  return `${name.padEnd(8)}${requests.padStart(8)} requests/s   p50 ${p50} ms   p99 ${p99} ms`;
}

/** @param {import("./support/report.mjs").Reported} reported */
function reportRow({ rows, first_ms, middle_ms, last_ms, long_ms, csv_ms, csv_bytes }) {
  const pages = [first_ms, middle_ms, last_ms].map((ms) => ms.toFixed(0)).join(", ");
  const long = `1,000 servers in ${long_ms.toFixed(0)} ms`;
  const sheet = `${csv_ms.toFixed(0)} ms as CSV (${csv_bytes} bytes)`;
  return `report  a page of a year's ${rows} rows in ${pages} ms (first, middle, last), ${long}, all of it in ${sheet}`;
}

/** Three places. @param {number} value */
function ratio(value) {
  return Math.round(value * 1000) / 1000;
}

async function main() {
  const names = process.argv.length > 2 ? process.argv.slice(2) : ALL;
  const contenders = names.filter((name) => CONTENDERS.includes(name));
  const unknown = names.find((name) => !ALL.includes(name));
  if (unknown) throw new Error(`unknown: ${unknown} (there are ${ALL.join(", ")})`);
  const seconds = Number(process.env.BENCH_SECONDS ?? 5);
  if (!(seconds > 0))
    throw new Error(`BENCH_SECONDS must be a number above 0, not '${process.env.BENCH_SECONDS}'`);
  mkdirSync(join(TARGET, "bench"), { recursive: true });

  console.log("building ...");
  const found = await race(contenders, seconds);
  if (contenders.length > 0) console.log(`\nmedian of ${ROUNDS} rounds:`);
  for (const name of contenders) console.log(`  ${row(name, found[name])}`);
  const gateways = names.includes("gateways")
    ? await measureGateways(await buildLoad(), seconds / 2)
    : undefined;
  for (const [name, { rps, micros, time_over_decide }] of Object.entries(gateways ?? {})) {
    const row = `${name.padEnd(10)}${rps.toFixed(0).padStart(6)} requests/s   ${micros.toFixed(0)} µs of processor`;
    console.log(`  ${row}   time/decide ${ratio(time_over_decide)}`);
  }
  const report = names.includes("report") ? await measureReport() : undefined;
  if (report) console.log(`  ${reportRow(report)}`);
  if (names.length < ALL.length || !report || !gateways) return;

  const { empty, json, decide } = found;
  const wasm = readFileSync(join(WORKER_BUILD, "index_bg.wasm"));
  const [engine, octets] = [await engineNative(), await octetsToOctets()];
  const result = {
    empty_rps: empty.rps,
    json_rps: json.rps,
    decide_rps: decide.rps,
    decide_over_json: ratio(decide.rps / json.rps),
    decide_over_empty: ratio(decide.rps / empty.rps),
    decide_p99_ms: decide.p99_ms,
    engine_native_ns: Math.round(engine.decision),
    facts_built_in_ns: Math.round(engine.facts),
    octets_to_octets_ns: Math.round(octets.ns),
    allocations: octets.allocations,
    engine_wasm_ns: Math.round(await engineWasm()),
    wasm_bytes: wasm.length,
    wasm_gzip_bytes: gzipSync(wasm, { level: 9 }).length,
    gateways_time_over_decide: Object.fromEntries(
      Object.entries(gateways).map(([name, { time_over_decide }]) => [name, ratio(time_over_decide)]),
    ),
    report_rows: report.rows,
    report_first_page_ms: ratio(report.first_ms),
    report_middle_page_ms: ratio(report.middle_ms),
    report_last_page_ms: ratio(report.last_ms),
    report_long_page_ms: ratio(report.long_ms),
    report_csv_ms: ratio(report.csv_ms),
    report_csv_bytes: report.csv_bytes,
  };
  console.log(`  decide/json  ${result.decide_over_json}   decide/empty  ${result.decide_over_empty}`);
  console.log(
    `  engine: ${result.engine_native_ns} ns a decision natively, ${result.engine_wasm_ns} ns in WebAssembly`,
  );
  console.log(`  facts: ${result.facts_built_in_ns} ns an isolate's start`);
  console.log(`  octets to octets: ${result.octets_to_octets_ns} ns, ${result.allocations} allocations`);
  console.log(`  wasm: ${result.wasm_bytes} bytes, ${result.wasm_gzip_bytes} gzipped`);
  writeFileSync(join(TARGET, "bench.json"), `${JSON.stringify(result, null, 2)}\n`);
  console.log("written to target/bench.json");
}

await main();
