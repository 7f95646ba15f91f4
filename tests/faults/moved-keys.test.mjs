/**
 * Tenants' API keys move to their ledgers, once, from what the release before left: no key stops working meanwhile, and
 * none that was revoked, here or there, before, during or after, works again. What the release before would do between
 * two runs of this one is done to the operator's table by hand.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { event, until } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { objectsIn } from "../support/ledger-file.mjs";
import { alterOne, BEGUN, restore, withoutAlarms } from "../support/stored-state.mjs";

const DAY = 24 * 3600;
const NOW = BEGUN + 3600;
/** The end of a day, when each object has had its time for its daily look. @param {number} days after the first */
const endOf = (days) => NOW - (NOW % DAY) + (days + 1) * DAY - 1;
const BEFORE = fileURLToPath(new URL("../stored/ee04dc0", import.meta.url));
/** @type {Record<"mx" | "helpdesk" | "report" | "leaked" | "alone" | "shared" | "deputy", { id: string, key: string }>} */
const KEYS = JSON.parse(readFileSync(join(BEFORE, "keys.json"), "utf8"));
const OF_CONTOSO = ["helpdesk", "mx", "report"];
const FROM = { "cf-connecting-ip": "192.0.2.7" };

/** @typedef {import("../support/edge.mjs").Edge} Edge */
/** @typedef {{ edge: Edge, kv: import("../support/kv-service.mjs").KvService, stateDir: string }} Opened */

/** @type {(() => Promise<void> | void)[]} */
const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A worker on what the release before left. @returns {Promise<Opened>} */
async function opened() {
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-moved-keys-"));
  ends.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const kv = await startKv();
  ends.push(() => kv.stop());
  await restore(join(BEFORE, "state"), stateDir, kv);
  withoutAlarms(stateDir);
  return { stateDir, kv, edge: await started(stateDir, kv) };
}

/** @param {string} stateDir @param {Opened["kv"]} kv */
async function started(stateDir, kv) {
  const edge = await startEdge({ kv, stateDir, patient: true });
  ends.push(() => edge.stop());
  return edge;
}

/** @param {Edge} edge @param {string} method @param {string} path @param {Parameters<Edge["client"]["ask"]>[2]} [options] */
const ask = ({ client }, method, path, options) =>
  client.ask(method, path, { now: NOW, fresh: true, ...options });

/** Whether a key lets its holder in. @param {Edge} edge @param {string} key */
const works = async (edge, key) => (await ask(edge, "GET", "/v1/me", { key, headers: FROM })).status === 200;

/** @param {Edge} edge @param {string} [tenant] */
async function listed(edge, tenant) {
  const { json, status, text } = await ask(
    edge,
    "GET",
    `/v1/keys?limit=100${tenant ? `&tenant=${tenant}` : ""}`,
  );
  assert.equal(status, 200, text);
  return json.items;
}

/**
 * KV may yet have to confirm it (202): where the key is being laid, the put of its removal waits for that.
 * @param {Edge} edge
 * @param {{ id: string }} key
 */
async function revoke(edge, { id }) {
  const { status, text } = await ask(edge, "DELETE", `/v1/keys/${id}`);
  assert.ok([202, 204].includes(status), `${status} ${text}`);
}

/** @param {any[]} keys */
const names = (keys) => keys.map(({ name }) => name).sort();

/** What lies in the objects; in the operator's first, so that what is gone from there is seen with the ledgers. @param {string} stateDir */
function stored(stateDir) {
  const [operator] = objectsIn(stateDir, "operator", ({ key, key_handover }) => ({
    key,
    key_handover,
  })).filter(({ key }) => key?.length);
  const ledgers = objectsIn(stateDir, "ledger", ({ key, tombstone, key_event }) => ({
    key,
    tombstone,
    key_event,
  }));
  const keys = ledgers.flatMap(({ key = [] }) => key);
  return { ledgers, keys, operator };
}

/** Waits until all that was to be handed over or told has been. @param {string} stateDir */
async function settled(stateDir) {
  return until(
    "all is handed over",
    () => {
      const { ledgers, operator, keys } = stored(stateDir);
      const isTold = ledgers.every(({ key_event = [] }) => key_event.length === 0);
      return operator?.key_handover?.length === 0 && isTold && { ledgers, operator, keys };
    },
    { ms: 30_000, every: 100 },
  );
}

/** @param {string} key */
const hashOf = (key) => createHash("sha256").update(key).digest("hex");

