/**
 * The worker as it is deployed has nothing that tests move: no variable and no request sets its clock, makes it wait
 * longer, or has it fail.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RELEASED, WITH_HOOKS } from "../support/builds.mjs";
import { at, event, received } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";

const DAY = 24 * 3600;
const TENANT = "contoso";
/** What a test sets, all of it. */
const VARIABLES = {
  ENVIRONMENT: "test",
  CLOCK_AHEAD: String(1_000 * DAY * 1_000),
  CLOCK_RATE: "1000",
  CLOCK_SINCE: "0",
  DEADLINE_FACTOR: "100",
  HANG_FACTOR: "100",
};
const HEADERS = [
  "x-tidegate-now",
  "x-tidegate-fresh",
  "x-tidegate-fails-at",
  "x-tidegate-way",
  "x-tidegate-trap",
];
const FAILURE = "this statement failed on purpose";
/** Storage is awaited for 300 ms: not for as long as ten seconds, nor by a clock that runs fast. */
const [LEAST_MS, MOST_MS] = [250, 10_000];

/** @type {import("../support/edge.mjs").Edge} */
let edge;
before(async () => {
  edge = await startEdge({ build: RELEASED, vars: VARIABLES });
});
after(() => edge.stop());

/** Whether a moment is now by this machine's clock. @param {string} moment */
function isNow(moment) {
  return Math.abs(at(moment) - Date.now() / 1_000) < 600;
}

/** A message that is stamped now. @param {object} [members] */
function message(members) {
  const header = received({ host: "EX01.contoso.com", now: Math.floor(Date.now() / 1_000) });
  return event({ tenant: TENANT, record: "sync", header, ...members });
}

test("its WebAssembly does not know the names of what tests set", () => {
  const text = (/** @type {string} */ build) => readFileSync(join(build, "index_bg.wasm"), "latin1");
  const [released, hooked] = [text(RELEASED), text(WITH_HOOKS)];
  for (const name of [...Object.keys(VARIABLES), ...HEADERS, FAILURE]) {
    assert.ok(hooked.includes(name), `${name}: tests set it`);
    assert.ok(!released.includes(name), name);
  }
});

test("no variable and no request sets its clock", async () => {
  const health = await edge.client.ask("GET", "/v1/health");
  assert.equal(health.json.test_clock, false);
  const later = "2040-01-01T00:00:00Z";
  const put = await edge.client.ask("PUT", `/v1/tenants/${TENANT}/policy`, {
    body: { mode: "report" },
    now: later,
  });
  assert.equal(put.status, 200, put.text);
  const decision = await edge.client.decide(message(), { now: later });
  assert.equal(decision.recorded, true, decision.why);
  assert.equal(
    (await edge.client.ask("POST", "/v1/decide", { body: message(), now: "yesterday" })).status,
    200,
  );
  const server = await edge.client.server(TENANT, "ex01.contoso.com", { now: later });
  assert.ok(isNow(server.last_seen), server.last_seen);
  const { items } = (await edge.client.ask("GET", `/v1/tenants/${TENANT}/audit`)).json;
  assert.ok(items.length > 0);
  for (const { at } of items) assert.ok(isNow(at), at);
});

test("no request has a statement fail", async () => {
  const headers = { "x-tidegate-fails-at": "1" };
  const body = { mode: "enforce" };
  const put = await edge.client.ask("PUT", `/v1/tenants/${TENANT}/policy`, { body, headers });
  assert.equal(put.status, 200, put.text);
});

test("no request has work done before it is due", async () => {
  for (const path of ["/v1/test/tick", `/v1/test/tick?tenant=${TENANT}`]) {
    const { status } = await edge.client.ask("POST", path);
    assert.equal(status, 404, path);
  }
});

test("no request reads past the cache", async () => {
  const reads = async () => {
    const { requests } = await edge.kv.stats();
    return requests.get + requests.bulk;
  };
  await edge.client.decide(message({ record: "async" }));
  const before = await reads();
  await edge.client.decide(message({ record: "async" }), { fresh: true });
  assert.equal(await reads(), before);
});

test("no request chooses its way, or has its instance lost", async () => {
  // of a server that no cache has seen
  const header = received({ host: "EX02.contoso.com", now: Math.floor(Date.now() / 1_000) });
  const headers = { "x-tidegate-way": "at-once", "x-tidegate-trap": "decide panic" };
  const decision = await edge.client.decide(message({ header, record: "async" }), { headers });
  assert.equal(decision.degraded, false, decision.why);
});

test("no variable makes it more patient with storage that hangs, or less", async (t) => {
  t.after(() => edge.kv.setMode("ok"));
  await edge.kv.setMode("hang");
  const start = performance.now();
  const decision = await edge.client.decide(message({ tenant: "fabrikam" }));
  const ms = performance.now() - start;
  assert.ok(LEAST_MS <= ms && ms < MOST_MS, `${ms} ms`);
  assert.deepEqual([decision.action, decision.degraded], ["accept", true]);
});
