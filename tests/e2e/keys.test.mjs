/**
 * API keys from their making to their end, on workerd.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, received, until } from "../support/client.mjs";
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
    expires_at: null,
    networks: null,
    created_at: "2026-10-01T12:00:00Z",
    created_by: "admin",
    last_used_on: null,
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

test("a tenant's key leads to its tenant by its id, and nobody bound to another one finds it by that", async () => {
  const made = await make({ role: "viewer", tenant: "named_by.it", name: "viewer" });
  assert.match(made.id, /^named_by\.it\.[0-9a-f]{12}$/);
  assert.match((await make({ role: "viewer", tenant: null, name: "by none" })).id, /^[0-9a-f]{12}$/);
  const other = await make({ role: "operator", tenant: "other", name: "operator" });
  const digits = made.id.split(".").at(-1);
  for (const id of [made.id, `other.${digits}`, digits, `nobody.${digits}`]) {
    const answer = await as(other.key, "DELETE", `/v1/keys/${id}`);
    assert.deepEqual([answer.status, answer.json.detail], [404, "there is no such key"], id);
  }
  for (const id of [`other.${digits}`, digits, `nobody.${digits}`]) {
    assert.equal((await client.ask("DELETE", `/v1/keys/${id}`)).status, 404, id);
  }
  assert.equal((await as(made.key, "GET", "/v1/me")).json.id, made.id, "it works on");
  assert.equal((await client.ask("DELETE", `/v1/keys/${made.id}`)).status, 204);
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

test("a tenant has at most 100 keys of its people, and the others have theirs", async () => {
  for (let number = 0; number < 100; number += 1) {
    await make({ role: "viewer", tenant: "crowded", name: `viewer ${number}` });
  }
  const one = { role: "viewer", tenant: "crowded", name: "one more" };
  for (const role of ["viewer", "operator"]) {
    const { status, json } = await client.ask("POST", "/v1/keys", { body: { ...one, role } });
    assert.deepEqual([status, json.field], [409, "role"]);
  }
  await make({ ...one, tenant: "roomy" });
  // what its operators make leaves room for what is an admin's
  const { id, key } = await make({ ...one, role: "gateway" });
  const message = event({ tenant: "crowded", header: "" });
  assert.equal((await as(key, "POST", "/v1/decide", message)).status, 200);
  assert.equal((await client.ask("DELETE", `/v1/keys/${id}`)).status, 204);
  const first = await client.ask("GET", "/v1/keys?tenant=crowded&limit=60");
  assert.equal(first.json.items.length, 60);
  const second = await client.ask("GET", `/v1/keys?tenant=crowded&limit=60&cursor=${first.json.next}`);
  assert.deepEqual([second.json.items.length, second.json.next], [40, null]);
  const names = [...first.json.items, ...second.json.items].map(({ name }) => name);
  assert.equal(new Set(names).size, 100);
  assert.equal(names[0], "viewer 99", "newest first");
});

test("keys that have expired take no room, neither of those of one name nor of all, and go when there are many", async () => {
  const tenant = "expiring";
  const bounded = { role: "viewer", tenant, name: "report", expires_at: "2026-10-01T13:00:00Z" };
  for (let number = 0; number < 2; number += 1) await make(bounded);
  assert.equal((await client.ask("POST", "/v1/keys", { now: NOW, body: bounded })).status, 409);
  const later = NOW + 3600;
  const next = { ...bounded, expires_at: "2026-10-01T14:00:00Z" };
  for (let number = 0; number < 2; number += 1) await make(next, { now: later });
  for (let number = 0; number < 48; number += 1) await make({ ...next, name: `${number}` }, { now: later });
  const last = { role: "viewer", tenant, name: "lasting" };
  for (let number = 0; number < 100; number += 1) {
    await make({ ...last, name: `lasting ${number}` }, { now: later + 3600 });
  }
  const { json } = await client.ask("GET", `/v1/keys?tenant=${tenant}&limit=1000`);
  assert.equal(json.items.length, 150);
  const expired = json.items.filter((/** @type {any} */ { expires_at }) => expires_at === bounded.expires_at);
  assert.deepEqual(expired, [], "those that expired first are gone");
  const trail = await client.ask("GET", `/v1/tenants/${tenant}/audit?limit=1000`);
  const revoked = trail.json.items.filter((/** @type {any} */ { action }) => action === "key.revoke");
  assert.deepEqual([revoked.length, revoked[0].actor], [2, "system"]);
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
    [{ ...good, role: "admin", tenant: null, gateway: { own_hops: 17 } }, "gateway.own_hops"],
    [{ ...good, role: "gateway", gateway: { connector: "lan" } }, "gateway.connector"],
    [{ ...good, secret: "x" }, "secret"],
    [{ ...good, expires_at: "tomorrow" }, "expires_at"],
    [{ ...good, networks: ["ten"] }, "networks"],
    [{ ...good, networks: [] }, "networks"],
    [{ ...good, networks: Array(33).fill("192.0.2.7") }, "networks"],
  ];
  for (const [body, field] of cases) {
    const answer = await client.ask("POST", "/v1/keys", { body });
    assert.deepEqual([answer.status, answer.json.field], [400, field], answer.text);
  }
});

