/**
 * The ceiling lies in the object `control`, which nothing that tenants do holds up. No upgrade, no rollback and no deploy
 * in which one of the objects still runs the release before moves the brake or keeps it from being pulled. What the release
 * before would do between two runs of this one is done to its object's tables, its outbox and KV by hand.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { event, received, until } from "../support/client.mjs";
import { now } from "../support/day.mjs";
import { startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { objectsIn } from "../support/ledger-file.mjs";
import { alterOne, LEFT, restore, withoutAlarms } from "../support/stored-state.mjs";

const CONTROL = "control/mode";
/** The operator's own object, and the one that has the ceiling. */
const OPERATOR = { name: "operator" };
const CEILING = { name: "control" };
const DAY = 24 * 3600;

/** @typedef {import("../support/edge.mjs").Edge} Edge */
/** @typedef {{ edge: Edge, kv: import("../support/kv-service.mjs").KvService, stateDir: string }} Opened */
/** @typedef {{ patient?: boolean, vars?: Record<string, string> }} Options */

/** @type {(() => Promise<void> | void)[]} */
const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A worker on what a release before left, or on nothing. @param {string} [before] @param {Options} [options] @returns {Promise<Opened>} */
async function opened(before, options) {
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-moved-ceiling-"));
  ends.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const kv = await startKv();
  ends.push(() => kv.stop());
  if (before) {
    await restore(fileURLToPath(new URL(`../stored/${before}/state`, import.meta.url)), stateDir, kv);
    withoutAlarms(stateDir);
  }
  return { stateDir, kv, edge: await started({ stateDir, kv }, options) };
}

/** A worker of this release on what is there. @param {Pick<Opened, "stateDir" | "kv">} opened @param {Options} [options] */
async function started({ stateDir, kv }, options) {
  const edge = await startEdge({ kv, stateDir, ...options });
  ends.push(() => edge.stop());
  return edge;
}

/** One on which ceiling and facts were set, both objects agree, and the operator's own is known by a key. @param {Options} [options] */
async function agreed(options) {
  const all = await opened(undefined, options);
  await ask(all.edge, "POST", "/v1/keys", { role: "viewer", tenant: null, name: "any" });
  await putBaseline(all.edge, "house", "2026-01-01");
  await brake(all.edge, "report");
  await same(all, ({ mode, versions }) => mode === "report" && versions.baselines.house === 1);
  return all;
}

/** @param {Edge} edge @param {string} method @param {string} path @param {object} [body] */
async function ask({ client }, method, path, body) {
  const { status, json, text } = await client.ask(method, path, { body, fresh: true });
  assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
  return json;
}

/** @param {Edge} edge @param {string} mode */
const brake = (edge, mode) => ask(edge, "PUT", "/v1/control/mode", { mode });

/** @param {Edge} edge @param {string} mode */
async function refused({ client }, mode) {
  const { status, text } = await client.ask("PUT", "/v1/control/mode", { body: { mode } });
  assert.equal(status, 503, text);
}

/** @param {Edge} edge */
const ceiling = async (edge) => (await ask(edge, "GET", "/v1/control/mode")).mode;

/** @param {Edge} edge @param {string} name @param {string} note by which one edition is told from another */
async function putBaseline(edge, name, note) {
  return ask(edge, "PUT", `/v1/baselines/${name}`, { name, editions: [{ effective: note, products: {} }] });
}

/** What KV has now. @param {Opened["kv"]} kv @param {string} [key] */
async function inKv(kv, key = CONTROL) {
  const found = (await kv.keys()).find(({ name }) => name === key);
  return found && JSON.parse(found.value);
}

/** Waits until KV has it, however often that has to be tried. @param {Opened["kv"]} kv @param {(record: any) => boolean} isIt @param {string} [key] */
function told(kv, isIt, key = CONTROL) {
  const look = async () => {
    const record = await inKv(kv, key);
    return record && isIt(record) && record;
  };
  return until(`KV is told of ${key}`, look, { ms: 60_000 });
}