test("an upgrade moves each tenant's keys to its ledger, and they work, are listed and are refused as before", async () => {
  const { edge, stateDir } = await opened();
  for (const [name, { key }] of Object.entries(KEYS))
    assert.equal(await works(edge, key), name !== "leaked", name);
  const message = event({ tenant: "contoso", header: "" });
  const decided = await ask(edge, "POST", "/v1/decide", { key: KEYS.mx.key, body: message });
  assert.deepEqual([decided.status, decided.json.degraded], [200, false]);
  // nobody waits for the move: whoever asks first sees them
  const own = await listed(edge, "contoso");
  assert.deepEqual(names(own), OF_CONTOSO);
  assert.deepEqual(
    own,
    (await listed(edge)).filter((/** @type {any} */ { tenant }) => tenant === "contoso"),
  );
  const report = own.find((/** @type {any} */ { name }) => name === "report");
  assert.deepEqual(
    [report.id, report.expires_at, report.networks],
    [KEYS.report.id, "2030-01-01T00:00:00Z", ["192.0.2.0/24"]],
  );
  const { gateway } = own.find((/** @type {any} */ { name }) => name === "mx");
  assert.deepEqual(gateway, { connector: "on_premises", postfix_refusals: true });
  const elsewhere = await ask(edge, "GET", "/v1/me", { key: KEYS.report.key });
  assert.equal(elsewhere.status, 403, "bound to networks");
  assert.deepEqual(names(await listed(edge)), ["alone", "deputy", "helpdesk", "mx", "report", "shared"]);
  const { keys, operator } = await settled(stateDir);
  assert.deepEqual(names(keys), ["alone", ...OF_CONTOSO]);
  assert.equal(operator.key.length, 6, "the release before finds what it left");
  const unbound = await ask(edge, "GET", "/v1/keys", { key: KEYS.helpdesk.key });
  assert.deepEqual(names(unbound.json.items), OF_CONTOSO);
  const { items } = (await ask(edge, "GET", "/v1/tenants")).json;
  assert.deepEqual(
    items.map((/** @type {any} */ { tenant }) => tenant),
    ["contoso"],
    "by keys alone no tenant is recorded",
  );
});

test("who is told that keys moved is told again after a crash, and no key is there twice", async () => {
  const { edge, stateDir, kv } = await opened();
  await edge.worker.setLedgerMode("error");
  assert.equal(names(await listed(edge)).length, 6);
  await until("it was tried", async () => (await edge.worker.ledgerAsked()) >= 2, { ms: 15_000 });
  assert.deepEqual(stored(stateDir).keys, []);
  const decided = await ask(edge, "POST", "/v1/decide", {
    key: KEYS.alone.key,
    body: event({ tenant: "fabrikam", header: "" }),
  });
  assert.equal(decided.status, 200, "mail does not wait for it");
  await edge.worker.stop();
  const again = await started(stateDir, kv);
  // the answer of the first that is told is lost: it is told twice
  await again.worker.setLedgerMode("unanswered", { calls: 1 });
  await listed(again);
  const { keys } = await settled(stateDir);
  assert.deepEqual(names(keys), ["alone", ...OF_CONTOSO]);
});

test("a key that is revoked while keys move is dead in both, and stays so when KV is laid anew", async () => {
  const { edge, stateDir, kv } = await opened();
  await edge.worker.setLedgerMode("error");
  await revoke(edge, KEYS.mx);
  assert.equal(await works(edge, KEYS.mx.key), false);
  await edge.worker.setLedgerMode("ok");
  const { keys, operator, ledgers } = await settled(stateDir);
  assert.deepEqual(names(keys), ["alone", "helpdesk", "report"]);
  assert.equal(operator.key.length, 5);
  const isBuried = ledgers.some(({ tombstone }) =>
    tombstone.some(({ hash }) => hash === hashOf(KEYS.mx.key)),
  );
  assert.ok(isBuried, "its ledger would not take it in again");
  // one that moved already is revoked by its id of before, too
  await revoke(edge, KEYS.helpdesk);
  assert.deepEqual(names(await listed(edge, "contoso")), ["report"]);
  for (const { name } of await kv.keys()) if (name.startsWith("key/")) await kv.put(name, null);
  assert.equal((await ask(edge, "POST", "/v1/republish")).status, 202);
  await until(
    "KV is whole",
    async () => (await kv.keys()).filter(({ name }) => name.startsWith("key/")).length === 4,
    { ms: 30_000, every: 100 },
  );
  for (const name of /** @type {const} */ (["mx", "helpdesk", "leaked"])) {
    assert.equal(await works(edge, KEYS[name].key), false, name);
  }
  for (const name of /** @type {const} */ (["report", "alone", "shared", "deputy"])) {
    assert.equal(await works(edge, KEYS[name].key), true, name);
  }
});

