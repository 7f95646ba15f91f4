/**
 * KV can be lost: it is laid anew by one call, and looked through once a day. What it lacks meanwhile is nobody's fault
 * but ours.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, published, startEdge } from "../support/edge.mjs";

const DAY = 24 * 3600;
const CONTROL = "control/mode";
const LAID = "control/laid";
const ROUND = "control/round";
const TENANTS = ["contoso", "fabrikam"];

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** @type {string} */
let stateDir;
/** @type {Record<string, { id: string, key: string }>} */
const keys = {};

/** @param {string} method @param {string} path @param {Parameters<typeof edge.client.ask>[2]} [options] */
const ask = (method, path, options) =>
  edge.client.ask(method, path, { now: BLOCKED, fresh: true, ...options });

/** @type {typeof ask} */
const askElsewhere = (method, path, options) =>
  edge.second.ask(method, path, { now: BLOCKED, fresh: true, ...options });

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-kv-"));
  // the second has itself made none of the changes, and remembers none
  edge = await startEdge({ patient: true, stateDir, secondEdge: true });
  for (const tenant of TENANTS) {
    await blockedServer(edge, tenant);
    // more servers than one step of laying anew takes
    for (let number = 0; tenant === "contoso" && number < 230; number += 1) {
      for (const ago of [DAY, 3600]) {
        const now = BLOCKED - ago;
        const header = received({ host: `EX${number}.contoso.com`, now });
        await edge.client.decide(event({ tenant, header }), { now });
      }
    }
    const body = { role: "gateway", tenant, name: "mx" };
    keys[tenant] = (await ask("POST", "/v1/keys", { body })).json;
  }
  const catalog = (await ask("GET", "/v1/catalog")).json.catalog;
  assert.equal((await ask("PUT", "/v1/catalog", { body: catalog })).status, 200);
  await until(
    "all is published",
    async () => {
      const names = (await edge.kv.keys()).map(({ name }) => name);
      return (
        names.filter((name) => name.startsWith("phase/contoso/")).length === 231 && names.includes("catalog")
      );
    },
    { ms: 30_000, every: 200 },
  );
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
beforeEach(() => edge.kv.setMode("ok"));

/** What KV has that is not of the moment alone. */
async function stored() {
  const all = await edge.kv.keys();
  return Object.fromEntries(
    all.filter(({ name }) => !name.startsWith("peer/")).map(({ name, value }) => [name, value]),
  );
}

async function empty() {
  for (const { name } of await edge.kv.keys()) await edge.kv.put(name, null);
}

/** @param {string} tenant */
async function decided(tenant) {
  const { key } = keys[tenant];
  const { status, json } = await askElsewhere("POST", "/v1/decide", { key, body: blockedMessage(tenant) });
  return [status, json.action, json.degraded];
}

test("while KV is empty no key is refused: mail is accepted as degraded, all else is told that it is our fault", async () => {
  const before = await stored();
  await empty();
  assert.deepEqual(await decided("contoso"), [200, "accept", true]);
  const { key } = keys.contoso;
  const batch = await askElsewhere("POST", "/v1/decide/batch", { key, body: [blockedMessage("contoso")] });
  assert.deepEqual([batch.status, batch.json[0].degraded], [200, true]);
  assert.equal((await askElsewhere("GET", "/v1/me", { key })).status, 503);
  await edge.kv.put(CONTROL, before[CONTROL]);
  assert.equal(
    (await askElsewhere("GET", "/v1/me", { key })).status,
    503,
    "the ceiling says nothing of keys",
  );
  await edge.kv.put(LAID, before[LAID]);
  assert.equal(
    (await askElsewhere("GET", "/v1/me", { key })).status,
    503,
    "nor does a record without its witness",
  );
  await edge.kv.put(ROUND, before[ROUND]);
  assert.equal(
    (await askElsewhere("GET", "/v1/me", { key })).status,
    401,
    "one that is missing alone is wrong",
  );
  for (const [name, value] of Object.entries(before)) await edge.kv.put(name, value);
});

