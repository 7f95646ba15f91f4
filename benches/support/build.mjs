/**
 * Builds what the benchmarks need beside the worker itself, all in release mode.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const TARGET = join(ROOT, "target");

/** Where the worker lies once `make worker` has built it. */
export const WORKER_BUILD = join(ROOT, "build");

/** What worker-build lets the optimiser use when it builds a worker, and what `wasm_env` lets the compiler use. */
const WASM_FEATURES = [
  "mutable-globals",
  "sign-ext",
  "nontrapping-float-to-int",
  "bulk-memory",
  "multivalue",
  "reference-types",
  "exception-handling",
  "simd",
];

/**
 * Builds the comparator `benches/{name}`.
 * @param {string} name
 * @returns {Promise<string>} the folder of the built worker
 */
export async function buildComparator(name) {
  const out = join("target", "bench", name);
  await shell(`wasm_env && cd benches/${name} && worker-build --release --out-dir ../../${out}`);
  return join(ROOT, out);
}

/**
 * Builds the load generator.
 * @returns {Promise<string>} its executable
 */
export async function buildLoad() {
  const target = join(TARGET, "bench", "native");
  await shell(
    `cargo build --quiet --release --manifest-path benches/load/Cargo.toml --target-dir '${target}'`,
  );
  return join(target, "release", "tidegate-bench-load");
}

/**
 * Builds the engine in WebAssembly.
 * @returns {Promise<{ module: string, wasm: string }>} the JavaScript module to import, and the file to start it with
 */
export async function buildEngineWasm() {
  const out = "target/bench/engine_wasm";
  const wasm = "target/wasm/wasm32-unknown-unknown/release/tidegate_bench_engine_wasm.wasm";
  await shell(
    "wasm_env && cargo build --quiet --release --target wasm32-unknown-unknown --manifest-path benches/engine_wasm/Cargo.toml",
  );
  await shell(`wasm-bindgen --target web --no-typescript --out-dir ${out} --out-name engine ${wasm}`);
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`).join(" ");
  await shell(`wasm-opt -O ${features} ${out}/engine_bg.wasm -o ${out}/engine_bg.wasm`);
  return { module: join(ROOT, out, "engine.js"), wasm: join(ROOT, out, "engine_bg.wasm") };
}

/**
 * Runs a command in the project's root with its tools; what it prints is shown only if it fails.
 * @param {string} command
 * @returns {Promise<string>} what it wrote to standard output
 */
export async function shell(command) {
  const child = spawn("sh", ["-c", `. tools/env.sh && ${command}`], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, all] = ["", ""];
  child.stdout.on("data", (text) => {
    out += text;
    all += text;
  });
  child.stderr.on("data", (text) => {
    all += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command}\n${all}`);
  return out;
}
