/**
 * Keys, ceiling, catalog and admission while what they are stored in fails.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, published, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { operatorFile } from "../support/stored-state.mjs";

const CONTROL = "control/mode";

/** @type {string} */
let stateDir;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-operator-"));
  edge = await startEdge({ stateDir });
  await blockedServer(edge, "contoso");
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(async () => {
  await edge.kv.setMode("ok");
  await edge.worker.setOperatorMode("ok");
  await edge.worker.setLedgerMode("ok");
});

/** @param {string} method @param {string} path @param {Parameters<typeof edge.client.ask>[2]} [options] */
const ask = (method, path, options) =>
  edge.client.ask(method, path, { now: BLOCKED, fresh: true, ...options });

/** @param {object} key @param {Record<string, string>} [headers] */
async function makeKey(key, headers) {
  const answer = await ask("POST", "/v1/keys", { body: key, headers });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

/** All keys that KV has of a family. @param {string} prefix */
async function inKv(prefix) {
  return (await edge.kv.keys()).filter(({ name }) => name.startsWith(prefix));
}

test("a stored key has no secret in it", async () => {
  const { id, key } = await makeKey({ role: "gateway", tenant: "stored", name: "mx" });
  const records = await inKv("key/");
  const record = records.find(({ value }) => JSON.parse(value).id === id);
  assert.match(record?.name ?? "", /^key\/[0-9a-f]{64}$/);
  assert.deepEqual(JSON.parse(record?.value ?? ""), { id, role: "gateway", tenant: "stored", name: "mx" });
  assert.ok(!JSON.stringify(records).includes(key.split("_")[2]));
});

for (const mode of /** @type {const} */ (["hang", "500", "truncated"])) {
  test(`while no key can be verified, mail is accepted and all else is told so: KV ${mode}`, async () => {
    const { key } = await makeKey({ role: "admin", tenant: null, name: mode });
    const kvReads = { kinds: /** @type {("get" | "bulk")[]} */ (["get", "bulk"]) };
    await edge.kv.setMode(mode, kvReads);
    const body = blockedMessage("contoso");
    const decided = await ask("POST", "/v1/decide", { key, body });
    assert.deepEqual([decided.status, decided.json.action, decided.json.degraded], [200, "accept", true]);
    const batch = await ask("POST", "/v1/decide/batch", { key, body: [body, body] });
    assert.deepEqual(
      batch.json.map((/** @type {any} */ { action, degraded }) => [action, degraded]),
      [
        ["accept", true],
        ["accept", true],
      ],
    );
    for (const path of [
      "/v1/keys",
      "/v1/catalog",
      "/v1/control/mode",
      "/v1/tenants/contoso/policy",
      "/metrics",
    ]) {
      const answer = await ask("GET", path, { key });
      assert.equal(answer.status, 503, `${path}: ${answer.text}`);
    }
    await edge.kv.setMode("ok");
    const after = await ask("POST", "/v1/decide", { key, body });
    assert.deepEqual([after.json.action, after.json.degraded], ["reject", false]);
  });
}

test("a key that was used a moment ago still works while KV fails", async () => {
  const { key } = await makeKey({ role: "gateway", tenant: "contoso", name: "lately" });
  const body = blockedMessage("contoso");
  await edge.client.ask("POST", "/v1/decide", { key, body, now: BLOCKED });
  await edge.kv.setMode("hang");
  const answer = await edge.client.ask("POST", "/v1/decide", { key, body, now: BLOCKED });
  assert.deepEqual([answer.json.action, answer.json.degraded], ["reject", false]);
});

for (const mode of /** @type {const} */ (["throw", "error", "hang"])) {
  test(`decisions do not need the operator's object, and operators are told that it fails: ${mode}`, async () => {
    await edge.worker.setOperatorMode(mode);
    const decided = await ask("POST", "/v1/decide", { body: blockedMessage("contoso", { record: "sync" }) });
    assert.deepEqual([decided.json.action, decided.json.recorded], ["reject", true]);
    const body = { role: "viewer", tenant: null, name: "x" };
    const calls = [
      ask("GET", "/v1/keys"),
      ask("POST", "/v1/keys", { body }),
      ask("DELETE", "/v1/keys/none"),
      ask("GET", "/v1/catalog"),
      ask("PUT", "/v1/catalog?version=0"),
      ask("GET", "/v1/baselines"),
      ask("PUT", "/v1/control/mode", { body: { mode: "off" } }),
      ask("GET", "/v1/audit"),
      ask("GET", "/metrics"),
    ];
    for (const { status, text, headers } of await Promise.all(calls)) {
      assert.equal(status, 503, text);
      assert.equal(headers.get("content-type"), "application/problem+json");
    }
    await edge.client.putPolicy(`without-${mode}`, { mode: "enforce" }, { now: BLOCKED });
  });
}

test("half a change of keys, ceiling or baselines is none", async () => {
  const editions = [{ effective: "2026-01-01", products: {} }];
  /** @type {[string, string, object, number][]} with the number of their statements */
  const changes = [
    ["POST", "/v1/keys", { role: "viewer", tenant: "half", name: "half" }, 4],
    ["PUT", "/v1/control/mode", { mode: "off" }, 3],
    ["PUT", "/v1/baselines/half", { name: "half", editions }, 6],
  ];
  const control = (await ask("GET", "/v1/control/mode")).json;
  const audit = (await ask("GET", "/v1/audit?limit=1")).json.items[0]?.id;
  for (const [method, path, body, statements] of changes) {
    for (let statement = 1; statement <= statements; statement += 1) {
      const headers = { "x-tidegate-fails-at": String(statement) };
      const answer = await ask(method, path, { body, headers });
      assert.equal(answer.status, 503, `${path} at ${statement}: ${answer.text}`);
    }
  }
  assert.deepEqual((await ask("GET", "/v1/keys?tenant=half")).json.items, []);
  assert.deepEqual((await ask("GET", "/v1/control/mode")).json, control);
  assert.equal((await ask("GET", "/v1/baselines/half")).status, 404);
  assert.equal((await ask("GET", "/v1/audit?limit=1")).json.items[0]?.id, audit);
});

test("what KV did not take at first it is told later", async () => {
  await edge.kv.setMode("500", { kinds: ["put", "delete"] });
  const { id } = await makeKey({ role: "viewer", tenant: "later", name: "later" });
  const has = async () => (await inKv("key/")).some(({ value }) => JSON.parse(value).id === id);
  assert.equal(await has(), false);
  await edge.kv.setMode("ok");
  await until("KV has the key", has, { ms: 10_000 });
  await edge.kv.setMode("500", { kinds: ["put", "delete"] });
  const revoked = await ask("DELETE", `/v1/keys/${id}`);
  assert.deepEqual([revoked.status, revoked.json], [202, { confirmed: false }]);
  assert.equal(await has(), true);
  await edge.kv.setMode("ok");
  await until("KV has lost the key", async () => !(await has()), { ms: 10_000 });
});

test("what becomes of a tenant's keys while the operator's object fails is in its list and trail later, once", async () => {
  const entriesOf = async (/** @type {string} */ id) => {
    const { json } = await ask("GET", "/v1/audit?limit=50");
    const entries = json.items.filter((/** @type {any} */ { subject }) => subject === id);
    return entries.map((/** @type {any} */ { action, actor }) => `${action} by ${actor}`);
  };
  const listed = async (/** @type {string} */ id) => {
    const { json } = await ask("GET", "/v1/keys?limit=1000");
    return json.items.some((/** @type {any} */ key) => key.id === id);
  };
  await makeKey({ role: "viewer", tenant: "told", name: "first" });
  for (const mode of /** @type {const} */ (["error", "truncated"])) {
    await edge.worker.setOperatorMode(mode);
    const { id, key } = await makeKey({ role: "viewer", tenant: "told", name: mode });
    assert.equal((await ask("GET", "/v1/me", { key })).status, 200);
    const { json } = await ask("GET", "/v1/keys?tenant=told");
    assert.ok(
      json.items.some((/** @type {any} */ shown) => shown.id === id),
      "its ledger lists it",
    );
    await until("it was tried twice", async () => (await edge.worker.operatorAsked()) >= 2, { ms: 10_000 });
    await edge.worker.setOperatorMode("ok");
    await until(`it is told: ${mode}`, () => listed(id), { ms: 15_000 });
    assert.deepEqual(await entriesOf(id), ["key.create by admin"]);
    await edge.worker.setOperatorMode(mode);
    // the release before finds it there still: it is not over yet
    assert.equal((await ask("DELETE", `/v1/keys/${id}`)).status, 202);
    assert.equal((await ask("GET", "/v1/me", { key })).status, 401);
    await edge.worker.setOperatorMode("ok");
    await until(`its end is told: ${mode}`, async () => !(await listed(id)), { ms: 15_000 });
    assert.deepEqual(await entriesOf(id), ["key.revoke by admin", "key.create by admin"]);
  }
});

test("a key that leaked is revoked though its tenant's ledger fails, and the ledger hears of it", async () => {
  const { id, key } = await makeKey({ role: "operator", tenant: "leaking", name: "leaked" });
  const { id: other } = await makeKey({ role: "gateway", tenant: "leaking", name: "other" });
  await edge.worker.setLedgerMode("throw");
  const revoked = await ask("DELETE", `/v1/keys/${id}`);
  assert.equal(revoked.status, 204, revoked.text);
  assert.equal((await ask("GET", "/v1/me", { key })).status, 401);
  const ids = async () => {
    const { json } = await ask("GET", "/v1/keys?tenant=leaking");
    return json.items.map((/** @type {any} */ shown) => shown.id);
  };
  assert.deepEqual(await ids(), [other], "as the operator's object has them");
  await edge.worker.setLedgerMode("ok");
  await until("the ledger knows", async () => (await ids()).length === 1, { ms: 15_000 });
  const trail = await until("the tenant's trail has it", async () => {
    const { json } = await ask("GET", "/v1/tenants/leaking/audit");
    return json.items.length === 3 && json.items;
  });
  assert.deepEqual([trail[0].action, trail[0].subject], ["key.revoke", id]);
});

test("a revocation whose answer was lost is told as our fault, and not as if there were no such key", async () => {
  const { id, key } = await makeKey({ role: "operator", tenant: "unanswered", name: "leaked" });
  await edge.worker.setLedgerMode("unanswered", { calls: 1 });
  assert.equal((await ask("DELETE", `/v1/keys/${id}`)).status, 503);
  assert.equal((await ask("DELETE", `/v1/keys/${id}`)).status, 404, "it was revoked");
  // the edge was told nothing: that KV lost the key might be KV's fault, too
  await until("it works no more", async () =>
    [401, 503].includes((await ask("GET", "/v1/me", { key })).status),
  );
});

test("a catalog in KV that is malformed or missing never decides against mail", async () => {
  const malformed = [
    "{",
    "[]",
    '{"version":1}',
    '{"version":1,"json":5}',
    '{"version":1,"json":{"products":[]}}',
  ];
  let rev = 1_000;
  for (const value of malformed) {
    // past the isolate's earlier facts: each version is another one
    rev += 1;
    await edge.kv.put(CONTROL, JSON.stringify({ rev, versions: { catalog: rev } }));
    await edge.kv.put("catalog", value);
    const { status, json, text } = await ask("POST", "/v1/decide", { body: blockedMessage("contoso") });
    assert.equal(status, 200, text);
    assert.equal(json.action, "accept", `${value}: ${text}`);
    assert.ok(json.degraded || json.mode === "report", text);
  }
  rev += 1;
  await edge.kv.put(CONTROL, JSON.stringify({ rev, versions: {} }));
  await edge.kv.put("catalog", null);
  const { json } = await ask("POST", "/v1/decide", { body: blockedMessage("contoso") });
  assert.deepEqual([json.action, json.degraded], ["reject", false], "the built-in one serves again");
  await edge.kv.put(CONTROL, null);
});

test("where the catalog in force cannot be read, one call puts the built-in one or an earlier one in its place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-catalog-"));
  const kv = await startKv();
  let own = await startEdge({ kv, stateDir: folder });
  const call = (/** @type {string} */ method, /** @type {string} */ path, /** @type {object} */ body) =>
    own.client.ask(method, path, { now: BLOCKED, fresh: true, body });
  const decided = async () => {
    const { json } = await call("POST", "/v1/decide", blockedMessage("contoso"));
    return [json.action, json.mode];
  };
  try {
    await blockedServer(own, "contoso");
    const { catalog } = (await call("GET", "/v1/catalog")).json;
    for (const way of ["?version=0", "?version=1"]) {
      const put = await call("PUT", "/v1/catalog", catalog);
      assert.equal(put.status, 200, put.text);
      await published(kv, CONTROL, ({ versions }) => versions.catalog === put.json.version);
      // an isolate that has read it goes on with what it read
      await own.stop();
      await kv.put("catalog", JSON.stringify({ version: put.json.version, json: { products: "none" } }));
      own = await startEdge({ kv, stateDir: folder });
      assert.deepEqual(await decided(), ["accept", "report"], way);
      assert.equal((await call("GET", "/v1/tenants/contoso/servers")).status, 200);
      const back = await call("PUT", `/v1/catalog${way}`);
      assert.equal(back.status, 200, back.text);
      await until("decisions go by it", async () => (await decided())[1] === "enforce", { ms: 10_000 });
      assert.deepEqual(await decided(), ["reject", "enforce"], way);
      assert.equal((await call("GET", "/v1/tenants/contoso/servers")).status, 200);
    }
  } finally {
    await own.stop();
    await kv.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a ceiling in KV that is malformed never decides against mail", async () => {
  for (const value of ["{", '"report"', '{"rev":1,"mode":"sometimes"}']) {
    await edge.kv.put(CONTROL, value);
    const { json } = await ask("POST", "/v1/decide", { body: blockedMessage("contoso") });
    assert.deepEqual([json.action, json.mode], ["accept", "report"], value);
  }
  await edge.kv.put(CONTROL, null);
});

