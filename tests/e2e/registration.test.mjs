/**
 * What is written down of servers, while many messages come at once and after the answers, on workerd.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, received, rfc3339, until } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const HOST = "EX01.contoso.com";
const ID = "ex01.contoso.com";
const START = at("2026-10-01T08:15:08Z");

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/**
 * Posts `count` messages at once.
 * @param {number} count
 * @param {(index: number) => object} message
 */
function together(count, message) {
  const posted = Array.from({ length: count }, (_, index) => client.decide(message(index), { now: START }));
  return Promise.all(posted);
}

/**
 * How many of these decisions are counted for certain: on a busy machine a receipt may come too late, and what it was
 * for is then counted or not, as it came to the ledger in time or not.
 * @param {any[]} decisions
 */
function certain(decisions) {
  return decisions.filter(({ degraded }) => !degraded).length;
}

/**
 * A server's counts once they stand at `total` answered messages, or between `least` and that.
 * @param {string} tenant
 * @param {number} total
 * @param {{ server?: string, least?: number }} [options]
 */
function countsAt(tenant, total, { server = ID, least = total } = {}) {
  return until(`${total} messages of ${tenant} are counted`, async () => {
    const counts = (await client.counts(tenant)).get(server);
    const sum = counts ? counts.accept + counts.defer + counts.reject : 0;
    assert.ok(sum <= total, "none is counted twice");
    return sum >= least && counts;
  });
}

for (const record of ["sync", "async"]) {
  test(`a server whose first 100 messages come at once is registered once (${record})`, async () => {
    const tenant = `storm-${record}`;
    await client.putPolicy(tenant, { mode: "enforce" }, { now: START });
    const decisions = await together(100, (index) =>
      event({ tenant, record, header: received({ host: HOST, now: START + index }) }),
    );
    assert.deepEqual(new Set(decisions.map(({ action }) => action)), new Set(["accept"]));
    const shown = await until("the spell is known", async () => {
      const answer = await client.ask("GET", `/v1/tenants/${tenant}/servers/${ID}`, { now: START + 601 });
      return answer.status === 200 && answer.json.detected_at !== null && answer.json;
    });
    assert.equal(shown.transitions.length, 1);
    assert.equal(shown.transitions[0].kind, "detected");
    const { accept, ...others } = await countsAt(tenant, 100, { least: certain(decisions) });
    assert.ok(accept >= 1);
    assert.deepEqual(others, { defer: 0, reject: 0, would_defer: 0, would_reject: 0 });
    assert.equal((await client.servers(tenant)).length, 1);
    assert.equal((await client.server(tenant, ID)).transitions.length, 1);
  });
}

test("one message retried 100 times at once accuses nobody", async () => {
  const tenant = "retried";
  const header = received({ host: HOST, now: START });
  const decisions = await together(100, (index) =>
    event({ tenant, record: index % 2 ? "sync" : "async", header }),
  );
  await countsAt(tenant, 100, { least: certain(decisions) });
  const [server, ...others] = await client.servers(tenant, { now: START + 601 });
  assert.deepEqual([server.id, server.detected_at, server.stage, others], [ID, null, null, []]);
  assert.deepEqual((await client.server(tenant, ID)).transitions, []);
});

test("what is answered without waiting is in the ledger soon after, added up and with its evidence", async () => {
  const tenant = "later";
  const hosts = ["EX01.contoso.com", "EX02.contoso.com", "EX03.contoso.com"];
  const decisions = await together(60, (index) =>
    event({ tenant, header: received({ host: hosts[index % 3], now: START + index }) }),
  );
  assert.ok(
    decisions.every(({ recorded }) => recorded === false),
    "only the ledger's answer is a receipt",
  );
  for (const host of hosts) await countsAt(tenant, 20, { server: host.toLowerCase() });
  const servers = await client.servers(tenant, { now: START + 601 });
  assert.deepEqual(
    servers.map(({ id }) => id),
    hosts.map((host) => host.toLowerCase()),
  );
  const shown = await client.server(tenant, ID, { now: START + 601 });
  assert.equal(shown.detected_at, rfc3339(START), "the clock starts at the first of the messages");
  assert.match(shown.evidence[0].received, /^from mbx-essen-01\.secunet\.de .* by EX01\.contoso\.com /);
});

test("messages answered without waiting keep their own times", async () => {
  const tenant = "own-times";
  const later = START + 40 * 24 * 3600;
  for (const now of [START, later]) {
    await client.decide(event({ tenant, header: received({ host: HOST, now }) }), { now });
  }
  await countsAt(tenant, 2);
  const shown = await client.server(tenant, ID, { now: later });
  assert.deepEqual([shown.first_seen, shown.last_seen], [rfc3339(START), rfc3339(later)]);
  assert.equal(shown.detected_at, null, "forty days apart they are no two witnesses");
});

