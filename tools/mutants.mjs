// Plants one fault at a time in a copy of the engine and runs the lives against its model: each fault has to be caught,
// and the copy without a fault has to pass. A name after the script runs the faults alone whose names contain it.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What it is, in which file of the engine, and which text, that stands there once, becomes which. */
const faults = [
  ["a stage begins a second late", "ladder.rs", "stage.start <= elapsed", "stage.start < elapsed"],
  ["stages are numbered off by one", "ladder.rs", "u8::try_from(index + 1)", "u8::try_from(index + 2)"],
  [
    "the overlap of two pauses counts twice",
    "clock.rs",
    "Some(last) if last.until.is_none_or(|until| freeze.from <= until) => {",
    "Some(last) if last.until.is_none() => {",
  ],
  [
    "what is held counts",
    "clock.rs",
    "self.running(now).saturating_sub(self.held).max(0)",
    "self.running(now)",
  ],
  [
    "waves are ignored",
    "clock.rs",
    "start: wave.map(|wave| wave.max(detected_at))",
    "start: wave.map(|_| detected_at).or(Some(detected_at))",
  ],
  [
    "of exemption and pause only one freezes",
    "clock.rs",
    "Cow::Owned(self.0.iter().chain(&other.0).copied().collect::<Vec<_>>().into())",
    "Cow::Borrowed(self)",
  ],
  [
    "a clock goes on in a freeze without end",
    "clock.rs",
    "freeze.until.unwrap_or(to)",
    "freeze.until.unwrap_or(freeze.from)",
  ],
  [
    "throttling comes before blocking",
    "window.rs",
    "if position < minutes.block() {\n        Action::Reject\n    } else if position < minutes.block() + minutes.throttle() {\n        Action::Defer",
    "if position < minutes.throttle() {\n        Action::Defer\n    } else if position < minutes.block() + minutes.throttle() {\n        Action::Reject",
  ],
  [
    "the window moves the other way",
    "window.rs",
    "+ i64::from(offset)) % 60",
    "+ 60 - i64::from(offset)) % 60",
  ],
  ["tenant and server are hashed without a border", "window.rs", 'as_bytes()), b"\\0")', 'as_bytes()), b"")'],
  [
    "retry_after is a minute short",
    "window.rs",
    "i64::from(closed - position) * MINUTE",
    "i64::from(closed - position - 1) * MINUTE",
  ],
  [
    "every relapse resumes",
    "spell.rs",
    "let soon = ended.reason == End::Patched && first.since(ended.at) <= RELAPSE_SECONDS && ended.at >= rules.changed_at;",
    "let soon = true;",
  ],
  ["the time between patch and relapse counts", "spell.rs", "clock.held.saturating_add(gap)", "clock.held"],
  ["silence takes 31 days", "spell.rs", "SILENCE_SECONDS: i64 = 30 * DAY", "SILENCE_SECONDS: i64 = 31 * DAY"],
  [
    "a retry is a second witness",
    "spell.rs",
    "            Some(suspect) if suspect.fingerprint == sighting.fingerprint => return None,\n",
    "",
  ],
  [
    "a spell starts at its second message",
    "spell.rs",
    "(suspect.at.min(sighting.at), suspect.at.max(sighting.at))",
    "(sighting.at, suspect.at.max(sighting.at))",
  ],
  [
    "one patched machine clears its farm",
    "spell.rs",
    "matches!(message, Standing::Current(_)) && !self.is_out_of_date(rules, sighting.at)",
    "matches!(message, Standing::Current(_))",
  ],
  [
    "one stale component condemns",
    "spell.rs",
    "Standing::Current(_) => 2,\n            Standing::OutOfDate(_) => 1,",
    "Standing::Current(_) => 1,\n            Standing::OutOfDate(_) => 2,",
  ],
  ["a silent machine counts for ever", "spell.rs", "!silent || !self", "silent || !silent || !self"],
  ["who waited for a wave gets no notice", "spell.rs", "spell.held.max(notice)", "spell.held"],
  ["notice is six days", "spell.rs", "NOTICE_SECONDS: i64 = 7 * DAY", "NOTICE_SECONDS: i64 = 6 * DAY"],
  [
    "a change of policy is strict at once",
    "spell.rs",
    "counted < 0 || !ladder",
    "counted < i64::MAX || !ladder",
  ],
  ["the first enforcement comes without notice", "enforcement.rs", "was_enforced.then_some(", "Some("],
  [
    "mail that comes under enforcement by another way has no notice",
    "enforcement.rs",
    "has_enforced && !newly_in_reach && met",
    "has_enforced && met",
  ],
  [
    "what comes under enforcement while that rests has no notice",
    "enforcement.rs",
    "!(has_enforced || after.policy.mode == Mode::Enforce)",
    "!(has_enforced && !newly_in_reach || after.policy.mode == Mode::Enforce)",
  ],
  [
    "time out of enforce counts",
    "enforcement.rs",
    "out.push(Freeze { from: now, until: None })",
    "out.clear()",
  ],
  [
    "time below the ceiling counts",
    "enforcement.rs",
    "self.enforced_since.map_or_else(Freezes::default, |since| ceiling.from_on(since))",
    "self.enforced_since.map_or_else(Freezes::default, |since| Freezes::default().from_on(since.max(ceiling.open_since().unwrap_or(since))))",
  ],
  ["a paused tenant's mail is rejected", "obstacle.rs", "context.paused_until.map(Obstacle::Paused)", "None"],
  [
    "an exempt server's mail is rejected",
    "obstacle.rs",
    "context.exempt_until {",
    "context.exempt_until.filter(|_| false) {",
  ],
  [
    "the ceiling does not hold",
    "decision.rs",
    "self.rules.policy.mode.min(self.ceiling)",
    "self.rules.policy.mode",
  ],
  ["one witness is enough", "decision.rs", "spell.is_some() && confirmed", "spell.is_some() || confirmed"],
  [
    "a day that two pauses touch costs two",
    "pause.rs",
    "let mut days = BTreeSet::new();",
    "let mut days = Vec::new();",
  ],
  [
    "a pause that ends at midnight touches the new day",
    "pause.rs",
    "until.plus(-1).date().days_since(first)",
    "until.date().days_since(first)",
  ],
  [
    "a lowered budget takes what was granted",
    "pause.rs",
    "after > budget && after > before",
    "after > budget",
  ],
  [
    "pauses may overlap",
    "pause.rs",
    "other.id != pause.id && other.from.max",
    "other.id == pause.id && other.from.max",
  ],
];

