/**
 * The KV service of these tests is as strict as KV itself, and fails as it is told.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { LIMITS } from "../support/kv-protocol.mjs";
import { startKv } from "../support/kv-service.mjs";

/** @type {import("../support/kv-service.mjs").KvService} */
let kv;

before(async () => {
  kv = await startKv();
});
after(() => kv.stop());
beforeEach(async () => {
  await kv.setMode("ok");
  await kv.reset();
});

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
function ask(path, options) {
  return fetch(`http://127.0.0.1:${kv.port}${path}`, options);
}

/** @param {string} key */
function keyPath(key, query = "") {
  return `/${encodeURIComponent(key)}?urlencoded=true${query}`;
}

/**
 * @param {string} key
 * @param {{ body?: BodyInit, headers?: Record<string, string>, query?: string }} [options]
 */
async function put(key, { body = "value", headers = {}, query = "" } = {}) {
  const answer = await ask(keyPath(key, query), { method: "PUT", body, headers });
  await answer.arrayBuffer();
  return answer.status;
}

/** @param {object} request */
function bulk(request) {
  return ask("/bulk/get", { method: "POST", body: JSON.stringify(request) });
}

test("keeps values with their metadata", async () => {
  assert.equal(await put("a/b c", { headers: { "CF-KV-Metadata": '{"n":1}' } }), 200);
  const answer = await ask(keyPath("a/b c", "&cache_ttl=30"));
  assert.equal(answer.headers.get("CF-KV-Metadata"), '{"n":1}');
  assert.equal(await answer.text(), "value");
  assert.deepEqual(await kv.keys(), [{ name: "a/b c", value: "value", metadata: { n: 1 } }]);
  assert.equal((await ask(keyPath("none"))).status, 404);
});

test("takes one write a second and key, deletions included", async () => {
  assert.equal(await put("busy"), 200);
  assert.equal(await put("other"), 200);
  assert.equal(await put("busy"), 429);
  assert.equal((await ask(keyPath("busy"), { method: "DELETE" })).status, 429);
  assert.deepEqual((await kv.stats()).statuses, { 200: 2, 429: 2 });
});

test("bounds keys, values, metadata and expiration", async () => {
  assert.equal(await put("k".repeat(LIMITS.keyBytes)), 200);
  assert.equal(await put("k".repeat(LIMITS.keyBytes + 1)), 414);
  assert.equal(await put("large", { body: "v".repeat(LIMITS.valueBytes + 1) }), 413);
  const metadata = (/** @type {number} */ length) => ({
    "CF-KV-Metadata": JSON.stringify("m".repeat(length - 2)),
  });
  assert.equal(await put("m1", { headers: metadata(LIMITS.metadataBytes) }), 200);
  assert.equal(await put("m2", { headers: metadata(LIMITS.metadataBytes + 1) }), 413);
  assert.equal(await put("e1", { query: "&expiration_ttl=60" }), 200);
  assert.equal(await put("e2", { query: "&expiration_ttl=59" }), 400);
});

test("bounds bulk reads and cache times", async () => {
  await kv.put("stored", '{"n":1}');
  const names = (/** @type {number} */ count) => Array.from({ length: count }, (_, index) => `k${index}`);
  assert.equal((await bulk({ keys: names(LIMITS.bulkKeys) })).status, 200);
  assert.equal((await bulk({ keys: names(LIMITS.bulkKeys + 1) })).status, 400);
  assert.equal((await bulk({ keys: ["stored"], cacheTtl: "29" })).status, 400);
  assert.equal((await ask(keyPath("stored", "&cache_ttl=29"))).status, 400);
  const found = await bulk({ keys: ["stored", "none"], type: "json", cacheTtl: "30" });
  assert.deepEqual(await found.json(), { stored: { n: 1 }, none: null });
});

test("lists by prefix and page", async () => {
  for (const name of ["list/c", "list/a", "list/b", "other/a"]) await kv.put(name, "value");
  const first = await (await ask("/?prefix=list/&key_count_limit=2")).json();
  assert.deepEqual(
    first.keys.map((/** @type {{ name: string }} */ key) => key.name),
    ["list/a", "list/b"],
  );
  assert.equal(first.list_complete, false);
  const second = await (await ask(`/?prefix=list/&cursor=${first.cursor}`)).json();
  assert.deepEqual(second.keys, [{ name: "list/c" }]);
  assert.equal(second.list_complete, true);
});

test("fails on demand and recovers", async () => {
  await kv.put("stored", '{"n":1}');
  const read = () => bulk({ keys: ["stored"], type: "json" });
  const whole = '{"stored":{"n":1}}';

  await kv.setMode("refuse");
  // The connection of an earlier request may be tried first.
  const refusals = ["ECONNREFUSED", "ECONNRESET", "UND_ERR_SOCKET"];
  await assert.rejects(read(), (/** @type {any} */ error) => refusals.includes(error.cause.code));
  await kv.setMode("500");
  assert.equal((await read()).status, 500);
  await kv.setMode("truncated");
  const truncated = await read();
  assert.equal(truncated.status, 200);
  assert.equal(await truncated.text(), whole.slice(0, whole.length / 2));
  await kv.setMode("cut");
  await assert.rejects((await read()).text());
  await kv.setMode("slow", { ms: 50 });
  const start = performance.now();
  assert.equal(await (await read()).text(), whole);
  assert.ok(performance.now() - start >= 49);
  await kv.setMode("hang");
  await assert.rejects(
    ask(keyPath("stored"), { signal: AbortSignal.timeout(50) }),
    (/** @type {any} */ error) => error.name === "TimeoutError",
  );
  assert.equal((await kv.stats()).unanswered, 1);
  await kv.setMode("ok");
  assert.equal(await (await read()).text(), whole);
});

test("limits a fault to kinds of request", async () => {
  await kv.setMode("500", { kinds: ["put"] });
  assert.equal(await put("half"), 500);
  assert.equal((await bulk({ keys: ["half"] })).status, 200);
  assert.deepEqual(
    (await kv.log()).map(({ kind, status }) => [kind, status]),
    [
      ["put", 500],
      ["bulk", 200],
    ],
  );
});