/** What lies in `control` and in the operator's own object. @param {string} stateDir */
function stored(stateDir) {
  const read = (/** @type {any} */ tables) => {
    const json = tables.document.find((/** @type {any} */ { name }) => name === "control")?.json;
    const [record, at] = json ? JSON.parse(json) : [];
    return { tables, record, at, isControl: tables.key === undefined };
  };
  const all = objectsIn(stateDir, "operator", read).filter(({ record }) => record);
  return { control: all.find(({ isControl }) => isControl), copy: all.find(({ isControl }) => !isControl) };
}

/** Waits until both objects have the same. @param {Pick<Opened, "stateDir">} opened @param {(record: any) => boolean} [isIt] */
function same({ stateDir }, isIt = () => true) {
  const parts = (/** @type {any} */ { record, at }) =>
    JSON.stringify([record.mode, record.freezes, record.versions, at]);
  const look = () => {
    const { control, copy } = stored(stateDir);
    return control && copy && parts(control) === parts(copy) && isIt(control.record) && { control, copy };
  };
  return until("both have the same", look, { ms: 60_000, every: 100 });
}

/** As that release moves the ceiling. @param {any} stored @param {string} mode @param {number} at */
function moveBefore(stored, mode, at) {
  const open = stored.record.freezes.find((/** @type {any} */ { until }) => until === null);
  if (mode === "enforce" && open) open.until = at;
  if (mode !== "enforce" && !open) stored.record.freezes.push({ from: at, until: null });
  [stored.record.mode, stored.at] = [mode, at];
}

/**
 * The release before, back for a moment: writes its document, one revision on, and tells KV, or leaves that in its outbox.
 * @param {Opened} opened
 * @param {(stored: any) => void} change
 * @param {{ leaves?: boolean, statements?: string }} [options]
 */
async function changedBefore({ stateDir, kv }, change, { leaves = false, statements = "" } = {}) {
  withoutAlarms(stateDir);
  const { copy } = /** @type {any} */ (stored(stateDir));
  change(copy);
  copy.record.rev += 1;
  const [document, record] = [[copy.record, copy.at], copy.record].map((it) =>
    JSON.stringify(it).replaceAll("'", "''"),
  );
  const row = `INSERT OR REPLACE INTO outbox (key, rev, json, metadata, due, seq, rank)
    VALUES ('${CONTROL}', 1, '${record}', NULL, 0, 1, 1);`;
  const update = `UPDATE document SET json = '${document}' WHERE name = 'control';`;
  alterOne(stateDir, "operator", `${update} ${leaves ? row : ""} ${statements}`);
  if (!leaves) await kv.put(CONTROL, JSON.stringify(copy.record));
  return copy.record;
}

/** @param {string} stateDir @param {string} statements */
const alterControl = (stateDir, statements) =>
  alterOne(stateDir, "operator", statements, { table: "document", where: "name = 'agreed'" });

test("a new deployment has a ceiling, in KV too, and the release before would find the same", async () => {
  const { edge, kv, stateDir } = await opened();
  assert.equal(await ceiling(edge), "enforce");
  await told(kv, ({ handed_over }) => handed_over === true);
  await putBaseline(edge, "house", "2026-01-01");
  await brake(edge, "report");
  const { control, copy } = await same({ stateDir }, ({ mode }) => mode === "report");
  assert.equal(copy.tables.facts.length, 1);
  assert.equal(control.tables.schema[0].min_reader, 5, "it may not take what is in `control` for its own");
  const look = async () => {
    const { items } = await ask(edge, "GET", "/v1/audit");
    return items.map((/** @type {any} */ { action }) => action).join() === "control.put,baseline.put";
  };
  await until("the trail has both, each once", look, { ms: 20_000 });
});

for (const before of ["67205e3", "ee04dc0"]) {
  test(`an upgrade from ${before} moves no clock, brake or version`, async () => {
    const { edge, kv, stateDir } = await opened(before);
    const left = stored(stateDir).copy;
    assert.ok(left);
    const header = received({ host: "EX01.contoso.com", now: LEFT });
    // mail alone wakes the operator's own object, for as long as KV knows of no release that has handed over
    if (before === "67205e3") await edge.client.decide(event({ tenant: "contoso", header }), { now: LEFT });
    else await ask(edge, "GET", "/v1/keys");
    const { control, copy } = await same({ stateDir });
    for (const member of ["freezes", "versions"]) {
      assert.deepEqual(control.record[member], left.record[member], member);
    }
    assert.equal(control.record.mode ?? "enforce", left.record.mode ?? "enforce");
    assert.deepEqual(copy.tables.facts, left.tables.facts);
    const { rev } = await told(kv, ({ rev }) => rev === control.record.rev);
    assert.ok(rev > left.record.rev, "it comes after what the release before wrote");
    assert.deepEqual(control.tables.audit, [], "nothing was done");
  });
}