test("a key that expires is as a revoked one from then on, and not a second earlier", async () => {
  const expires_at = "2026-11-01T00:00:00Z";
  const key = { role: "gateway", tenant: "expiring", name: "mx1", expires_at };
  const made = await make(key);
  assert.equal(made.expires_at, expires_at);
  const message = event({ tenant: "expiring", header: "" });
  const ask = (/** @type {string} */ now, fresh = false) =>
    client.ask("POST", "/v1/decide", { key: made.key, now, fresh, body: message });
  for (const fresh of [false, true]) {
    assert.equal((await ask("2026-10-31T23:59:59Z", fresh)).status, 200);
    const expired = await ask(expires_at, fresh);
    assert.equal(expired.status, 401);
    assert.match(expired.headers.get("www-authenticate") ?? "", /^Bearer/);
  }
  const list = await client.ask("GET", "/v1/keys?tenant=expiring", { now: "2027-01-01T00:00:00Z" });
  assert.deepEqual(list.json.items[0].expires_at, expires_at, "it can be seen and revoked still");
  for (const wrong of ["2026-10-01T12:00:00Z", "2026-09-30T00:00:00Z", "2031-10-03T12:00:01Z"]) {
    const answer = await client.ask("POST", "/v1/keys", { now: NOW, body: { ...key, expires_at: wrong } });
    assert.deepEqual([answer.status, answer.json.field], [422, "expires_at"], wrong);
  }
  await make({ ...key, expires_at: "2031-10-01T12:00:00Z" });
});

test("a key that is bound to networks is refused from elsewhere, and where that cannot be told", async () => {
  const networks = ["192.0.2.0/24", "2001:db8::/32"];
  const viewer = await make({ role: "viewer", tenant: "placed", name: "report", networks });
  const gateway = await make({ role: "gateway", tenant: "placed", name: "mx1", networks });
  assert.deepEqual(viewer.networks, networks);
  const message = event({ tenant: "placed", header: "" });
  /** @type {[Record<string, string>, boolean][]} */
  const cases = [
    [{ "cf-connecting-ip": "192.0.2.7" }, true],
    [{ "cf-connecting-ip": "2001:db8::7" }, true],
    [{ "cf-connecting-ip": "::ffff:192.0.2.7" }, true],
    [{ "cf-connecting-ip": "198.51.100.7" }, false],
    [{ "cf-connecting-ip": "" }, false],
    [{ "x-forwarded-for": "192.0.2.7", "x-real-ip": "192.0.2.7", forwarded: "for=192.0.2.7" }, false],
    [{}, false],
  ];
  for (const [headers, may] of cases) {
    const what = JSON.stringify(headers);
    for (const [key, method, path, body] of /** @type {[string, string, string, object?][]} */ ([
      [viewer.key, "GET", "/v1/tenants/placed/servers"],
      [gateway.key, "POST", "/v1/decide", message],
      [gateway.key, "POST", "/v1/decide/batch", [message]],
    ])) {
      const answer = await client.ask(method, path, { key, now: NOW, fresh: true, headers, body });
      assert.equal(answer.status, may ? 200 : 403, `${what}: ${answer.text}`);
      if (!may) {
        assert.match(
          answer.json.detail,
          /^this key may not be used from (198\.51\.100\.7|an address that cannot be told)$/,
        );
      }
    }
    // what gateways ask in words of their own: as a key of another role is refused
    for (const path of ["/checkv2", "/gateways/exim", "/gateways/stalwart", "/gateways/postfix"]) {
      const answer = await client.ask("POST", path, {
        key: gateway.key,
        now: NOW,
        fresh: true,
        headers,
        body: "",
      });
      assert.equal(answer.status === 403, !may, `${path} ${what}: ${answer.status} ${answer.text}`);
      assert.ok(answer.status < 500, answer.text);
    }
  }
});