test("what the release before makes and revokes in between, the ledgers hear of before they lay anything anew", async () => {
  const { edge, stateDir, kv } = await opened();
  const body = { role: "viewer", tenant: "contoso", name: "of this release" };
  const { json: made } = await ask(edge, "POST", "/v1/keys", { body });
  const { operator } = await settled(stateDir);
  const mirrored = operator.key.find(({ id }) => id === made.id);
  assert.equal(mirrored?.tenant, "contoso", "the release before lists it and can revoke it");
  await edge.worker.stop();
  const [secret, hash] = ["tg_0123456789ab_between", hashOf("tg_0123456789ab_between")];
  const record = { id: "0123456789ab", role: "gateway", tenant: "contoso", name: "between" };
  alterOne(
    stateDir,
    "operator",
    `INSERT INTO key (id, hash, role, tenant, name, gateway, created_at, created_by)
       VALUES ('0123456789ab', '${hash}', 'gateway', 'contoso', 'between', NULL, ${NOW}, 'admin');
     DELETE FROM key WHERE id IN ('${made.id}', '${KEYS.alone.id}')`,
  );
  await kv.put(`key/${hash}`, JSON.stringify(record));
  for (const key of [made.key, KEYS.alone.key]) await kv.put(`key/${hashOf(key)}`, null);
  const again = await started(stateDir, kv);
  // the ledgers' own daily look comes first, before anybody hands anything over
  for (const tenant of ["contoso", "fabrikam"]) {
    assert.equal((await ask(again, "POST", `/v1/test/tick?tenant=${tenant}`, { now: endOf(2) })).status, 204);
  }
  await listed(again);
  const { keys } = await settled(stateDir);
  assert.deepEqual(names(keys), ["between", ...OF_CONTOSO].sort());
  assert.deepEqual(names(await listed(again, "contoso")), ["between", ...OF_CONTOSO].sort());
  assert.deepEqual([await works(again, made.key), await works(again, KEYS.alone.key)], [false, false]);
  assert.equal(await works(again, secret), true);
});

test("a tenant that has keys alone is deleted with them, and another one's work on", async () => {
  const { edge, stateDir, kv } = await opened();
  const body = { role: "gateway", tenant: "keys-alone", name: "mx" };
  const { json: made } = await ask(edge, "POST", "/v1/keys", { body });
  assert.equal((await ask(edge, "GET", "/v1/tenants/keys-alone")).status, 200);
  assert.deepEqual(
    (await ask(edge, "GET", "/v1/tenants")).json.items.map((/** @type {any} */ { tenant }) => tenant),
    ["contoso"],
  );
  for (const [tenant, key] of [
    ["keys-alone", made.key],
    ["fabrikam", KEYS.alone.key],
  ]) {
    assert.equal(await works(edge, key), true);
    assert.equal((await ask(edge, "DELETE", `/v1/tenants/${tenant}`)).status, 204);
    assert.equal(await works(edge, key), false);
    assert.deepEqual(await listed(edge, tenant), []);
    await until(
      "KV has lost it",
      async () => !(await kv.keys()).some(({ name }) => name === `key/${hashOf(key)}`),
    );
    assert.equal((await ask(edge, "DELETE", `/v1/tenants/${tenant}`)).status, 404);
    assert.equal((await ask(edge, "GET", `/v1/tenants/${tenant}`)).status, 404);
  }
  const { keys } = await settled(stateDir);
  assert.deepEqual(names(keys), OF_CONTOSO);
  assert.equal(await works(edge, KEYS.mx.key), true);
  const anew = await ask(edge, "POST", "/v1/keys", { body });
  assert.equal(anew.status, 201, "and it may begin anew");
  assert.equal(await works(edge, anew.json.key), true);
});