test("while the operator's own object does not answer, the brake is pulled, and KV told", async () => {
  const all = await agreed();
  const { edge, kv, stateDir } = all;
  await brake(edge, "enforce");
  await same(all, ({ mode }) => mode === "enforce");
  await edge.worker.setOperatorMode("hang", OPERATOR);
  await brake(edge, "report");
  await told(kv, ({ mode }) => mode === "report");
  assert.equal(stored(stateDir).copy?.record.mode, "enforce", "it still does not answer");
  assert.equal(await ceiling(edge), "report");
  await edge.worker.setOperatorMode("ok");
  await same(all, ({ mode }) => mode === "report");
});

test("while the operator's own object fails, the brake is pulled and released", async () => {
  const all = await agreed();
  const { edge, kv, stateDir } = all;
  await edge.worker.setOperatorMode("error", OPERATOR);
  for (const mode of ["off", "enforce", "report", "enforce"]) {
    await brake(edge, mode);
    await told(kv, (record) => record.mode === mode);
  }
  assert.equal(stored(stateDir).copy?.record.mode, "report", "it still fails");
  await edge.worker.setOperatorMode("ok");
  await same(all, ({ mode }) => mode === "enforce");
  assert.equal((await inKv(kv)).mode, "enforce");
});

test("on the day of the upgrade, too, and no version or clock is lost by it", async () => {
  const all = await opened("67205e3");
  const { edge, kv, stateDir } = all;
  const left = stored(stateDir).copy?.record;
  await edge.worker.setOperatorMode("hang", OPERATOR);
  await refused(edge, "enforce");
  assert.equal((await inKv(kv)).rev, left.rev, "KV is told nothing of a ceiling that is not known");
  await brake(edge, "report");
  const pulled = await told(kv, ({ mode }) => mode === "report");
  assert.deepEqual(pulled.versions, left.versions);
  assert.deepEqual(pulled.freezes.slice(0, -1), left.freezes);
  assert.ok(pulled.rev > left.rev);
  await edge.worker.setOperatorMode("ok");
  const { control } = await same(all);
  assert.equal(control.record.mode, "report");
  assert.deepEqual(control.record.versions, left.versions);
  assert.deepEqual(control.record.freezes.slice(0, -1), left.freezes);
});

test("a move that fails is made later, though nobody calls", async () => {
  const all = await opened("67205e3");
  await all.edge.worker.setOperatorMode("error", { ...OPERATOR, calls: 3 });
  await refused(all.edge, "enforce");
  const { control } = await same(all);
  await told(all.kv, ({ rev }) => rev === control.record.rev);
});