test("KV that is laid anew has a key with its bounds, and by one that needs a later reader nobody is let in", async () => {
  const bounds = { expires_at: "2027-10-01T00:00:00Z", networks: ["192.0.2.0/24"] };
  const { id, key } = await make({ role: "admin", tenant: null, name: "bounded", ...bounds });
  const stored = async () =>
    (await edge.kv.keys()).find(({ name, value }) => name.startsWith("key/") && JSON.parse(value).id === id);
  const laid = await until("KV has the key", stored);
  const record = JSON.parse(laid.value);
  assert.deepEqual([record.needs, record.networks], [3, bounds.networks]);
  const from = { "cf-connecting-ip": "192.0.2.7" };
  const ask = (/** @type {string} */ method, /** @type {string} */ path, /** @type {object} */ body) =>
    client.ask(method, path, { key, now: NOW, fresh: true, headers: from, body });
  assert.equal((await ask("GET", "/v1/me")).status, 200);
  await edge.kv.put(laid.name, JSON.stringify({ ...record, needs: 4 }));
  assert.equal((await ask("GET", "/v1/me")).status, 503);
  const decided = await ask("POST", "/v1/decide", event({ tenant: "bounded", header: "" }));
  assert.deepEqual([decided.status, decided.json.action, decided.json.degraded], [200, "accept", true]);
  const { networks: _, expires_at: __, needs: ___, ...unbounded } = record;
  await edge.kv.put(laid.name, JSON.stringify(unbounded));
  assert.equal((await client.ask("POST", "/v1/republish")).status, 202);
  await until("it is laid anew", async () => (await stored())?.value === laid.value, { ms: 20_000 });
});

test("from where a call comes is told by the header field that the deployment names, and by no other", async () => {
  for (const [variable, headers, status] of /** @type {[string, Record<string, string>, number][]} */ ([
    ["header:X-Real-IP", { "x-real-ip": "192.0.2.7" }, 200],
    // what a proxy added stands last: before it stands what was sent to it
    ["header:X-Real-IP", { "x-real-ip": "198.51.100.1, 192.0.2.7" }, 200],
    ["header:X-Real-IP", { "x-real-ip": "192.0.2.7, 198.51.100.1" }, 403],
    ["header:X-Real-IP", { "cf-connecting-ip": "192.0.2.7" }, 403],
    ["socket", { "cf-connecting-ip": "192.0.2.7" }, 403],
  ])) {
    const other = await startEdge({ ledger: true, vars: { CLIENT_ADDRESS: variable } });
    try {
      const body = { role: "viewer", tenant: "placed", name: "x", networks: ["192.0.2.7"] };
      const { json } = await other.client.ask("POST", "/v1/keys", { body });
      const answer = await other.client.ask("GET", "/v1/me", { key: json.key, headers });
      assert.equal(answer.status, status, `${variable} ${JSON.stringify(headers)}: ${answer.text}`);
      const { warnings } = (await other.client.ask("GET", "/v1/health")).json;
      const isNamed = warnings.some((/** @type {string} */ text) => text.startsWith("CLIENT_ADDRESS"));
      assert.equal(isNamed, variable === "socket");
    } finally {
      await other.stop();
    }
  }
});

test("a list of keys shows on which day each was last used", async () => {
  const used = await make({ role: "viewer", tenant: "used", name: "used" });
  await make({ role: "viewer", tenant: "used", name: "unused" });
  const usedOn = async () => {
    const { json } = await client.ask("GET", "/v1/keys?tenant=used");
    return json.items.map((/** @type {any} */ { name, last_used_on }) => [name, last_used_on]);
  };
  const use = (/** @type {string} */ now) => client.ask("GET", "/v1/me", { key: used.key, now });
  await use("2026-10-01T23:59:59Z");
  assert.deepEqual(await usedOn(), [
    ["unused", null],
    ["used", "2026-10-01"],
  ]);
  await use("2026-10-03T00:00:00Z");
  await use("2026-10-02T00:00:00Z");
  assert.deepEqual(await usedOn(), [
    ["unused", null],
    ["used", "2026-10-03"],
  ]);
});

test("the day of a decision is told after the answer, within ten seconds or so", async () => {
  const pair = await startEdge({ ledger: true, secondEdge: true });
  try {
    const body = { role: "gateway", tenant: "told", name: "mx1" };
    const { json } = await pair.client.ask("POST", "/v1/keys", { now: NOW, body });
    const message = event({ tenant: "told", header: "" });
    const answer = await pair.client.ask("POST", "/v1/decide", { key: json.key, now: NOW, body: message });
    assert.equal(answer.status, 200);
    // a list tells what its own isolate saw: the other edge's saw nothing
    const shown = await until(
      "the day is written",
      async () => (await pair.second.ask("GET", "/v1/keys?tenant=told")).json.items[0].last_used_on ?? false,
      { ms: 20_000, every: 250 },
    );
    assert.equal(shown, "2026-10-01");
  } finally {
    await pair.stop();
  }
});