const root = join(import.meta.dirname, "..");
const work = join(root, "target", "mutants");
const tree = join(work, "tree");
const engine = (file) => join(tree, "crates", "engine", "src", file);

function cargo(...more) {
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: join(work, "target"),
    PROPTEST_MAX_SHRINK_ITERS: "0",
    RUST_BACKTRACE: "0",
  };
  const args = ["test", "--quiet", "-p", "tidegate-engine", "--test", "lives", ...more];
  const run = spawnSync("cargo", args, { cwd: tree, env, encoding: "utf8", maxBuffer: 2 ** 28 });
  return { passes: run.status === 0, output: `${run.stdout}${run.stderr}` };
}

/** Whether the lives go well; an engine that does not compile is no answer. */
function lives() {
  const built = cargo("--no-run");
  if (!built.passes) {
    console.error(built.output);
    throw new Error("it does not compile");
  }
  const { passes, output } = cargo();
  if (!passes && !output.includes("test result: FAILED")) {
    console.error(output);
    throw new Error("the tests did not run");
  }
  return { passes, output };
}

rmSync(tree, { recursive: true, force: true });
mkdirSync(tree, { recursive: true });
for (const part of ["Cargo.toml", "Cargo.lock", "src", "crates", "data"]) {
  cpSync(join(root, part), join(tree, part), {
    recursive: true,
    filter: (path) => !path.endsWith("/target"),
  });
}

const wanted = faults.filter(([name]) => name.includes(process.argv[2] ?? ""));
for (const [name, file, old] of wanted) {
  const found = readFileSync(engine(file), "utf8").split(old).length - 1;
  if (found !== 1) {
    throw new Error(`${name}: its text stands ${found} times in ${file}, not once`);
  }
}

const sound = lives();
if (!sound.passes) {
  console.error(sound.output);
  throw new Error("the engine as it is does not pass");
}
console.log("passed    the engine as it is");

let survivors = 0;
for (const [name, file, old, fault] of wanted) {
  const source = readFileSync(engine(file), "utf8");
  writeFileSync(
    engine(file),
    source.replace(old, () => fault),
  );
  const { passes } = lives();
  writeFileSync(engine(file), source);
  survivors += passes ? 1 : 0;
  console.log(`${passes ? "SURVIVED " : "caught   "} ${name}`);
}
console.log(`${wanted.length - survivors} of ${wanted.length} faults caught`);
process.exitCode = survivors === 0 ? 0 : 1;
