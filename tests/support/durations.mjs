/**
 * How long tests took. As a reporter of node's (`--test-reporter`) it appends each test's time to `FILE`; started itself:
 *   node tests/support/durations.mjs forget            begins anew
 *   node tests/support/durations.mjs run cargo test …  the same for each test binary that cargo runs
 *   node tests/support/durations.mjs show              prints the slowest
 */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, relative } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = `${ROOT}target/test-durations.jsonl`;
const SHOWN = 20;

/** @typedef {{ name: string, where: string, ms: number }} Duration */

/** @param {Duration} duration */
function note(duration) {
  mkdirSync(dirname(FILE), { recursive: true });
  appendFileSync(FILE, `${JSON.stringify(duration)}\n`);
}

/**
 * The reporter: it prints nothing.
 * @param {AsyncIterable<import("node:test/reporters").TestEvent>} events
 */
export default async function* durations(events) {
  /** What a file's own tests took, by file. @type {Map<string, number>} */
  const inTests = new Map();
  for await (const { type, data } of events) {
    if (type === "test:pass" || type === "test:fail") {
      const { file = "", name, nesting, details } = data;
      const ms = details.duration_ms;
      if (nesting === 0) inTests.set(file, (inTests.get(file) ?? 0) + ms);
      if (details.type !== "suite") note({ name, where: relative(ROOT, file), ms });
    } else if (type === "test:summary" && data.file) {
      const ms = data.duration_ms - (inTests.get(data.file) ?? 0);
      note({ name: "(what its tests need first, and its end)", where: relative(ROOT, data.file), ms });
    }
  }
  yield "";
}

/** Cargo tells when it begins with a binary, and each binary how long it took. @param {string[]} command */
function run([program = "", ...rest]) {
  const child = spawn(program, rest, { stdio: ["inherit", "pipe", "pipe"] });
  let where = program;
  for (const [stream, out] of /** @type {const} */ ([
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ])) {
    createInterface({ input: stream }).on("line", (line) => {
      out.write(`${line}\n`);
      where = /^\s+(?:Running|Doc-tests) (.*?)(?: \(|$)/.exec(line)?.[1] ?? where;
      const seconds = /^test result: .* finished in ([\d.]+)s/.exec(line)?.[1];
      if (seconds) note({ name: "(all tests of a binary)", where, ms: 1000 * Number(seconds) });
    });
  }
  child.on("error", (error) => {
    console.error(`${program}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("close", (status) => {
    process.exitCode = status ?? 1;
  });
}

function show() {
  if (!existsSync(FILE)) return;
  /** @type {Duration[]} */
  const all = readFileSync(FILE, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  all.sort((one, other) => other.ms - one.ms);
  console.log(`\nThe ${Math.min(SHOWN, all.length)} slowest of ${all.length} tests:`);
  for (const { name, where, ms } of all.slice(0, SHOWN)) {
    console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${where}: ${name}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...rest] = process.argv.slice(2);
  if (command === "forget") rmSync(FILE, { force: true });
  else if (command === "run") run(rest);
  else if (command === "show") show();
  else throw new Error("usage: node tests/support/durations.mjs forget | run COMMAND … | show");
}
