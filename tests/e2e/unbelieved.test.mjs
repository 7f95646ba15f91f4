/**
 * Mail whose server cannot be told is accepted, counted, and told to whom one change of settings would help.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, mailDate, received, until } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const NOW = at("2026-10-01T12:00:00Z");

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** @param {string} path @param {string} kind @returns {Promise<any[]>} */
async function told(path, kind) {
  const { json } = await client.ask("GET", path, { now: NOW + 3600 });
  return json.items.filter((/** @type {any} */ item) => item.kind === kind);
}

/** @param {string} cause */
async function counted(cause) {
  const { text } = await client.ask("GET", "/metrics");
  return Number(new RegExp(`^tidegate_unbelieved_total\\{cause="${cause}"\\} (\\d+)$`, "m").exec(text)?.[1]);
}

/** The gateway's own field on top of an Exchange server's. @param {string} from where the message came from */
function underGateway(from) {
  const own = `Received: from ex01.contoso.com (ex01.contoso.com [${from}])\r\n by mx.example.net (Postfix) with ESMTPS id 4ABCDEF; ${mailDate(NOW)}\r\n`;
  return own + received({ host: "EX01.contoso.com", now: NOW });
}

/** @param {string | null} tenant */
async function gatewayKey(tenant) {
  const body = { role: "gateway", tenant, name: "mx1", gateway: { connector: "on_premises", own_hops: 1 } };
  const made = await client.ask("POST", "/v1/keys", { body, now: NOW });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

for (const [whose, tenant, path] of /** @type {[string, string | null, string][]} */ ([
  ["the tenant", "bound", "/v1/tenants/bound/notifications"],
  ["the operator", null, "/v1/notifications"],
])) {
  test(`${whose} is told of a gateway whose own hops are mostly not its own`, async () => {
    const name = tenant ?? "unbound";
    await client.putPolicy(name, { mode: "enforce" }, { now: NOW });
    const key = await gatewayKey(tenant);
    const before = await counted("own_hops");
    const ask = async (/** @type {string} */ from) => {
      const message = event({ tenant: name, own_hops: 1, header: underGateway(from) });
      const answer = await client.ask("POST", "/v1/decide", { body: message, key: key.key, now: NOW });
      assert.equal(answer.status, 200, answer.text);
      return answer.json;
    };
    assert.equal((await ask("203.0.113.7")).server.id, "ex01.contoso.com", "believed");
    for (let index = 0; index < 50; index += 1) {
      const decision = await ask("198.51.100.1");
      assert.deepEqual([decision.action, decision.server], ["accept", null]);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual(await told(path, "gateway.own_hops"), [], "50 of 100 are not more than half");
    await ask("198.51.100.1");
    const [first] = await until("the notification", async () => {
      const items = await told(path, "gateway.own_hops");
      return items.length > 0 && items;
    });
    assert.ok(first.text.includes(key.id), first.text);
    assert.equal((await counted("own_hops")) - before, 51);
    const other = tenant === null ? "/v1/tenants/unbound/notifications" : "/v1/notifications";
    assert.deepEqual(await told(other, "gateway.own_hops"), []);
  });
}

test("a tenant is shown its first field that is only nearly Exchange's, and no more of them", async () => {
  const tenant = "unreadable";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: NOW });
  const send = async (/** @type {number} */ now) => {
    const own = received({ host: "EX01.contoso.com", now });
    const header = own.replace(" with Microsoft", ' (said "x") for <a@example.org> with Microsoft');
    const decision = await client.decide(event({ tenant, header }), { now });
    assert.deepEqual([decision.action, decision.standing.reason], ["accept", "unreadable_field"]);
  };
  const before = await counted("unreadable");
  await send(NOW);
  const path = `/v1/tenants/${tenant}/notifications`;
  const [first] = await until("the notification", async () => {
    const items = await told(path, "message.unreadable");
    return items.length > 0 && items;
  });
  assert.match(first.text, /by EX01\.contoso\.com/);
  assert.ok(!first.text.includes("a@example.org"), "whom the mail is for is nobody's to know");
  await send(NOW + 60);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal((await told(path, "message.unreadable")).length, 1);
  assert.equal((await counted("unreadable")) - before, 2);
});

test("a relay that the policy does not name before Exchange servers is offered as one, after ten messages", async () => {
  const tenant = "relayed";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: NOW });
  const send = async (/** @type {number} */ now, policyHasIt = false) => {
    const top = `Received: from ex01.contoso.com (ex01.contoso.com [203.0.113.9])\r\n by mx1.relay.example (Postfix) with ESMTP id 1; ${mailDate(now)}\r\n`;
    const header = top + received({ host: "EX01.contoso.com", now });
    const message = event({ tenant, header, client: { ip: "192.0.2.1" } });
    const decision = await client.decide(message, { now, fresh: true });
    assert.equal(decision.server?.id ?? null, policyHasIt ? "ex01.contoso.com" : null);
  };
  const path = `/v1/tenants/${tenant}/notifications`;
  for (let index = 0; index < 9; index += 1) await send(NOW + index);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(await told(path, "relay.unnamed"), []);
  await send(NOW + 9);
  const [first] = await until("the notification", async () => {
    const items = await told(path, "relay.unnamed");
    return items.length > 0 && items;
  });
  const entry = /\{.*\}/.exec(first.text)?.[0] ?? "";
  assert.deepEqual(JSON.parse(entry), { host: "relay.example", networks: ["192.0.2.1/32"] });
  const trusted_relays = [JSON.parse(entry)];
  await client.putPolicy(tenant, { mode: "enforce", trusted_relays }, { now: NOW + 60 });
  await send(NOW + 120, true);
});