test("the operator's daily look leaves tenants' keys to their ledgers, and removes a revoked one that came back", async () => {
  const { edge, stateDir, kv } = await opened();
  const bodies = ["lives", "dead"].map((name) => ({ role: "gateway", tenant: "contoso", name }));
  const [lives, dead] = await Promise.all(bodies.map((body) => ask(edge, "POST", "/v1/keys", { body })));
  await settled(stateDir);
  const names = { lives: `key/${hashOf(lives.json.key)}`, dead: `key/${hashOf(dead.json.key)}` };
  const record = (await kv.keys()).find(({ name }) => name === names.dead);
  await revoke(edge, dead.json);
  await settled(stateDir);
  await edge.worker.stop();
  // as it will be when nothing is mirrored any more
  alterOne(stateDir, "operator", `DELETE FROM key WHERE id = '${lives.json.id}'; DELETE FROM key_handover`);
  await kv.put(names.dead, record?.value ?? null);
  const unreadable = `key/${"2".repeat(64)}`;
  await kv.put(unreadable, '{"kind":"of a later release"}');
  const nobodys = `key/${"3".repeat(64)}`;
  await kv.put(nobodys, JSON.stringify({ id: "none", role: "admin", tenant: null }));
  const unknowns = `key/${"4".repeat(64)}`;
  await kv.put(unknowns, JSON.stringify({ id: "none", role: "operator", tenant: "nobody" }));
  const again = await started(stateDir, kv);
  await again.worker.setLedgerMode("error");
  assert.equal((await ask(again, "POST", "/v1/test/tick", { now: endOf(3) })).status, 204);
  const inKv = async () => new Set((await kv.keys()).map(({ name }) => name));
  await until("what is nobody's is gone", async () => !(await inKv()).has(nobodys), { ms: 15_000 });
  for (const name of [names.lives, names.dead, unknowns, unreadable]) {
    assert.ok((await inKv()).has(name), "where its ledger cannot be asked, a key is left alone");
  }
  await again.worker.setLedgerMode("ok");
  assert.equal((await ask(again, "POST", "/v1/test/tick", { now: endOf(5) })).status, 204);
  await until("the dead are gone", async () => !(await inKv()).has(names.dead), { ms: 15_000 });
  await until("and those of nobody", async () => !(await inKv()).has(unknowns), { ms: 15_000 });
  assert.ok((await inKv()).has(names.lives));
  assert.ok((await inKv()).has(unreadable), "what a later release may have made is left to it");
  assert.equal(await works(again, lives.json.key), true);
});

test("a ledger that has keys alone looks once a day whether KV has them", async () => {
  const { edge, stateDir, kv } = await opened();
  await listed(edge, "fabrikam");
  await settled(stateDir);
  const name = `key/${hashOf(KEYS.alone.key)}`;
  const stored = (await kv.keys()).find((key) => key.name === name)?.value;
  await kv.put(name, null);
  assert.equal((await ask(edge, "POST", "/v1/test/tick?tenant=fabrikam", { now: endOf(2) })).status, 204);
  await until("it is there again", async () =>
    (await kv.keys()).some((key) => key.name === name && key.value === stored),
  );
});

test("what is refused to a tenant of which nothing is stored leaves no tables of it", async () => {
  const { edge, stateDir } = await opened();
  await listed(edge, "contoso");
  await settled(stateDir);
  const before = stored(stateDir).ledgers.length;
  const at = "/v1/tenants/nobody";
  const expires_at = new Date((NOW + DAY) * 1000).toISOString();
  /** @type {[string, string, number, object?][]} */
  const calls = [
    ["PUT", `${at}/servers/ex01.contoso.com/exemption`, 404, { reason: "x", expires_at }],
    ["DELETE", `${at}/servers/ex01.contoso.com/exemption`, 404],
    ["DELETE", `${at}/servers/ex01.contoso.com`, 404],
    ["PATCH", `${at}/pauses/1`, 404, { days: 2 }],
    ["DELETE", `${at}/pauses/1`, 404],
    ["POST", `${at}/pauses`, 422, { days: 366, reason: "x" }],
    ["POST", `${at}/webhooks/1/rotate`, 404],
    ["DELETE", `${at}/webhooks/1`, 404],
    ["DELETE", at, 404],
  ];
  for (const [method, path, status, body] of calls) {
    const answer = await ask(edge, method, path, { body });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.equal(stored(stateDir).ledgers.length, before, `${method} ${path}`);
  }
  const refused = await ask(edge, "PUT", `${at}/policy`, { body: {}, headers: { "if-match": '"7"' } });
  assert.equal(refused.status, 412);
  assert.equal(stored(stateDir).ledgers.length, before);
  assert.equal((await ask(edge, "POST", `${at}/pauses`, { body: { days: 2, reason: "x" } })).status, 201);
  assert.equal(stored(stateDir).ledgers.length, before + 1, "what is done is kept");
});

test("to ask after keys of a tenant that is none, or to revoke one, makes no ledger", async () => {
  const { edge, stateDir } = await opened();
  await listed(edge, "contoso");
  await settled(stateDir);
  const before = stored(stateDir).ledgers.length;
  assert.deepEqual(await listed(edge, "nobody"), []);
  assert.equal((await ask(edge, "DELETE", "/v1/keys/nobody.0123456789ab")).status, 404);
  assert.equal((await ask(edge, "DELETE", "/v1/tenants/nobody")).status, 404);
  assert.equal(stored(stateDir).ledgers.length, before);
});