test("a batch of many servers asks KV a few times and not for each", async () => {
  const body = Array.from({ length: 256 }, (_, index) =>
    event({
      tenant: `bulk-${index % 3}`,
      header: received({ host: `EX${index}.contoso.com`, now: BLOCKED }),
    }),
  );
  await edge.kv.reset();
  const { json } = await edge.client.ask("POST", "/v1/decide/batch", { body, now: BLOCKED });
  assert.deepEqual(new Set(json.map((/** @type {any} */ { degraded }) => degraded)), new Set([false]));
  const { requests } = await edge.kv.stats();
  assert.ok(requests.get + requests.bulk <= 4, JSON.stringify(requests));
  await edge.kv.setMode("hang");
  const again = await edge.client.ask("POST", "/v1/decide/batch", { body, now: BLOCKED });
  assert.deepEqual(new Set(again.json.map((/** @type {any} */ { degraded }) => degraded)), new Set([false]));
});

test("a tenant without a policy is recorded only once the operator's object has admitted it", async () => {
  const first = (/** @type {string} */ tenant) => {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED });
    return ask("POST", "/v1/decide", { body: event({ tenant, record: "sync", header }) });
  };
  await edge.worker.setOperatorMode("error");
  const failed = await first("unadmitted");
  assert.deepEqual([failed.json.action, failed.json.recorded, failed.json.degraded], ["accept", false, true]);
  assert.deepEqual((await ask("GET", "/v1/tenants/unadmitted/servers")).json.items, []);
  await edge.worker.setOperatorMode("ok");
  assert.equal((await first("unadmitted")).json.recorded, true);
  const asked = await edge.worker.operatorAsked();
  assert.equal((await first("unadmitted")).json.recorded, true);
  assert.equal(await edge.worker.operatorAsked(), asked, "and is not asked about again");
  assert.equal((await ask("DELETE", "/v1/tenants/unadmitted")).status, 204);
  await edge.worker.setOperatorMode("error");
  assert.equal((await first("unadmitted")).json.recorded, false, "once it is deleted it is a stranger again");
  await edge.worker.setOperatorMode("ok");
  assert.equal((await first("unadmitted")).json.recorded, true);
});