test("a key makes 120 changes a minute, and neither mail nor what stops harm is counted", async () => {
  const { key, id } = await make({ role: "admin", tenant: null, name: "busy" });
  const other = await make({ role: "admin", tenant: null, name: "calm" });
  const ask = (
    /** @type {string} */ method,
    /** @type {string} */ path,
    /** @type {object | undefined} */ body = undefined,
    who = key,
  ) => client.ask(method, path, { key: who, now: NOW, body });
  // each object counts for itself: that of the brake, that of what belongs to no tenant, each tenant's
  const release = () => ask("PUT", "/v1/control/mode", { mode: "enforce" });
  for (let number = 0; number < 120; number += 1) assert.equal((await release()).status, 200);
  assert.equal((await release()).status, 429);
  const restore = () => ask("PUT", "/v1/catalog?version=999999");
  for (let number = 0; number < 120; number += 1) assert.equal((await restore()).status, 404);
  const refused = await restore();
  assert.equal(refused.status, 429, refused.text);
  const after = Number(refused.headers.get("retry-after"));
  assert.ok(after >= 1 && after <= 60, `${after}`);
  const one = { role: "viewer", tenant: "busied", name: "x" };
  const unbound = { ...one, tenant: null };
  assert.equal((await ask("POST", "/v1/keys", unbound)).status, 429, "all that belongs to no tenant");
  assert.equal((await ask("GET", "/v1/keys")).status, 200, "reading is no change");
  assert.equal((await ask("PUT", "/v1/control/mode", { mode: "enforce" }, other.key)).status, 200);
  // a tenant's ledger counts for itself
  const { json: made } = await ask("POST", "/v1/keys", one);
  const policy = (/** @type {string} */ mode) => ask("PUT", "/v1/tenants/busied/policy", { mode });
  for (let number = 1; number < 120; number += 1) assert.equal((await policy("report")).status, 200);
  assert.equal((await policy("report")).status, 429);
  assert.equal((await ask("POST", "/v1/keys", one)).status, 429, "all that is the tenant's");
  assert.equal((await ask("PUT", "/v1/tenants/calm/policy", { mode: "report" })).status, 200);
  const header = received({ host: "EX01.contoso.com", now: NOW });
  await until("mail is recorded", async () => {
    const answer = await ask("POST", "/v1/decide", event({ tenant: "busied", record: "sync", header }));
    assert.equal(answer.status, 200, answer.text);
    // a busy machine may be late with one answer
    return answer.json.recorded;
  });
  for (const mode of ["report", "off"]) {
    assert.equal((await ask("PUT", "/v1/control/mode", { mode })).status, 200, "the brake");
  }
  assert.ok([202, 204].includes((await ask("DELETE", `/v1/keys/${made.id}`)).status), "a key that leaked");
  await client.ask("PUT", "/v1/control/mode", { now: NOW, body: { mode: "enforce" } });
  assert.ok([202, 204].includes((await client.ask("DELETE", `/v1/keys/${id}`)).status));
});

test("who made and who revoked a key is in both trails, the tenant's and the operator's", async () => {
  const { id } = await make({ role: "viewer", tenant: "trailed", name: "viewer" });
  assert.equal((await client.ask("DELETE", `/v1/keys/${id}`, { now: NOW })).status, 204);
  const trail = (await client.ask("GET", "/v1/audit?limit=20")).json.items;
  const ours = trail.filter((/** @type {any} */ { subject }) => subject === id);
  assert.deepEqual(
    ours.map((/** @type {any} */ { action, subject }) => [action, subject]),
    [
      ["key.revoke", id],
      ["key.create", id],
    ],
  );
  const theirs = (await client.ask("GET", "/v1/tenants/trailed/audit")).json.items;
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

test("a tenant that has nothing but keys is there", async () => {
  const tenant = "keys-alone";
  assert.equal((await client.ask("GET", `/v1/tenants/${tenant}`)).status, 404);
  await make({ role: "viewer", tenant, name: "viewer" });
  const { status, json } = await client.ask("GET", `/v1/tenants/${tenant}`);
  assert.deepEqual(
    [status, json.tenant, json.servers],
    [200, tenant, { current: 0, out_of_date: 0, unknown: 0 }],
  );
});
