/**
 * API keys from their making to their end, on workerd.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, until } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";

const NOW = at("2026-10-01T12:00:00Z");

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** @type {Client} */
let client;

before(async () => {
  edge = await startEdge({ ledger: true });
  client = new Client(edge);
});
after(() => edge.stop());

/**
 * @param {object} key
 * @param {{ key?: string, now?: number }} [options]
 */
async function make(key, options) {
  const answer = await client.ask("POST", "/v1/keys", { now: NOW, ...options, body: key });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

/** What a holder of `key` is answered. @param {string} key @param {string} method @param {string} path @param {object} [body] */
const as = (key, method, path, body) => client.ask(method, path, { key, now: NOW, fresh: true, body });

test("a key is shown once, and never again", async () => {
  const made = await make({ role: "viewer", tenant: "shown", name: "report", gateway: null });
  const { key, ...listed } = made;
  assert.match(key, new RegExp(`^tg_${made.id}_[0-9a-f]{48}$`));
  assert.deepEqual(listed, {
    id: made.id,
    role: "viewer",
    tenant: "shown",
    name: "report",
    gateway: null,
    created_at: "2026-10-01T12:00:00Z",
    created_by: "admin",
  });
  const list = await client.ask("GET", "/v1/keys?tenant=shown");
  assert.deepEqual(list.json, { items: [listed], next: null });
  for (const path of ["/v1/keys", "/v1/audit", "/v1/tenants/shown/audit"]) {
    const { status, text } = await client.ask("GET", path);
    assert.equal(status, 200);
    assert.ok(!text.includes(key.split("_")[2]), path);
  }
});

test("a key works at once, for what its role may do in its own tenant alone", async () => {
  const viewer = await make({ role: "viewer", tenant: "own", name: "viewer" });
  const gateway = await make({ role: "gateway", tenant: "own", name: "gateway" });
  const message = event({ tenant: "own", header: "" });
  assert.equal((await as(viewer.key, "GET", "/v1/tenants/own/servers")).status, 200);
  assert.equal((await as(viewer.key, "GET", "/v1/tenants/other/servers")).status, 403);
  assert.equal((await as(viewer.key, "POST", "/v1/decide", message)).status, 403);
  assert.equal((await as(viewer.key, "GET", "/v1/keys")).status, 403);
  assert.equal((await as(gateway.key, "POST", "/v1/decide", message)).status, 200);
  assert.equal((await as(gateway.key, "GET", "/v1/tenants/own/servers")).status, 403);
  const other = await as(gateway.key, "POST", "/v1/decide", { ...message, tenant: "other" });
  assert.deepEqual([other.status, other.json.field], [403, "tenant"]);
});

test("a gateway's key says what the gateway leaves out", async () => {
  const gateway = { connector: "on_premises", own_hops: 1 };
  const { key } = await make({ role: "gateway", tenant: "defaults", name: "mx1", gateway });
  const own = "Received: from a by mx.example with ESMTP id 1; Thu, 1 Oct 2026 12:00:00 +0000\r\n";
  const answer = await as(key, "POST", "/v1/decide", { header: own });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual([answer.json.standing.reason, answer.json.evidence], ["no_received", null]);
});

test("a wrong key is refused before the body is read, and so is a revoked one", async () => {
  const { id, key } = await make({ role: "gateway", tenant: null, name: "wrong" });
  const [, , secret] = key.split("_");
  const wrong = [
    `tg_${id}_${secret.replace(/.$/, secret.endsWith("0") ? "1" : "0")}`,
    "tg_",
    "x".repeat(10_000),
    key + key,
  ];
  for (const key of wrong) {
    const answer = await client.ask("POST", "/v1/decide", { key, body: "no JSON at all" });
    assert.equal(answer.status, 401, key);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
  }
  const message = event({ tenant: "any", header: "" });
  assert.equal((await client.ask("POST", "/v1/decide", { key, body: message })).status, 200);
  const revoked = await client.ask("DELETE", `/v1/keys/${id}`, { now: NOW });
  assert.deepEqual([revoked.status, revoked.text], [204, ""]);
  const refused = await client.ask("POST", "/v1/decide", { key, body: message });
  assert.equal(refused.status, 401, "at once where it was revoked");
  assert.equal((await as(key, "POST", "/v1/decide", message)).status, 401, "whatever KV says still");
  assert.equal((await client.ask("DELETE", `/v1/keys/${id}`)).status, 404);
});

test("two keys of a name live at once, so that one can take over from the other", async () => {
  const key = { role: "gateway", tenant: "rotated", name: "mx1" };
  const [first, second] = [await make(key), await make(key)];
  const third = await client.ask("POST", "/v1/keys", { body: key });
  assert.deepEqual([third.status, third.json.field], [409, "name"]);
  await make({ ...key, role: "viewer" });
  await make({ ...key, tenant: null });
  assert.equal((await client.ask("DELETE", `/v1/keys/${first.id}`)).status, 204);
  await make(key);
  const message = event({ tenant: "rotated", header: "" });
  assert.equal((await as(second.key, "POST", "/v1/decide", message)).status, 200);
});

test("a tenant has at most 100 keys, and the others have theirs", async () => {
  for (let number = 0; number < 100; number += 1) {
    await make({ role: "viewer", tenant: "crowded", name: `viewer ${number}` });
  }
  const one = { role: "viewer", tenant: "crowded", name: "one more" };
  assert.equal((await client.ask("POST", "/v1/keys", { body: one })).status, 409);
  await make({ ...one, tenant: "roomy" });
  const first = await client.ask("GET", "/v1/keys?tenant=crowded&limit=60");
  assert.equal(first.json.items.length, 60);
  const second = await client.ask("GET", `/v1/keys?tenant=crowded&limit=60&cursor=${first.json.next}`);
  assert.deepEqual([second.json.items.length, second.json.next], [40, null]);
  const names = [...first.json.items, ...second.json.items].map(({ name }) => name);
  assert.equal(new Set(names).size, 100);
  assert.equal(names[0], "viewer 99", "newest first");
});

test("nobody makes, sees or revokes a key above or outside", async () => {
  const bound = await make({ role: "operator", tenant: "mine", name: "bound" });
  const unbound = await make({ role: "operator", tenant: null, name: "unbound" });
  const theirs = await make({ role: "viewer", tenant: "theirs", name: "viewer" });
  const admin = await make({ role: "admin", tenant: null, name: "admin" });
  /** @type {[string, object, number][]} */
  const cases = [
    [bound.key, { role: "operator", tenant: "mine", name: "deputy" }, 201],
    [bound.key, { role: "viewer", tenant: "mine", name: "report" }, 201],
    [bound.key, { role: "gateway", tenant: "mine", name: "mx" }, 403],
    [unbound.key, { role: "gateway", tenant: "mine", name: "mx" }, 403],
    [bound.key, { role: "viewer", tenant: "theirs", name: "x" }, 403],
    [bound.key, { role: "viewer", tenant: null, name: "x" }, 403],
    [bound.key, { role: "admin", tenant: "mine", name: "x" }, 403],
    [unbound.key, { role: "operator", tenant: null, name: "deputy" }, 201],
    [unbound.key, { role: "admin", tenant: null, name: "x" }, 403],
    [theirs.key, { role: "viewer", tenant: "theirs", name: "x" }, 403],
    [admin.key, { role: "admin", tenant: null, name: "deputy" }, 201],
    [admin.key, { role: "admin", tenant: "mine", name: "x" }, 422],
  ];
  for (const [key, body, status] of cases) {
    const answer = await as(key, "POST", "/v1/keys", body);
    assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
  }
  const seen = await as(bound.key, "GET", "/v1/keys");
  assert.deepEqual(
    new Set(seen.json.items.map((/** @type {any} */ { tenant }) => tenant)),
    new Set(["mine"]),
  );
  assert.equal(
    seen.json.items.find((/** @type {any} */ { name }) => name === "report").created_by,
    `key:${bound.id}`,
  );
  assert.equal((await as(bound.key, "GET", "/v1/keys?tenant=theirs")).status, 403);
  // by the gateway's key the provider's gateway asks: who is enforced must not end that
  const gateway = await make({ role: "gateway", tenant: "mine", name: "mx1" });
  assert.equal((await as(bound.key, "DELETE", `/v1/keys/${gateway.id}`)).status, 403);
  assert.equal((await as(unbound.key, "DELETE", `/v1/keys/${gateway.id}`)).status, 403);
  assert.notEqual((await as(gateway.key, "POST", "/v1/decide", {})).status, 401, "it works on");
  assert.equal((await as(bound.key, "DELETE", `/v1/keys/${theirs.id}`)).status, 404);
  assert.equal((await as(bound.key, "DELETE", `/v1/keys/${unbound.id}`)).status, 404);
  assert.equal((await as(unbound.key, "DELETE", `/v1/keys/${admin.id}`)).status, 403);
  assert.equal((await as(unbound.key, "DELETE", `/v1/keys/${theirs.id}`)).status, 204);
  assert.equal(
    (await as(admin.key, "GET", "/v1/audit")).status,
    200,
    "an admin's key does what the secret does",
  );
});

test("what a key says wrong is named", async () => {
  const good = { role: "viewer", tenant: "named", name: "x" };
  /** @type {[object, string][]} */
  const cases = [
    [{ ...good, role: "owner" }, "role"],
    [{ ...good, tenant: "No" }, "tenant"],
    [{ role: "viewer", name: "x" }, "tenant"],
    [{ ...good, name: "" }, "name"],
    [{ ...good, name: "x".repeat(101) }, "name"],
    [{ ...good, name: "a\nb" }, "name"],
    [{ ...good, gateway: { own_hops: 17 } }, "gateway.own_hops"],
    [{ ...good, gateway: { connector: "lan" } }, "gateway.connector"],
    [{ ...good, secret: "x" }, "secret"],
  ];
  for (const [body, field] of cases) {
    const answer = await client.ask("POST", "/v1/keys", { body });
    assert.deepEqual([answer.status, answer.json.field], [400, field], answer.text);
  }
});

test("who made and who revoked a key is in both trails, the operator's and the tenant's", async () => {
  // without a test's clock, as the alarm that delivers has none
  const { id } = await make({ role: "viewer", tenant: "trailed", name: "viewer" }, { now: undefined });
  assert.equal((await client.ask("DELETE", `/v1/keys/${id}`)).status, 204);
  const trail = (await client.ask("GET", "/v1/audit?limit=20")).json.items;
  const ours = trail.filter((/** @type {any} */ { subject }) => subject === id);
  assert.deepEqual(
    ours.map((/** @type {any} */ { action, subject }) => [action, subject]),
    [
      ["key.revoke", id],
      ["key.create", id],
    ],
  );
  const theirs = await until("the tenant's trail has both", async () => {
    const { json } = await client.ask("GET", "/v1/tenants/trailed/audit");
    return json.items.length === 2 && json.items;
  });
  assert.deepEqual(
    theirs.map((/** @type {any} */ { id: _, ...entry }) => entry),
    ours.map((/** @type {any} */ { id: _, ...entry }) => entry),
  );
  const [revoked, created] = theirs;
  assert.deepEqual(
    [created.before, created.after.name, revoked.before.name, revoked.after],
    [null, "viewer", "viewer", null],
  );
});
