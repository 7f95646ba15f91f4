/**
 * The operator-wide ceiling: the emergency brake, and the clocks that stand still under it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, received, rfc3339 } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const DAY = 24 * 3600;
const START = at("2026-10-01T08:15:08Z");
const HOST = "EX01.contoso.com";
const ID = "ex01.contoso.com";

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** @param {string} mode @param {number} now */
async function ceiling(mode, now) {
  const answer = await client.ask("PUT", "/v1/control/mode", { body: { mode }, now });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

/** A message so many days after the first one. @param {string} tenant @param {number} day */
function mail(tenant, day) {
  const now = START + day * DAY;
  const header = received({ host: HOST, now });
  return client.decide(event({ tenant, record: "sync", header }), { now, fresh: true });
}

test("the ceiling is shown, set by an admin alone, and its changes are in the trail", async () => {
  const first = await client.ask("GET", "/v1/control/mode");
  const unset = { mode: "enforce", updated_at: null };
  assert.deepEqual([first.status, first.json], [200, unset]);
  const set = await ceiling("report", START);
  assert.deepEqual(set, { mode: "report", updated_at: rfc3339(START) });
  assert.deepEqual((await client.ask("GET", "/v1/control/mode")).json, set);
  await ceiling("enforce", START);
  const { json } = await client.ask("GET", "/v1/audit");
  assert.deepEqual(
    json.items.map((/** @type {any} */ { action, before, after }) => [action, before.mode, after.mode]),
    [
      ["control.put", "report", "enforce"],
      ["control.put", "enforce", "report"],
    ],
  );
  for (const [role, tenant, read] of /** @type {const} */ ([
    ["viewer", null, 200],
    ["operator", null, 200],
    ["viewer", "contoso", 403],
    ["operator", "contoso", 403],
    ["gateway", null, 403],
  ])) {
    const made = await client.ask("POST", "/v1/keys", {
      body: { role, tenant, name: "control" },
      now: START,
    });
    const { key } = made.json;
    assert.equal((await client.ask("GET", "/v1/control/mode", { key })).status, read, `${role} ${tenant}`);
    assert.equal((await client.ask("PUT", "/v1/control/mode", { key, body: { mode: "off" } })).status, 403);
  }
});

test("under a lowered ceiling mail is accepted and the clock stands still", async () => {
  const tenant = "held";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: START - DAY });
  for (const day of [0, 1, 20, 40]) await mail(tenant, day);
  const before = (await mail(tenant, 41)).stage;
  assert.deepEqual([before.number, before.since], [3, rfc3339(START + 40 * DAY)]);

  await ceiling("report", START + 42 * DAY);
  for (const day of [43, 60, 72]) {
    const decision = await mail(tenant, day);
    assert.deepEqual([decision.action, decision.mode, decision.stage.number], ["accept", "report", 3]);
    assert.equal(decision.stage.next.at, null, "nobody knows when it goes on");
  }
  const report = await client.report(tenant, { now: START + 72 * DAY });
  assert.equal(report.mode, "report", "the report says what is in effect");
  await ceiling("enforce", START + 72 * DAY);
  const after = await mail(tenant, 73);
  assert.deepEqual([after.mode, after.stage.number], ["enforce", 3]);
  assert.equal(
    after.stage.next.at,
    rfc3339(Date.parse(before.next.at) / 1000 + 30 * DAY),
    "later by the brake's time",
  );
  const { stage } = await client.server(tenant, ID, { now: START + 73 * DAY });
  assert.equal(stage.next.at, after.stage.next.at, "the ledger says the same");
});

test("a ceiling of off answers accept and writes nothing down", async () => {
  await ceiling("off", START);
  const now = START + 60;
  const message = event({ tenant: "quiet", record: "sync", header: received({ host: HOST, now }) });
  const decision = await client.decide(message, { now, fresh: true });
  assert.deepEqual([decision.action, decision.mode, decision.recorded], ["accept", "off", false]);
  await ceiling("enforce", START + 120);
});
