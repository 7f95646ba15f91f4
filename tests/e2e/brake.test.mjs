/**
 * The emergency brake over months and over an upgrade: it is moved by its call alone, and costs no clock more than the
 * time that it lasted.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, published, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { operatorFile } from "../support/stored-state.mjs";

const DAY = 24 * 3600;
const HOUR = 3600;
const CONTROL = "control/mode";

/**
 * A worker whose state lasts over restarts with other variables.
 * @param {import("node:test").TestContext} t
 */
async function lasting(t) {
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-brake-"));
  const kv = await startKv();
  /** @type {import("../support/edge.mjs").Edge | undefined} */
  let edge;
  t.after(async () => {
    await edge?.stop();
    await kv.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  return {
    kv,
    stateDir,
    /** @param {Record<string, string>} [vars] */
    async start(vars) {
      await edge?.stop();
      edge = await startEdge({ kv, stateDir, vars, ledger: true });
      return edge;
    },
    async stop() {
      await edge?.stop();
      edge = undefined;
    },
  };
}

/** @param {import("../support/edge.mjs").Edge} edge @param {string} mode @param {number} now */
async function brake({ client }, mode, now) {
  const answer = await client.ask("PUT", "/v1/control/mode", { body: { mode }, now });
  assert.equal(answer.status, 200, answer.text);
}

/** @param {import("../support/edge.mjs").Edge} edge */
async function decided({ client }) {
  const { action, stage, mode } = await client.decide(blockedMessage("contoso"), {
    now: BLOCKED,
    fresh: true,
  });
  return [action, mode, stage.number];
}

test("a server at the last stage is still there after the brake was pulled 300 times", async (t) => {
  const world = await lasting(t);
  const edge = await world.start();
  const start = BLOCKED - 95 * DAY;
  // months before the server is detected
  await brake(edge, "report", start - 60 * DAY);
  await brake(edge, "enforce", start - 60 * DAY + HOUR);
  await blockedServer(edge, "contoso");
  const turns = 300;
  const lasts = 10;
  for (let turn = 0; turn < turns; turn += 1) {
    const now = BLOCKED - 2 * HOUR + turn * 2 * lasts;
    await brake(edge, "report", now);
    await brake(edge, "enforce", now + lasts);
  }
  const record = await published(world.kv, CONTROL, ({ mode }) => mode === "enforce");
  await until("KV has the last turn", async () => {
    const { freezes } = await published(world.kv, CONTROL, () => true);
    return freezes.at(-1).until === BLOCKED - 2 * HOUR + (turns - 1) * 2 * lasts + lasts;
  });
  const { freezes } = await published(world.kv, CONTROL, () => true);
  assert.equal(record.handed_over, true);
  assert.equal(freezes.length, 256);
  const sum = freezes.reduce(
    (/** @type {number} */ sum, /** @type {any} */ { from, until }) => sum + until - from,
    0,
  );
  assert.equal(sum, HOUR + turns * lasts);
  assert.deepEqual(freezes[0], { from: start - 60 * DAY, until: start - 60 * DAY + HOUR }, "as it was");
  assert.deepEqual(await decided(edge), ["reject", "enforce", 8]);
  const { stage } = await edge.client.server("contoso", "ex01.contoso.com", { now: BLOCKED });
  assert.equal(stage.number, 8, "the ledger says the same");
});

test("no variable and no reading moves the brake, whichever version asks", async (t) => {
  const world = await lasting(t);
  let edge = await world.start();
  await blockedServer(edge, "contoso");
  await brake(edge, "report", BLOCKED - HOUR);
  await brake(edge, "enforce", BLOCKED - HOUR + 10);
  const before = await published(world.kv, CONTROL, ({ mode }) => mode === "enforce");
  const audit = async () => (await edge.client.ask("GET", "/v1/audit")).json.items.length;
  const entries = await audit();
  // a second version with another variable, before the same objects
  edge = await world.start({ MODE_CEILING: "report" });
  assert.deepEqual(await decided(edge), ["reject", "enforce", 8]);
  for (const variable of ["off", "report", "enforce"]) {
    edge = await world.start({ MODE_CEILING: variable });
    const { json } = await edge.client.ask("GET", "/v1/control/mode", { now: BLOCKED });
    assert.equal(json.mode, "enforce");
    const health = await edge.client.ask("GET", "/v1/health");
    assert.equal(health.json.mode_ceiling, "enforce");
    assert.equal(health.json.mode_ceiling_variable, variable === "enforce" ? undefined : variable);
  }
  assert.equal(await audit(), entries);
  assert.deepEqual(await published(world.kv, CONTROL, () => true), before, "nothing was published");
});

test("a new deployment with the variable starts with it, until the call says otherwise", async (t) => {
  const world = await lasting(t);
  let edge = await world.start({ MODE_CEILING: "report" });
  await blockedServer(edge, "contoso");
  const taken = await until("it is taken over", async () => {
    const { json } = await edge.client.ask("GET", "/v1/audit?limit=1");
    return json.items[0]?.action === "control.put" && json.items[0];
  });
  assert.deepEqual([taken.actor, taken.before.mode, taken.after.mode], ["system", "enforce", "report"]);
  assert.equal((await decided(edge))[0], "accept");
  await brake(edge, "enforce", BLOCKED - DAY);
  edge = await world.start({ MODE_CEILING: "report" });
  await published(world.kv, CONTROL, ({ mode, handed_over }) => mode === "enforce" && handed_over);
  assert.equal((await decided(edge))[1], "enforce", "the variable is still there, and moves nothing");
});

test("an upgrade from a release with the variable switches nobody's enforcement on", async (t) => {
  const world = await lasting(t);
  let edge = await world.start();
  await blockedServer(edge, "contoso");
  await world.stop();
  // as 67205e3 stored it: held down by its variable for a day
  const from = BLOCKED - DAY;
  const stored = {
    rev: 7,
    mode: "enforce",
    variable: "report",
    freezes: [{ from, until: null }],
    versions: { catalog: 0, baselines: {} },
  };
  rewriteControl(world.stateDir, [stored, from]);
  await world.kv.put(CONTROL, JSON.stringify(stored));

  // and without the variable from now on
  edge = await world.start();
  assert.deepEqual((await decided(edge)).slice(0, 2), ["accept", "report"], "before the object was asked");
  const { json } = await edge.client.ask("GET", "/v1/control/mode", { now: BLOCKED });
  assert.equal(json.mode, "report");
  const record = await published(world.kv, CONTROL, ({ handed_over }) => handed_over);
  assert.deepEqual([record.mode, record.variable, record.freezes], ["report", null, [{ from, until: null }]]);
  assert.equal((await edge.client.ask("GET", "/v1/health", { fresh: true })).json.mode_ceiling, "report");
  await brake(edge, "enforce", BLOCKED);
  assert.deepEqual((await decided(edge)).slice(0, 2), ["reject", "enforce"]);
  const released = await published(world.kv, CONTROL, ({ mode }) => mode === "enforce");
  assert.deepEqual(released.freezes, [{ from, until: BLOCKED }]);
});

/**
 * Writes the ceiling into the operator's object as another release would have.
 * @param {string} stateDir
 * @param {unknown} document
 */
function rewriteControl(stateDir, document) {
  const database = new DatabaseSync(operatorFile(stateDir));
  database
    .prepare(
      `INSERT INTO document (name, json) VALUES ('control', ?1)
       ON CONFLICT (name) DO UPDATE SET json = excluded.json`,
    )
    .run(JSON.stringify(document));
  database.close();
}
