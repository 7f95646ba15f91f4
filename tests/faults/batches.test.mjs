/**
 * Batches on their way to the ledger: failed, unanswered, late, overtaken and replayed. The sums hold.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { received, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, post, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { countedIn, countsOf, rollUpsOf } from "../support/ledger-file.mjs";
import { randomFrom, shuffled } from "../support/random.mjs";

/** How long an edge waits for the answer to a batch. */
const GIVEN_UP_MS = 2_000;

/** @type {string} */
let stateDir;
/** @type {import("../support/kv-service.mjs").KvService} */
let kv;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-batches-"));
  kv = await startKv();
  edge = await startEdge({ kv, stateDir, secondEdge: true });
});
after(async () => {
  await edge.stop();
  await kv.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(() => edge.worker.setLedgerMode("ok"));

/** @param {string} tenant */
function counted(tenant) {
  return countedIn(stateDir, tenant);
}

/**
 * Posts single messages, each of which may carry what lies ready, until all are counted. Fails where more are.
 * @param {string} tenant
 * @param {number} posted so far
 */
async function countedOnce(tenant, posted) {
  let total = posted;
  await until(
    `all messages of ${tenant} are counted`,
    async () => {
      total += 1;
      await post(edge.client, tenant, 1);
      const settled = performance.now() + 800;
      while (counted(tenant) < total && performance.now() < settled) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return counted(tenant) >= total;
    },
    { ms: 15_000 },
  );
  const [{ recorded }] = await post(edge.client, tenant, 1, () => ({ record: "sync" }));
  assert.equal(recorded, true);
  assert.equal(counted(tenant), total + 1, "none counts twice");
}

/**
 * The batches of a tenant in the order in which its ledger got them.
 * @param {string} tenant
 * @returns {Promise<{ isolate?: string, sequence?: number, bytes: string }[]>}
 */
async function batchesOf(tenant) {
  const batches = (await edge.worker.batches()).map((bytes) => ({ bytes, ...JSON.parse(bytes) }));
  return batches
    .filter((batch) => batch.name === tenant)
    .map(({ bytes, call }) => ({ ...call.record.sent, bytes }));
}

/**
 * Members of messages of six servers, every third with an event id.
 * @param {string} ids the start of the event ids
 */
function ofSixServers(ids) {
  return (/** @type {number} */ index) => ({
    header: received({ host: `EX0${index % 6}.contoso.com`, now: BLOCKED + index }),
    ...(index % 3 === 0 ? { event_id: `${ids}-${index}` } : {}),
  });
}

for (const mode of /** @type {const} */ (["throw", "error", "truncated", "hang"])) {
  test(`each message counts once although the ledger failed for a while: ${mode}`, async () => {
    const tenant = `replay-${mode}`;
    await post(edge.client, tenant, 5);
    await until("the first are counted", async () => counted(tenant) === 5);
    await edge.worker.setLedgerMode(mode);
    await post(edge.client, tenant, 20, (index) => (index % 2 ? {} : { event_id: `${mode}-${index}` }));
    await until("a batch has failed, or hangs", async () => (await edge.worker.ledgerAsked()) > 0);
    await post(edge.client, tenant, 20);
    await edge.worker.setLedgerMode("ok");
    await countedOnce(tenant, 45);
  });
}

for (const [mode, ms] of /** @type {["error" | "throw" | "hang", number][]} */ ([
  ["error", 1_000],
  ["throw", 1_000],
  ["hang", 2_500],
])) {
  test(`a single message is counted once although no other follows and the ledger fails: ${mode}`, async (t) => {
    const tenant = `quiet-${mode}`;
    await post(edge.client, tenant, 1);
    await until("the first is counted", async () => counted(tenant) === 1);
    await edge.worker.setLedgerMode(mode);
    await post(edge.client, tenant, 1);
    await until("its batch has failed, or hangs", async () => (await edge.worker.ledgerAsked()) > 0);
    await new Promise((resolve) => setTimeout(resolve, ms));
    assert.equal(counted(tenant), 1);
    await edge.worker.setLedgerMode("ok");
    const start = performance.now();
    await until("it is counted", async () => counted(tenant) === 2, { ms: 12_000 });
    t.diagnostic(`counted ${Math.round(performance.now() - start)} ms after the ledger was back`);
    const asked = await edge.worker.ledgerAsked();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.deepEqual(
      [counted(tenant), await edge.worker.ledgerAsked()],
      [2, asked],
      "once, and not sent again",
    );
  });
}

test("a batch whose answer never comes is sent again as it was, and counts once", async (t) => {
  const tenant = "dropped";
  await post(edge.client, tenant, 5);
  await until("the first are counted", async () => counted(tenant) === 5);
  await edge.worker.setLedgerMode("drop");
  let posted = 5 + 20;
  await post(edge.client, tenant, 20, ofSixServers(tenant));
  await until("the ledger has them, and the edge does not know", async () => counted(tenant) === posted);
  const [, dropped] = await batchesOf(tenant);
  const times = await until(
    "the edge has sent them again",
    async () => {
      await post(edge.client, tenant, 1);
      posted += 1;
      const same = (await batchesOf(tenant)).filter(({ bytes }) => bytes === dropped.bytes);
      return same.length > 1 && same.length;
    },
    { ms: 4 * GIVEN_UP_MS, every: 250 },
  );
  assert.equal(counted(tenant), 25, "nothing else was sent before the edge knew");
  await edge.worker.setLedgerMode("ok");
  await countedOnce(tenant, posted);
  t.diagnostic(`batch ${dropped.sequence} came ${times} times, ${counted(tenant)} messages counted`);
});

test("a batch that the edge gave up, and that arrives after the next ones, counts once", async (t) => {
  const tenant = "late";
  await post(edge.client, tenant, 5);
  await until("the first are counted", async () => counted(tenant) === 5);
  await edge.worker.setLedgerMode("hold");
  let posted = 5 + 20;
  await post(edge.client, tenant, 20, ofSixServers(tenant));
  await until("a batch is held back", () => edge.worker.ledgerHolds(tenant));
  await until(
    "the edge has sent it again, and the next one",
    async () => {
      await post(edge.client, tenant, 1);
      posted += 1;
      return (await batchesOf(tenant)).some(({ sequence }) => sequence === 3);
    },
    { ms: 4 * GIVEN_UP_MS, every: 250 },
  );
  await edge.worker.setLedgerMode("ok");
  await countedOnce(tenant, posted);
  const numbered = (await batchesOf(tenant)).filter(({ sequence }) => sequence !== undefined);
  const order = numbered.map(({ sequence }) => sequence);
  t.diagnostic(`the ledger got batches ${order.join(", ")}; ${counted(tenant)} messages counted`);
  assert.ok(order.lastIndexOf(2) > order.indexOf(3), "the one given up came after the next one");
});

test("what was accepted because its receipt came too late does not count as rejected", async () => {
  const tenant = "too-late";
  await blockedServer(edge, tenant);
  const ask = () =>
    edge.client.decide(blockedMessage(tenant, { record: "sync" }), { now: BLOCKED, fresh: true });
  const before = await edge.client.counts(tenant);
  await edge.worker.setLedgerMode("hold");
  const late = await ask();
  assert.deepEqual([late.action, late.degraded, late.recorded], ["accept", true, false]);
  await edge.worker.setLedgerMode("ok");
  await until("the ledger gets it all the same", async () => {
    const [last] = (await batchesOf(tenant)).slice(-1);
    return JSON.parse(last.bytes).call.record.not_after !== undefined && (await batchesOf(tenant)).length > 7;
  });
  const next = await ask();
  assert.deepEqual([next.action, next.recorded], ["reject", true]);
  const [[, was]] = before;
  const [[, is]] = await edge.client.counts(tenant);
  assert.deepEqual(is, { ...was, reject: was.reject + 1 }, "the one that was answered so");
});

test("two isolates' batches are counted in whichever order they come", async (t) => {
  const tenant = "overtaken";
  const edges = [edge.client, edge.second];
  let total = 0;
  for (let round = 0; round < 3; round += 1) {
    const [held, other] = round % 2 === 0 ? edges : [...edges].reverse();
    /** @param {string} ids */
    const members = (ids) => (/** @type {number} */ index) => ({
      ...ofSixServers(ids)(index),
      // a gateway that got no answer from one edge told the other: ten of the events count once
      ...(index < 10 ? { event_id: `${round}-${index}` } : {}),
    });
    await edge.worker.setLedgerMode("hold");
    await post(held, tenant, 30, members(`${round}-held`));
    await until("the batch is held back", () => edge.worker.ledgerHolds(tenant));
    await post(other, tenant, 24, members(`${round}-other`));
    total += 24;
    await until("the other isolate's batch is counted", async () => counted(tenant) === total);
    await edge.worker.setLedgerMode("ok");
    total += 20;
    await until("the one held back too", async () => counted(tenant) === total);
  }
  const batches = await batchesOf(tenant);
  const [{ isolate: first }] = batches;
  const [firsts, seconds] = [true, false].map((is) =>
    batches.filter(({ isolate }) => (isolate === first) === is),
  );
  const order = batches
    .map(({ isolate, sequence }) => `${isolate === first ? "a" : "b"}${sequence}`)
    .join(", ");
  t.diagnostic(`the ledger got ${order}; ${counted(tenant)} messages counted`);
  assert.match(order, /^(a\d, )+(b\d, )+(a\d, )+b\d(, b\d)*$/, "the batch held back came last in each round");
  assert.equal((await edge.client.servers(tenant)).length, 6);

  const sums = countsOf(stateDir, tenant);
  const ways = interleaved(firsts, seconds);
  for (const [number, way] of ways.entries()) {
    const copy = `${tenant}-${number}`;
    for (const { bytes } of way) {
      await edge.worker.replay(copy, bytes.replace(`"name":"${tenant}"`, `"name":"${copy}"`));
    }
    assert.deepEqual(countsOf(stateDir, copy), sums, `in the order ${number}`);
  }
  t.diagnostic(`${ways.length} orders of arrival, the same ${total} messages counted in each`);
});

test("a batch's bytes replayed count nothing, after a crash neither", async (t) => {
  const tenant = "replayed";
  await post(edge.client, tenant, 30, ofSixServers("first"));
  await post(edge.second, tenant, 30, ofSixServers("second"));
  await until("both batches are counted", async () => counted(tenant) === 60);
  await post(edge.client, tenant, 30, ofSixServers("third"));
  await until("the third is counted", async () => counted(tenant) === 90);
  const numbered = await batchesOf(tenant);
  const before = [countsOf(stateDir, tenant), await documents(tenant)];
  const random = randomFrom(1);
  const replay = async (/** @type {{ bytes: string }[]} */ batches) => {
    const all = shuffled([...batches, ...batches, ...batches], random);
    for (const { bytes } of all) await edge.worker.replay(tenant, bytes);
    await Promise.all(all.map(({ bytes }) => edge.worker.replay(tenant, bytes)));
    return 2 * all.length;
  };

  let replays = await replay(numbered);
  assert.deepEqual([countsOf(stateDir, tenant), await documents(tenant)], before);
  // a receipt's batch has no number: its event id tells that it was counted
  const event_id = "receipt";
  await post(edge.client, tenant, 1, () => ({ record: "sync", event_id }));
  const all = await batchesOf(tenant);
  assert.equal(all.length, numbered.length + 1);
  replays += await replay(all);
  assert.equal(counted(tenant), 91);

  await edge.worker.kill();
  edge = await startEdge({ kv, stateDir, secondEdge: true });
  replays += await replay(all);
  assert.equal(counted(tenant), 91);
  await post(edge.client, tenant, 30, ofSixServers("fourth"));
  await until("a new isolate's messages are counted", async () => counted(tenant) === 121);
  t.diagnostic(`${numbered.length + 1} batches, ${replays} replays, ${counted(tenant)} messages counted`);
});

test("whatever came, hours, days, months and the tenant's own sums count the same", async () => {
  for (const tenant of ["replay-throw", "replay-hang", "dropped", "late"]) {
    const rollUps = rollUpsOf(stateDir, tenant) ?? [];
    assert.equal(rollUps.length, 5);
    assert.deepEqual([...new Set(rollUps)], rollUps.slice(0, 1), tenant);
  }
});

/**
 * What the API shows of each server.
 * @param {string} tenant
 */
async function documents(tenant) {
  const servers = await edge.client.servers(tenant, { now: BLOCKED });
  return Promise.all(servers.map(({ id }) => edge.client.server(tenant, id, { now: BLOCKED })));
}

/**
 * All orders in which two lines can merge.
 * @template T
 * @param {T[]} first
 * @param {T[]} second
 * @returns {T[][]}
 */
function interleaved(first, second) {
  if (first.length === 0 || second.length === 0) return [[...first, ...second]];
  return [
    ...interleaved(first.slice(1), second).map((rest) => [first[0], ...rest]),
    ...interleaved(first, second.slice(1)).map((rest) => [second[0], ...rest]),
  ];
}