test("while `control` runs the release before, the brake is pulled by the operator's own object", async () => {
  const all = await agreed();
  const { edge, kv } = all;
  await brake(edge, "enforce");
  await same(all, ({ mode }) => mode === "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
  await edge.worker.setOperatorMode("before", CEILING);
  assert.equal(await ceiling(edge), "enforce");
  await refused(edge, "enforce");
  await brake(edge, "report");
  await told(kv, ({ mode }) => mode === "report");
  assert.equal(await ceiling(edge), "report");
  await edge.worker.setOperatorMode("ok");
  const { control } = await same(all, ({ mode }) => mode === "report");
  await told(kv, ({ mode, rev }) => mode === "report" && rev === control.record.rev);
  await brake(edge, "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
});

test("while the operator's own object runs the release before, the brake is pulled in both", async () => {
  const all = await agreed();
  const { kv } = all;
  await all.edge.worker.kill();
  const left = await changedBefore(all, (copy) => {
    copy.record.freezes.at(-1).from -= 2 * DAY;
    moveBefore(copy, "enforce", copy.at - DAY);
  });
  const edge = await started(all);
  await edge.worker.setOperatorMode("before", OPERATOR);
  assert.equal(await ceiling(edge), "enforce", "as the release before shows it");
  await refused(edge, "enforce");
  assert.deepEqual(await inKv(kv), left, "what `control` had is the past: KV is not told of it");
  await brake(edge, "report");
  const pulled = await told(kv, ({ mode }) => mode === "report");
  assert.ok(pulled.rev > left.rev, "no cache takes it for the past");
  assert.deepEqual(
    pulled.freezes.map((/** @type {any} */ { until }) => until === null),
    [false, true],
    "what was open in the past is not open still",
  );
  await until("it is told", async () => (await edge.worker.brakesBefore()).includes("report"));
  await edge.worker.setOperatorMode("ok");
  await same(all, ({ mode }) => mode === "report");
  await told(kv, ({ mode }) => mode === "report");
});

test("nor does `control` tell KV once more, or release, what it had before a rollback that it has not heard of", async () => {
  const all = await agreed();
  const { edge, kv } = all;
  await brake(edge, "enforce");
  await same(all, ({ mode }) => mode === "enforce");
  await edge.worker.setOperatorMode("before", OPERATOR);
  await brake(edge, "report");
  await until("it is pulled there", async () => (await edge.worker.brakesBefore()).includes("report"));
  await told(kv, ({ mode }) => mode === "report");
  await refused(edge, "enforce");
  assert.equal((await inKv(kv)).mode, "report");
});

test("what `control` was about to tell KV before the release before was back is not told any more", async () => {
  const all = await agreed();
  const { kv, stateDir } = all;
  await brake(all.edge, "enforce");
  const { control } = await same(all, ({ mode }) => mode === "enforce");
  await all.edge.worker.kill();
  const past = JSON.stringify(control.record).replaceAll("'", "''");
  alterControl(
    stateDir,
    `INSERT OR REPLACE INTO outbox (key, rev, json, metadata, due, seq, rank)
       VALUES ('${CONTROL}', 9, '${past}', NULL, 0, 1, 1)`,
  );
  const left = await changedBefore(all, (copy) => moveBefore(copy, "off", copy.at + DAY));
  const edge = await started(all);
  await edge.worker.setOperatorMode("error", OPERATOR);
  await refused(edge, "enforce");
  await until("it was asked again", async () => (await edge.worker.operatorAsked()) >= 4, { ms: 60_000 });
  assert.deepEqual(await inKv(kv), left);
  await edge.worker.setOperatorMode("ok");
  await told(kv, ({ mode, rev }) => mode === "off" && rev > left.rev);
  await same(all, ({ mode }) => mode === "off");
});

test("what the release before changes when it is back counts when this one is back, and KV goes by it", async () => {
  const all = await agreed();
  const { kv } = all;
  await brake(all.edge, "off");
  await same(all, ({ mode }) => mode === "off");
  await all.edge.worker.stop();
  const house = JSON.stringify({ name: "house", editions: [{ effective: "2026-02-02", products: {} }] });
  const fact = `INSERT INTO facts (name, version, updated_at, json) VALUES ('baseline/house', 2, ${LEFT}, '${house}');`;
  const left = await changedBefore(
    all,
    (copy) => {
      moveBefore(copy, "report", copy.at + DAY);
      copy.record.versions.baselines.house = 2;
    },
    { leaves: true, statements: fact },
  );
  const edge = await started(all);
  assert.equal(await ceiling(edge), "report", "raised by one step, as it was there");
  const { baseline } = await ask(edge, "GET", "/v1/baselines/house");
  assert.equal(baseline.editions[0].effective, "2026-02-02");
  await told(
    kv,
    ({ rev, mode, versions }) => rev > left.rev && mode === "report" && versions.baselines.house === 2,
  );
  await same(all, ({ mode }) => mode === "report");
  const waits = () =>
    stored(all.stateDir).copy?.tables.outbox.some((/** @type {any} */ { key }) => key === CONTROL);
  await until("`control` alone tells KV of it", () => waits() === false, { ms: 20_000 });
});

test("a brake that the release before pulled and did not tell is told, whether `control` is asked or not", async () => {
  const all = await agreed();
  const { kv } = all;
  await brake(all.edge, "enforce");
  await same(all, ({ mode }) => mode === "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
  await all.edge.worker.kill();
  await changedBefore(all, (copy) => moveBefore(copy, "report", copy.at + DAY), { leaves: true });
  const edge = await started(all);
  await edge.worker.setOperatorMode("error", CEILING);
  await ask(edge, "GET", "/v1/keys");
  await told(kv, ({ mode }) => mode === "report");
  await edge.worker.setOperatorMode("ok");
  await same(all, ({ mode }) => mode === "report");
});

test("a put of the release before that comes late, and once more, does not last", {
  timeout: 120_000,
}, async () => {
  const rate = 20;
  const vars = { CLOCK_RATE: String(rate), CLOCK_SINCE: String(Date.now()) };
  const all = await agreed({ vars });
  const { kv } = all;
  await kv.setRate(rate);
  await all.edge.worker.kill();
  const late = await changedBefore(all, (copy) => moveBefore(copy, "enforce", copy.at + DAY));
  await changedBefore(all, (copy) => moveBefore(copy, "off", copy.at + 2 * DAY));
  const edge = await started(all, { vars });
  assert.equal(await ceiling(edge), "off");
  const right = await told(kv, ({ mode, rev }) => mode === "off" && rev > late.rev + 1);
  for (const _ of ["after a minute", "after ten"]) {
    await kv.put(CONTROL, JSON.stringify(late));
    await told(kv, ({ mode, rev }) => mode === "off" && rev >= right.rev);
  }
});

test("what the release before laid anew of an old copy does not last", async () => {
  const all = await agreed();
  const { kv } = all;
  await brake(all.edge, "enforce");
  const { copy } = await same(all, ({ mode }) => mode === "enforce");
  await all.edge.worker.setOperatorMode("error", OPERATOR);
  await brake(all.edge, "report");
  await told(kv, ({ mode }) => mode === "report");
  await all.edge.worker.kill();
  // days later nothing waits there any more that would tell KV once more
  alterControl(all.stateDir, "DELETE FROM outbox");
  await kv.put(CONTROL, JSON.stringify(copy.record));
  const edge = await started(all);
  await ask(edge, "GET", "/v1/keys");
  await told(kv, ({ mode }) => mode === "report");
  await same(all, ({ mode }) => mode === "report");
});

test("where both releases moved the brake, the lower one counts, though the two are interrupted", async () => {
  const all = await agreed();
  const { kv } = all;
  await all.edge.worker.setOperatorMode("hang", OPERATOR);
  await brake(all.edge, "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
  await all.edge.worker.kill();
  const left = await changedBefore(all, (copy) => moveBefore(copy, "off", copy.at + DAY));
  const edge = await started(all);
  await edge.worker.setOperatorMode("uncopied", OPERATOR);
  assert.equal(await ceiling(edge), "off");
  await told(kv, ({ mode, rev }) => mode === "off" && rev > left.rev);
  await edge.worker.kill();
  const again = await started(all);
  assert.equal(await ceiling(again), "off");
  const { control } = await same(all, ({ mode }) => mode === "off");
  assert.equal(control.record.freezes.at(-1).until, null, "clocks stand still");
  await brake(again, "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
  await same(all, ({ mode }) => mode === "enforce");
});

test("a brake that this release pulled and could not copy holds, though the release before moved it, too", async () => {
  const all = await agreed();
  const { kv } = all;
  await brake(all.edge, "enforce");
  await same(all, ({ mode }) => mode === "enforce");
  await all.edge.worker.setOperatorMode("error", OPERATOR);
  await brake(all.edge, "report");
  await told(kv, ({ mode }) => mode === "report");
  await all.edge.worker.kill();
  await changedBefore(all, (copy) => moveBefore(copy, "enforce", copy.at + DAY));
  const edge = await started(all);
  assert.equal(await ceiling(edge), "report");
  await told(kv, ({ mode }) => mode === "report");
  await same(all, ({ mode }) => mode === "report");
});

test("a release counts, though the answer to the copy of the brake before was lost", async () => {
  const all = await agreed();
  const { edge, kv, stateDir } = all;
  await edge.worker.setOperatorMode("unanswered_copy", OPERATOR);
  await brake(edge, "off");
  await until("it is copied", () => stored(stateDir).copy?.record.mode === "off", { ms: 20_000 });
  await edge.worker.setOperatorMode("hang", OPERATOR);
  await brake(edge, "enforce");
  await edge.worker.setOperatorMode("ok");
  await same(all, ({ mode }) => mode === "enforce");
  await told(kv, ({ mode }) => mode === "enforce");
});

test("facts are put in force while `control` does not answer, and it hears of them later", async () => {
  const all = await agreed();
  const { edge, kv } = all;
  await edge.worker.setOperatorMode("error", CEILING);
  await putBaseline(edge, "house", "2026-03-03");
  await told(kv, ({ version }) => version === 2, "baseline/house");
  await edge.worker.setOperatorMode("ok");
  await told(kv, ({ versions, mode }) => versions.baselines.house === 2 && mode === "report");
});

test("an edge of the release before can read what becomes of facts that `control` does not hear of", async () => {
  const { edge } = await agreed();
  await edge.worker.setOperatorMode("error", CEILING);
  const posted = JSON.stringify({ name: "house", editions: [{ effective: "2026-03-03", products: {} }] });
  const call = { put_facts: { key: { baseline: "house" }, content: { new: posted }, if_version: null } };
  const envelope = { version: 1, actor: "admin", call };
  const { control, version } = await edge.worker.askOperator(OPERATOR.name, envelope);
  assert.equal(version, 2);
  assert.equal(control.rev, 0, "no cache takes it for the latest");
  assert.equal(control.mode, "report", "nor enforces by it");
});

test("keys and facts are laid anew though `control` fails, and who asked for it is told", async () => {
  const { edge, kv } = await agreed();
  await kv.put("baseline/house", null);
  await edge.worker.setOperatorMode("error", CEILING);
  assert.equal((await edge.client.ask("POST", "/v1/republish")).status, 503);
  await told(kv, ({ version }) => version === 1, "baseline/house");
});

test("what KV has of the ceiling otherwise than it should is laid anew each day", async () => {
  const all = await agreed({ patient: true });
  const { edge, kv } = all;
  const { control } = await same(all);
  const right = JSON.stringify(await told(kv, ({ rev }) => rev === control.record.rev));
  const wrong = [JSON.stringify({ ...JSON.parse(right), mode: "enforce" }), null];
  for (const [day, value] of wrong.entries()) {
    await kv.put(CONTROL, value);
    const endOfDay = now() - (now() % DAY) + (day + 2) * DAY - 1;
    const tick = await edge.client.ask("POST", "/v1/test/tick", { now: endOfDay });
    assert.equal(tick.status, 204, tick.text);
    await told(kv, (record) => JSON.stringify(record) === right);
  }
});

test("an edge of the release before, which asks the operator's own object, gets a right answer", async () => {
  const { edge, kv } = await opened("67205e3");
  const call = { control: ["enforce", "report"] };
  const { control, shown } = await edge.worker.askOperator(OPERATOR.name, {
    version: 1,
    actor: "admin",
    call,
  });
  assert.deepEqual([control.mode, JSON.parse(shown).mode], ["report", "report"]);
  await told(kv, ({ mode, rev }) => mode === "report" && rev >= control.rev);
  assert.equal(await ceiling(edge), "report");
});

test("nothing that a tenant does reaches the object that has the ceiling", async () => {
  const all = await agreed();
  await all.edge.worker.stop();
  withoutAlarms(all.stateDir);
  const edge = await started(all, { patient: true });
  await edge.worker.setOperatorMode("ok", CEILING);
  await ask(edge, "GET", "/v1/keys");
  const asked = () => edge.worker.operatorAsked();
  await until("it is told which facts are in force", async () => (await asked()) === 1, { ms: 20_000 });
  for (const number of [1, 2, 3]) {
    const header = received({ host: "EX01.contoso.com", now: now() });
    const { recorded } = await edge.client.decide(event({ tenant: `new-${number}`, header, record: "sync" }));
    assert.ok(recorded);
    await ask(edge, "POST", "/v1/keys", { role: "viewer", tenant: `new-${number}`, name: "one" });
    await ask(edge, "GET", `/v1/tenants/new-${number}/servers`);
  }
  assert.equal(await asked(), 1);
});