test("the daily sweep lays what is missing or other, removes keys that nobody made, and puts nothing else", async () => {
  await published(edge.kv, LAID, ({ from }) => from !== null);
  await until(
    "nothing waits",
    async () => {
      await edge.kv.reset();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return (await edge.kv.stats()).requests.put === 0;
    },
    { ms: 30_000 },
  );
  const before = await stored();
  const id = "phase/contoso/ex00.contoso.com";
  const other = Object.keys(before).find((name) => name.startsWith("phase/contoso/ex1")) ?? id;
  const phase = Object.keys(before).find((name) => name.startsWith("phase/contoso/ex2")) ?? id;
  const key = Object.keys(before).find((name) => name.startsWith("key/")) ?? "";
  await edge.kv.put(other, null);
  await edge.kv.put(phase, '{"rev":1,"phase":{}}');
  await edge.kv.put(key, null);
  await edge.kv.put("policy/fabrikam", null);
  const orphan = `key/${"0".repeat(64)}`;
  const young = `key/${"1".repeat(64)}`;
  // each object has its own time of day
  const tomorrow = BLOCKED - (BLOCKED % DAY) + 3 * DAY - 1;
  await edge.kv.put(orphan, before[key]);
  await edge.kv.put(young, before[key], { id: "made elsewhere", at: tomorrow - 60 });
  await edge.kv.reset();
  for (const path of ["/v1/test/tick", ...TENANTS.map((tenant) => `/v1/test/tick?tenant=${tenant}`)]) {
    assert.equal((await ask("POST", path, { now: tomorrow })).status, 204);
  }
  await until(
    "all is as it was",
    async () => {
      const after = await stored();
      return (
        [other, phase, key, "policy/fabrikam"].every((name) => after[name] === before[name]) &&
        !(orphan in after)
      );
    },
    { ms: 20_000, every: 100 },
  );
  assert.ok(young in (await stored()), "a young one is left alone");
  await edge.kv.put(young, null);
  const log = await edge.kv.log();
  const told = log.filter(({ kind }) => kind === "put" || kind === "delete").map(({ keys: [name] }) => name);
  const expected = new Set([
    other,
    phase,
    key,
    "policy/fabrikam",
    orphan,
    ...TENANTS.map((tenant) => `tenant/${tenant}`),
  ]);
  assert.deepEqual(
    told.filter((name) => !expected.has(name)),
    [],
  );
  const reads = log.filter(({ kind }) => kind === "bulk" || kind === "get").length;
  assert.ok(reads < 20, `${reads} reads`);
  assert.equal((await published(edge.kv, CONTROL, () => true)).handed_over, true);
});

test("a new and empty namespace is whole again by one call", async () => {
  const before = await stored();
  await empty();
  const answer = await ask("POST", "/v1/republish");
  assert.equal(answer.status, 202, answer.text);
  assert.deepEqual(answer.json, { keys: 2, tenants: 2 });
  const start = performance.now();
  await until(
    "all is back",
    async () => {
      const names = new Set((await edge.kv.keys()).map(({ name }) => name));
      return Object.keys(before).every((name) => names.has(name));
    },
    { ms: 60_000, every: 200 },
  );
  console.log(
    JSON.stringify({ keys: Object.keys(before).length, ms: Math.round(performance.now() - start) }),
  );
  const after = await stored();
  for (const [name, value] of Object.entries(before)) {
    if (!name.startsWith("tenant/") && name !== LAID && name !== ROUND)
      assert.equal(after[name], value, name);
  }
  for (const tenant of TENANTS) assert.deepEqual(await decided(tenant), [200, "reject", false], tenant);
  const { items } = (await ask("GET", "/v1/tenants")).json;
  assert.deepEqual(
    items.map((/** @type {any} */ { tenant }) => tenant),
    TENANTS,
  );
  const trail = (await ask("GET", "/v1/audit?limit=1")).json.items[0];
  assert.deepEqual([trail.action, trail.after], ["kv.republish", { keys: 2, tenants: 2 }]);
});

test("only an admin lays KV anew", async () => {
  const { key } = (
    await ask("POST", "/v1/keys", { body: { role: "operator", tenant: null, name: "no admin" } })
  ).json;
  assert.equal((await ask("POST", "/v1/republish", { key })).status, 403);
  assert.equal((await ask("POST", "/v1/republish", { key: keys.contoso.key })).status, 403);
  assert.equal((await ask("GET", "/v1/republish")).status, 405);
});