test("beyond 10,000 tenants without a policy, others are answered and not recorded", async () => {
  await edge.worker.stop();
  const database = new DatabaseSync(operatorFile(stateDir));
  const { count } = /** @type {any} */ (
    database.prepare("SELECT COUNT(*) AS count FROM tenant WHERE admitted = 1").get()
  );
  const insert = database.prepare("INSERT INTO tenant (id, admitted) VALUES (?, 1)");
  database.exec("BEGIN");
  for (let number = count; number < 10_000; number += 1) insert.run(`filled-${number}`);
  database.exec("COMMIT");
  database.close();
  const { kv } = edge;
  edge = await startEdge({ stateDir, kv });
  const mail = (/** @type {string} */ tenant) => {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED });
    return ask("POST", "/v1/decide", { body: event({ tenant, record: "sync", header }) });
  };
  const refused = await mail("one-more");
  assert.deepEqual(
    [refused.json.action, refused.json.recorded, refused.json.degraded],
    ["accept", false, false],
  );
  assert.deepEqual((await ask("GET", "/v1/tenants/one-more/servers")).json.items, []);
  assert.equal((await mail("unadmitted")).json.recorded, true, "who was admitted goes on");
  await edge.client.putPolicy("one-more", { mode: "report" }, { now: BLOCKED });
  assert.equal((await mail("one-more")).json.recorded, true, "a policy needs no room");
  await edge.worker.stop();
  edge = await startEdge({ stateDir });
  await kv.stop();
});