test("no more than the latest three pieces of evidence are kept for each machine behind a name", async () => {
  const tenant = "farm";
  for (const address of ["10.0.0.1", "10.0.0.2"]) {
    for (let minute = 0; minute < 5; minute += 1) {
      const now = START + minute * 60;
      const header = received({ host: HOST, now, address });
      await client.decide(event({ tenant, record: "sync", header }), { now });
    }
  }
  const { evidence, nodes } = await client.server(tenant, ID, { now: START + 601 });
  const latest = [4, 3, 2].map((minute) => rfc3339(START + minute * 60));
  for (const node of ["10.0.0.1", "10.0.0.2"]) {
    const kept = evidence.filter((/** @type {any} */ entry) => entry.node === node);
    assert.deepEqual(
      kept.map((/** @type {any} */ entry) => entry.at),
      latest,
    );
  }
  assert.equal(nodes.length, 2);
});

test("an event that a gateway tells twice within ten minutes counts once", async () => {
  const tenant = "repeated";
  const header = received({ host: HOST, now: START });
  const tell = (/** @type {string} */ event_id, /** @type {string} */ record, now = START) =>
    client.decide(event({ tenant, event_id, record, header }), { now });
  await Promise.all(["sync", "async", "async", "sync"].map((record) => tell("4ABCDEF-1", record)));
  await tell("4ABCDEF-1", "sync", START + 599);
  await tell("4ABCDEF-2", "sync", START + 599);
  assert.equal((await countsAt(tenant, 2)).accept, 2);
  await tell("4ABCDEF-1", "sync", START + 601);
  assert.equal((await countsAt(tenant, 3)).accept, 3, "after ten minutes it is another event");
});

test("an address names eight servers where nobody vouches for the names, and its further mail has no receipt", async () => {
  const tenant = "talkative";
  await client.putPolicy(tenant, { mode: "enforce", scope: ["internet", "on_premises"] }, { now: START });
  const tell = async (/** @type {number} */ number, /** @type {object} */ members) => {
    const header = received({ host: `EX${number}.contoso.com`, now: START });
    const message = event({ tenant, connector: "internet", record: "sync", header, ...members });
    const { action, degraded, recorded } = await client.decide(message, { now: START });
    assert.deepEqual([action, degraded], ["accept", false]);
    return recorded;
  };
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1];
  const receipts = [];
  for (const number of numbers) receipts.push(await tell(number, {}));
  assert.deepEqual(
    receipts,
    numbers.map((number) => number <= 8),
    "the ninth has no room, and a known one counts on",
  );
  const elsewhere = await tell(9, { client: { ip: "203.0.113.8" } });
  assert.equal(elsewhere, true, "other addresses have their own eight");
  const trusted = await tell(9, { connector: "on_premises" });
  assert.equal(trusted, true, "and a name that is vouched for needs no room there");
  assert.equal((await client.servers(tenant)).length, 10);
  assert.equal(await client.counted(tenant), 11);
});

test("no mail is written down that is out of scope or whose tenant's mode is off", async () => {
  for (const [tenant, policy, connector] of [
    ["off", { mode: "off" }, "on_premises"],
    ["scoped", { mode: "enforce" }, "partner"],
  ]) {
    await client.putPolicy(/** @type {string} */ (tenant), /** @type {object} */ (policy), { now: START });
    for (let minute = 0; minute < 3; minute += 1) {
      const header = received({ host: HOST, now: START + minute * 60 });
      const message = event({ tenant: /** @type {string} */ (tenant), connector, record: "sync", header });
      const decision = await client.decide(message, { now: START + minute * 60 });
      assert.deepEqual([decision.action, decision.recorded], ["accept", false], tenant);
    }
    assert.deepEqual(await client.servers(/** @type {string} */ (tenant)), [], tenant);
  }
});

test("servers that share a name stay apart by tenant, and by address where nobody vouches for the name", async () => {
  const header = received({ host: HOST, now: START });
  for (const tenant of ["apart-1", "apart-2"]) {
    await client.decide(event({ tenant, record: "sync", header }), { now: START });
    assert.equal((await client.servers(tenant)).length, 1);
  }
  const tenant = "apart-3";
  await client.putPolicy(tenant, { mode: "enforce", scope: ["partner"] }, { now: START });
  for (const ip of ["203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8::2"]) {
    const message = event({ tenant, connector: "partner", record: "sync", header, client: { ip } });
    const decision = await client.decide(message, { now: START });
    assert.equal(decision.recorded, true, ip);
  }
  const servers = await client.servers(tenant);
  assert.deepEqual(
    servers.map(({ id }) => id),
    [`${ID}@2001:db8::`, `${ID}@203.0.113.7`, `${ID}@203.0.113.8`],
  );
  for (const { id } of servers) {
    const shown = await client.server(tenant, encodeURIComponent(id));
    assert.equal(shown.id, id, "and can be looked up");
  }
});
