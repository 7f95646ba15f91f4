/**
 * Batches of messages that are to be acknowledged, while the ledger is far away or fails.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { event, received } from "../support/client.mjs";
import { BLOCKED, blockedServer, startEdge } from "../support/edge.mjs";

const COUNT = 256;

/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  edge = await startEdge();
  await blockedServer(edge, "one");
  await edge.client.putPolicy("many", { mode: "enforce" }, { now: BLOCKED });
});
after(() => edge.stop());
afterEach(() => edge.worker.setLedgerMode("ok"));

/** @param {(index: number) => Record<string, unknown>} members */
async function postBatch(members) {
  const body = Array.from({ length: COUNT }, (_, index) => {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED + index });
    return event({ tenant: "one", header, record: "sync", event_id: String(index), ...members(index) });
  });
  const { status, json, ms } = await edge.client.ask("POST", "/v1/decide/batch", { body, now: BLOCKED });
  assert.equal(status, 200);
  return { answers: json, ms };
}

/** @param {any[]} answers */
function tally(answers) {
  const sums = { accept: 0, reject: 0, recorded: 0, degraded: 0 };
  for (const { action, recorded, degraded } of answers) {
    sums[/** @type {"accept" | "reject"} */ (action)] += 1;
    sums.recorded += Number(recorded);
    sums.degraded += Number(degraded);
  }
  return sums;
}

test("256 messages of one blocked server are rejected and acknowledged by a ledger 50 ms away", async (t) => {
  const before = await edge.client.counted("one");
  await edge.worker.setLedgerMode("far", { ms: 50 });
  const { answers, ms } = await postBatch(() => ({}));
  assert.deepEqual(tally(answers), { accept: 0, reject: COUNT, recorded: COUNT, degraded: 0 });
  assert.equal(await edge.worker.ledgerAsked(), 1, "in one call");
  await edge.worker.setLedgerMode("ok");
  assert.equal((await edge.client.counted("one")) - before, COUNT);
  t.diagnostic(`answered after ${Math.round(ms)} ms`);
});

test("256 messages of as many servers are acknowledged by a ledger 50 ms away", async (t) => {
  await edge.worker.setLedgerMode("far", { ms: 50 });
  const { answers, ms } = await postBatch((index) => ({
    tenant: "many",
    header: received({ host: `EX${index}.contoso.com`, now: BLOCKED }),
  }));
  assert.deepEqual(tally(answers), { accept: COUNT, reject: 0, recorded: COUNT, degraded: 0 });
  assert.equal(await edge.worker.ledgerAsked(), 1, "in one call");
  await edge.worker.setLedgerMode("ok");
  assert.deepEqual(
    [await edge.client.counted("many"), (await edge.client.counts("many")).size],
    [COUNT, COUNT],
  );
  t.diagnostic(`answered after ${Math.round(ms)} ms`);
});

test("each tenant's ledger answers for its own messages, and a message without a server asks none", async () => {
  const { answers } = await postBatch((index) => {
    if (index % 4 === 3) return { header: "From: a@contoso.com\r\n" };
    return index % 2 ? { tenant: "many", header: received({ host: "EX0.contoso.com", now: BLOCKED }) } : {};
  });
  assert.deepEqual(tally(answers), { accept: 128, reject: 128, recorded: 192, degraded: 0 });
  assert.ok(answers.every(({ action }, index) => (action === "reject") === (index % 2 === 0)));
});

test("a ledger that fails leaves every message of the batch accepted, and says so", async () => {
  const before = await edge.client.counted("one");
  await edge.worker.setLedgerMode("error");
  const { answers } = await postBatch(() => ({}));
  assert.deepEqual(tally(answers), { accept: COUNT, reject: 0, recorded: 0, degraded: COUNT });
  await edge.worker.setLedgerMode("ok");
  assert.equal(await edge.client.counted("one"), before);
});
