/**
 * Who meets a bound is told: once a day in a notification and a line of the log, and in the counters.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { operatorFile } from "../support/stored-state.mjs";

const DAY = 24 * 3600;
const ADMITTED = 10_000;

/** @type {string} */
let stateDir;
/** @type {import("../support/kv-service.mjs").KvService} */
let kv;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-bounds-"));
  kv = await startKv();
  edge = await startEdge({ patient: true, kv, stateDir });
});
after(async () => {
  await edge.stop();
  await kv.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** @param {string} series */
async function sum(series) {
  const { text } = await edge.client.ask("GET", "/metrics");
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

/** @param {string} path @param {string} kind */
async function told(path, kind) {
  const { status, json, text } = await edge.client.ask("GET", `${path}?limit=1000`);
  assert.equal(status, 200, text);
  return json.items.filter((/** @type {any} */ item) => item.kind === kind);
}

/** Lines of the log that name `kind`. @param {string} kind */
function logged(kind) {
  return edge.worker
    .output()
    .split("\n")
    .filter((line) => line.includes(`${kind}: `)).length;
}

test("a ninth server of an address is told of once a day, by address and name", async () => {
  const tenant = "talkative";
  await edge.client.putPolicy(tenant, { mode: "enforce", scope: ["internet"] }, { now: BLOCKED });
  const tell = async (/** @type {number} */ number, now = BLOCKED) => {
    const header = received({ host: `EX${number}.contoso.com`, now });
    const message = event({ tenant, connector: "internet", record: "sync", header });
    const { recorded, why } = await edge.client.decide(message, { now });
    assert.equal(why.includes("which takes a second message"), recorded, why);
    return recorded;
  };
  for (let number = 1; number <= 8; number += 1) assert.equal(await tell(number), true);
  const path = `/v1/tenants/${tenant}/notifications`;
  assert.deepEqual(await told(path, "bound.peer_servers"), []);
  const before = await sum('tidegate_unrecorded_total{bound="peer_servers"}');
  for (const number of [9, 10, 9]) assert.equal(await tell(number), false);
  const [first, ...more] = await told(path, "bound.peer_servers");
  assert.match(first.text, /more than 8 servers .* ex9\.contoso\.com@203\.0\.113\.7/);
  assert.deepEqual(more, []);
  assert.equal(await tell(9, BLOCKED + DAY), false);
  assert.equal((await told(path, "bound.peer_servers")).length, 2, "again on the next day");
  assert.equal(logged("bound.peer_servers"), 2);
  assert.equal((await sum('tidegate_unrecorded_total{bound="peer_servers"}')) - before, 4);
});

test("decisions for which an edge had no room are counted, and told when the ledger is back", async (t) => {
  const tenant = "overflowing";
  await edge.client.putPolicy(tenant, { mode: "report" }, { now: BLOCKED });
  const before = await sum("tidegate_observations_dropped_total");
  await edge.worker.setLedgerMode("error");
  let posted = 0;
  for (let round = 0; round < 3; round += 1) {
    const body = Array.from({ length: 256 }, (_, index) =>
      event({ tenant, header: received({ host: `EX${round}-${index}.contoso.com`, now: BLOCKED }) }),
    );
    const { json } = await edge.client.ask("POST", "/v1/decide/batch", { body, now: BLOCKED });
    assert.ok(json.every((/** @type {any} */ { degraded }) => !degraded));
    posted += body.length;
  }
  await edge.worker.setLedgerMode("ok");
  const dropped = (await sum("tidegate_observations_dropped_total")) - before;
  await until(
    "the others are counted",
    async () => (await edge.client.counted(tenant)) === posted - dropped,
    {
      ms: 15_000,
      every: 250,
    },
  );
  const [item, ...more] = await until("it is told", async () => {
    const items = await told(`/v1/tenants/${tenant}/notifications`, "bound.observations");
    return items.length > 0 && items;
  });
  t.diagnostic(`${dropped} of ${posted} dropped; ${item.text}`);
  assert.ok(dropped > 0 && more.length === 0);
  assert.match(item.text, /^\d+ decisions were answered and not recorded/);
  assert.equal(logged("bound.observations"), 1);
});

test("a tenant beyond those that are admitted without a policy is told to the operator", async () => {
  const message = (/** @type {string} */ tenant) =>
    event({ tenant, record: "sync", header: received({ host: "EX01.contoso.com", now: BLOCKED }) });
  assert.equal((await edge.client.decide(message("admitted"), { now: BLOCKED })).recorded, true);
  await edge.stop();
  admit(ADMITTED);
  edge = await startEdge({ patient: true, kv, stateDir });
  const refused = [];
  for (const tenant of ["beyond-1", "beyond-2", "beyond-1"]) {
    const { recorded, degraded } = await edge.client.decide(message(tenant), { now: BLOCKED });
    assert.equal(degraded, false);
    refused.push(recorded);
  }
  assert.deepEqual(refused, [false, false, false]);
  assert.equal((await edge.client.decide(message("admitted"), { now: BLOCKED })).recorded, true);
  const [item, ...more] = await told("/v1/notifications", "bound.tenants");
  assert.match(item.text, /^10000 tenants without a policy .* beyond-1,/);
  assert.deepEqual(more, []);
  assert.equal(logged("bound.tenants"), 1);
  assert.equal(await sum('tidegate_unrecorded_total{bound="tenants"}'), 3);
});

/** As if so many tenants had been recorded: in the operator's own file. @param {number} count */
function admit(count) {
  const database = new DatabaseSync(operatorFile(stateDir));
  database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT OR IGNORE INTO tenant (id, admitted) SELECT 'tenant-' || i, 1 FROM n`,
    )
    .run(count);
  database.close();
}
