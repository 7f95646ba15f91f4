// Plants one fault at a time in a copy of the engine and runs its tests: each fault has to be caught, and the copy without
// a fault has to pass. Words after the script run the faults alone whose file or name contains one of them; `--check` says
// which faults are out of date, and runs none; `--faults` leaves out the copy without a fault.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import clocks from "./mutants/clocks.mjs";
import reading from "./mutants/reading.mjs";
import spells from "./mutants/spells.mjs";
import standing from "./mutants/standing.mjs";

/** The tests that a fault meets, quickest first; what is `first` in its group comes before the rest. */
const TESTS = [
  "lib",
  "catalog",
  "cases",
  "life",
  "standings",
  "recognition",
  "machines",
  "properties",
  "lives",
];
/** Sooner built than run: not worth an optimised engine. */
const SHORT = ["lib", "catalog", "cases", "life"];
/** A fault that makes a loop of the tests is caught by the clock. */
const TIMEOUT_MS = 15 * 60_000;

const root = join(import.meta.dirname, "..");
const tree = join(root, "target", "mutants");
const source = (base, file) => join(base, "crates", "engine", "src", file);

/** A fault: what it is, in which file of the engine, and which text, that stands there once, becomes which. */
const faults = [...spells, ...clocks, ...standing, ...reading].flatMap(({ file, first, faults }) =>
  faults.map(([name, old, fault]) => ({ name, file, old, fault, tests: [...new Set([...first, ...TESTS])] })),
);

/** What is wrong with the table, before anything is compiled. */
function check() {
  const problems = [];
  const names = new Set();
  for (const { name, file, old, fault, tests } of faults) {
    const found = readFileSync(source(root, file), "utf8").split(old).length - 1;
    if (found !== 1) {
      problems.push(`${file}: ${name}: its text stands there ${found} times, not once`);
    }
    if (names.has(name) || old === fault || tests.length !== TESTS.length) {
      problems.push(`${file}: ${name}: there twice, no fault, or with a test that is none`);
    }
    names.add(name);
  }
  return problems;
}

const cargo = (args) => {
  const env = { CARGO_TARGET_DIR: join(root, "target"), CARGO_INCREMENTAL: "1", ...process.env };
  return spawnSync("cargo", args, { cwd: tree, env, encoding: "utf8", maxBuffer: 2 ** 28 });
};

/** Builds one test and runs it. Whether it passes; an engine that does not compile is no answer. */
function passes(test) {
  const target = test === "lib" ? ["--lib"] : ["--test", test];
  const profile = [`opt-level=${SHORT.includes(test) ? 0 : 2}`, "debug=0"];
  const settings = profile.flatMap((setting) => [
    "--config",
    `profile.test.package.tidegate-engine.${setting}`,
  ]);
  const args = ["-p", "tidegate-engine", ...target, ...settings, "--no-run", "--message-format", "json"];
  const built = cargo(["test", ...args]);
  if (built.status !== 0) {
    const messages = built.stdout.split("\n").filter((line) => line.startsWith("{"));
    throw new Error(messages.map((line) => JSON.parse(line).message?.rendered ?? "").join("") + built.stderr);
  }
  const artifacts = built.stdout.split("\n").filter((line) => line.includes('"executable":"'));
  const { executable } = JSON.parse(artifacts.at(-1));
  const run = spawnSync(executable, ["--quiet"], {
    cwd: join(tree, "crates", "engine"),
    env: { ...process.env, PROPTEST_MAX_SHRINK_ITERS: "0", RUST_BACKTRACE: "0" },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  if (run.status !== 0 && run.error?.code !== "ETIMEDOUT" && !run.stdout.includes("test result: FAILED")) {
    throw new Error(`${test} did not run:\n${run.stdout}${run.stderr}`);
  }
  return { passes: run.status === 0, output: `${run.stdout}${run.stderr}` };
}

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const isWanted = ({ file, name }) =>
  words.length === 0 || words.some((word) => file.includes(word) || name.includes(word));
const wanted = faults.filter(isWanted);

const problems = check();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${faults.length} faults, each with its text`);
if (process.argv.includes("--check")) {
  process.exit(0);
}

rmSync(tree, { recursive: true, force: true });
mkdirSync(tree, { recursive: true });
for (const part of ["Cargo.toml", "Cargo.lock", "src", "crates", "data"]) {
  cpSync(join(root, part), join(tree, part), {
    recursive: true,
    filter: (path) => !path.endsWith("/target"),
  });
}

if (!process.argv.includes("--faults")) {
  for (const test of TESTS) {
    const sound = passes(test);
    if (!sound.passes) {
      console.error(sound.output);
      throw new Error(`the engine as it is does not pass ${test}`);
    }
  }
  console.log("passed    the engine as it is");
}

let caught = 0;
for (const { name, file, old, fault, tests } of wanted) {
  const sound = readFileSync(source(tree, file), "utf8");
  writeFileSync(
    source(tree, file),
    sound.replace(old, () => fault),
  );
  const begun = Date.now();
  let outcome;
  try {
    const by = tests.find((test) => !passes(test).passes);
    caught += by ? 1 : 0;
    outcome = by ? `caught by ${by}` : "SURVIVED";
  } catch (error) {
    console.error(error.message);
    outcome = "NO ANSWER";
  }
  writeFileSync(source(tree, file), sound);
  console.log(`${outcome}, ${Math.round((Date.now() - begun) / 1_000)} s: ${file}: ${name}`);
}
console.log(`${caught} of ${wanted.length} faults caught`);
process.exitCode = caught === wanted.length ? 0 : 1;
