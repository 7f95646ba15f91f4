/**
 * What is written down survives a failing ledger, a failing KV and a crash: nothing is lost, nothing counts twice.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, post, published, startEdge } from "../support/edge.mjs";

/** @type {string} */
let stateDir;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-edge-"));
  edge = await startEdge({ patient: true, stateDir });
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(async () => {
  await edge.kv.setMode("ok");
  await edge.worker.setLedgerMode("ok");
});

/** @param {string} tenant */
function counted(tenant) {
  return edge.client.counted(tenant);
}

test("hundreds of messages of many servers within a second are counted to the last one", async () => {
  const hosts = Array.from({ length: 25 }, (_, index) => `EX${index}.contoso.com`);
  for (let wave = 0; wave < 20; wave += 1) {
    const decisions = await post(edge.client, "crowd", 25, (index) => ({
      header: received({ host: hosts[index], now: BLOCKED + wave }),
    }));
    assert.ok(decisions.every(({ degraded }) => !degraded));
  }
  await until("all are counted", async () => (await counted("crowd")) >= 500);
  const counts = [...(await edge.client.counts("crowd")).values()];
  assert.deepEqual(
    counts.map(({ accept }) => accept),
    hosts.map(() => 20),
  );
});

test("a gateway that hangs up loses neither its own nor others' messages from the books", async () => {
  const tenant = "hang-up";
  for (let index = 0; index < 10; index += 1) {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED + index });
    await hangUpOnAnswer(event({ tenant, header }));
  }
  await post(edge.client, tenant, 10);
  await until("all are counted", async () => (await counted(tenant)) === 20, { ms: 10_000 });
});

test("a gateway that hangs up before the answer leaves the next ones unharmed", async () => {
  await blockedServer(edge, "impatient");
  const books = await counted("impatient");
  await edge.kv.setMode("slow", { ms: 100, kinds: ["get", "bulk"] });
  const impatient = Array.from({ length: 10 }, () => {
    const body = blockedMessage("impatient");
    return edge.client.decide(body, { now: BLOCKED, fresh: true, signal: AbortSignal.timeout(40) });
  });
  const patient = edge.client.decide(blockedMessage("impatient"), { now: BLOCKED, fresh: true });
  await Promise.allSettled(impatient);
  assert.deepEqual([(await patient).action, (await patient).degraded], ["reject", false]);
  await edge.kv.setMode("ok");
  const next = await edge.client.decide(blockedMessage("impatient"), { now: BLOCKED, fresh: true });
  assert.deepEqual([next.action, next.degraded], ["reject", false]);
  await until("the answered ones are counted", async () => (await counted("impatient")) >= books + 2);
});

test("a wrong key is told before the body, a body without end is not awaited", async (t) => {
  const wrong = { key: "wrong" };
  for (const [what, body, status] of /** @type {[string, object, number][]} */ ([
    ["announced as 10 GB", { length: 10_000_000_000 }, 413],
    ["announced as 2 MB", { length: 2_000_000 }, 413],
    ["in chunks", { sent: 2_000_000 }, 413],
    ["announced as 10 GB, with a wrong key", { ...wrong, length: 10_000_000_000 }, 401],
    ["announced as 2 MB, with a wrong key", { ...wrong, length: 2_000_000 }, 401],
    ["in chunks, with a wrong key", { ...wrong, sent: 1 }, 401],
    ["in chunks, with a wrong key and all of it", { ...wrong, sent: 2_000_000 }, 401],
  ])) {
    for (const [method, path] of [
      ["POST", "/v1/decide"],
      ["PUT", "/v1/tenants/contoso/policy"],
    ]) {
      const answer = await halfSent(method, path, body);
      t.diagnostic(`${method} ${path}, a body ${what}: ${answer.status} in ${answer.ms.toFixed(0)} ms`);
      assert.equal(answer.status, status, `${path}: ${what}`);
      assert.ok(answer.ms < 500, `${path}: ${what}: ${answer.ms} ms`);
    }
  }
});

test("a policy changed many times in a second arrives in KV, within KV's limits", async () => {
  const before = (await edge.kv.stats()).requests.put;
  for (let change = 1; change <= 30; change += 1) {
    await edge.client.putPolicy("busy", { operator: `Operator ${change}` });
  }
  const record = await published(edge.kv, "policy/busy", ({ rev }) => rev === 30);
  assert.equal(record.enforcement.policy.operator, "Operator 30");
  const puts = (await edge.kv.stats()).requests.put - before;
  assert.ok(puts <= 8, `${puts} writes, of the policy and of the summary`);
});

test("what KV could not be told is told once it can be, a crash in between included", async () => {
  const tenant = "crash";
  await edge.client.putPolicy(tenant, { operator: "One" });
  await published(edge.kv, `policy/${tenant}`, ({ rev }) => rev === 1);
  await edge.kv.setMode("500", { kinds: ["put"] });
  await edge.client.putPolicy(tenant, { operator: "Two" });
  await edge.client.putPolicy(tenant, { operator: "Three" });
  const failed = (await edge.kv.stats()).statuses["500"] ?? 0;
  await until("a write fails", async () => ((await edge.kv.stats()).statuses["500"] ?? 0) > failed, {
    ms: 10_000,
  });
  await edge.worker.kill();
  await edge.kv.setMode("ok");
  const kv = edge.kv;
  const restarted = await startEdge({ patient: true, kv, stateDir });
  edge = {
    ...restarted,
    stop: async () => {
      await restarted.stop();
      await kv.stop();
    },
  };
  const record = await until(
    "KV has the last policy",
    async () => {
      const found = (await kv.keys()).find(({ name }) => name === `policy/${tenant}`);
      const record = found && JSON.parse(found.value);
      return record?.rev === 3 && record;
    },
    { ms: 15_000 },
  );
  assert.equal(record.enforcement.policy.operator, "Three");
});

test("the worker never asked KV for more than KV allows", async () => {
  const { statuses } = await edge.kv.stats();
  const refused = Object.keys(statuses).filter((status) => !["200", "404", "500"].includes(status));
  assert.deepEqual(refused, [], JSON.stringify(statuses));
});

/**
 * Posts a message and ends the connection as soon as the answer begins.
 * @param {object} body
 */
async function hangUpOnAnswer(body) {
  const headers = {
    authorization: `Bearer ${edge.client.key}`,
    "x-tidegate-now": new Date(BLOCKED * 1000).toISOString(),
  };
  const outgoing = request(`${edge.client.url}/v1/decide`, { method: "POST", headers });
  outgoing.end(JSON.stringify(body));
  const [response] = await once(outgoing, "response");
  assert.equal(response.statusCode, 200);
  response.destroy();
}

/**
 * Announces a body and sends `sent` octets of it, but never all.
 * @param {string} method
 * @param {string} path
 * @param {{ key?: string, length?: number, sent?: number }} body without `length` it goes in chunks
 */
async function halfSent(method, path, { key = edge.client.key, length, sent = 0 }) {
  const framing = length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": length };
  const headers = { authorization: `Bearer ${key}`, ...framing };
  const start = performance.now();
  const outgoing = request(edge.client.url + path, { method, headers });
  try {
    outgoing.on("error", () => {});
    outgoing.flushHeaders();
    if (sent > 0) outgoing.write(Buffer.alloc(sent, " "));
    const [response] = await once(outgoing, "response", { signal: AbortSignal.timeout(5_000) });
    return { status: response.statusCode, ms: performance.now() - start };
  } finally {
    outgoing.destroy();
  }
}
