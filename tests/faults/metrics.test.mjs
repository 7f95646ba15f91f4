/**
 * What is counted reaches `/metrics` though isolates end and objects fail, and is counted once.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { event, until } from "../support/client.mjs";
import { BLOCKED, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";

/** Within so many milliseconds after its first request an isolate tells what it has counted; 10 s are promised. */
const TOLD_MS = 10_000;
const ACCEPTED = 'tidegate_decisions_total{action="accept"}';

/** @type {string} */
let stateDir;
/** @type {import("../support/kv-service.mjs").KvService} */
let kv;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-metrics-"));
  kv = await startKv();
  edge = await startEdge({ patient: true, kv, stateDir, secondEdge: true });
});
after(async () => {
  await edge.stop();
  await kv.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(() => edge.worker.setOperatorMode("ok"));

/**
 * What `/metrics` shows of a series; of `client`'s isolate it has all.
 * @param {import("../support/client.mjs").Client} client
 * @param {string} series
 */
async function sum(client, series) {
  const { status, text } = await client.ask("GET", "/metrics");
  assert.equal(status, 200, text);
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

/** @param {number} count */
async function decide(count) {
  for (let left = count; left > 0; left -= 50) {
    const message = event({ tenant: "counted", header: "From: a@contoso.com\r\n" });
    const posts = Array.from({ length: Math.min(50, left) }, () =>
      edge.client.decide(message, { now: BLOCKED }),
    );
    await Promise.all(posts);
  }
}

test("1,000 decisions of an isolate that then ends are counted", async (t) => {
  const before = await sum(edge.second, ACCEPTED);
  const start = performance.now();
  await decide(1_000);
  const end = performance.now();
  await until(
    "another isolate shows them",
    async () => (await sum(edge.second, ACCEPTED)) >= before + 1_000,
    {
      ms: TOLD_MS + 1_000,
      every: 250,
    },
  );
  t.diagnostic(
    `decided within ${Math.round(end - start)} ms, told ${Math.round(performance.now() - end)} ms later`,
  );
  await edge.worker.kill();
  edge = await startEdge({ patient: true, kv, stateDir, secondEdge: true });
  assert.equal(await sum(edge.client, ACCEPTED), before + 1_000);
});

test("what is told while the answer fails is told again, and counts once", async () => {
  const before = await sum(edge.client, ACCEPTED);
  await edge.worker.setOperatorMode("truncated");
  await decide(10);
  await until("it was told twice", async () => (await edge.worker.operatorAsked()) >= 2, {
    ms: TOLD_MS + 3_000,
  });
  await decide(5);
  await edge.worker.setOperatorMode("ok");
  assert.equal(await sum(edge.client, ACCEPTED), before + 15);
  assert.equal(await sum(edge.second, ACCEPTED), before + 15);
});

test("sums of which a part cannot be had are not shown", async () => {
  await sum(edge.client, ACCEPTED);
  await edge.worker.setOperatorMode("error");
  assert.equal((await edge.client.ask("GET", "/metrics")).status, 503);
});

test("a key of the role metrics reads the counters, and nothing else", async () => {
  const body = { role: "metrics", tenant: null, name: "prometheus" };
  const { status, json } = await edge.client.ask("POST", "/v1/keys", { body });
  assert.equal(status, 201);
  const { key } = json;
  assert.equal((await edge.client.ask("GET", "/metrics", { key })).status, 200);
  for (const path of ["/v1/tenants", "/v1/tenants/counted", "/v1/catalog", "/v1/keys", "/v1/control/mode"]) {
    assert.equal((await edge.client.ask("GET", path, { key })).status, 403, path);
  }
  const message = event({ tenant: "counted", header: "" });
  assert.equal((await edge.client.ask("POST", "/v1/decide", { key, body: message })).status, 403);
  const bound = await edge.client.ask("POST", "/v1/keys", { body: { ...body, tenant: "counted" } });
  assert.deepEqual([bound.status, bound.json.field], [422, "tenant"]);
  const operator = await edge.client.ask("POST", "/v1/keys", {
    body: { ...body, role: "operator", name: "o" },
  });
  const by = await edge.client.ask("POST", "/v1/keys", {
    body: { ...body, name: "p" },
    key: operator.json.key,
  });
  assert.equal(by.status, 403, "only an admin makes one");
});
