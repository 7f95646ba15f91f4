/**
 * What is deleted is gone from the ledger, from KV and from decisions; what is too old goes by itself.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { event, received, rfc3339, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, post, published, startEdge } from "../support/edge.mjs";
import { dumpOf } from "../support/ledger-file.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;
const ID = "ex01.contoso.com";

/** @type {string} */
let stateDir;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-delete-"));
  edge = await startEdge({ patient: true, stateDir });
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** KV's keys of a tenant. @param {string} tenant */
async function keysOf(tenant) {
  const names = (await edge.kv.keys()).map(({ name }) => name);
  return names.filter((name) => name.split("/")[1] === tenant);
}

/** The number of rows in each table that has any. @param {string} tenant */
function rowsOf(tenant) {
  const dump = Object.entries(dumpOf(stateDir, tenant) ?? {});
  return Object.fromEntries(dump.map(([table, rows]) => [table, rows.length]).filter(([, rows]) => rows));
}

/** @param {string} method @param {string} path @param {import("../support/client.mjs").Circumstances} [options] */
async function status(method, path, options) {
  return (await edge.client.ask(method, path, { now: BLOCKED, ...options })).status;
}

/** @param {string} tenant @param {string} host @param {number} now @param {string} [build] */
function send(tenant, host, now, build) {
  return edge.client.decide(event({ tenant, record: "sync", header: received({ host, now, build }) }), {
    now,
  });
}

test("a deleted server is free at once, and nothing is left of it but the counts and the audit trail", async () => {
  const tenant = "one-server";
  await blockedServer(edge, tenant);
  await send(tenant, "EX02.contoso.com", BLOCKED);
  assert.equal((await edge.client.decide(blockedMessage(tenant), { now: BLOCKED })).action, "reject");
  await until("it is counted", async () => (await edge.client.counted(tenant)) === 9);
  const shown = await edge.client.server(tenant, ID, { now: BLOCKED });

  assert.equal(await status("DELETE", `/v1/tenants/${tenant}/servers/${ID}`), 204);
  const decision = await edge.client.decide(blockedMessage(tenant), { now: BLOCKED });
  assert.deepEqual([decision.action, decision.stage.number, decision.degraded], ["accept", 1, false]);
  await until("KV forgets it", async () => !(await keysOf(tenant)).includes(`phase/${tenant}/${ID}`));
  await until("what was just answered is counted", async () => (await edge.client.counted(tenant)) === 10);
  const again = await edge.client.server(tenant, ID, { now: BLOCKED });
  assert.deepEqual([again.first_seen, again.detected_at, again.transitions], [rfc3339(BLOCKED), null, []]);
  assert.equal(again.evidence.length, 1);

  const report = await edge.client.report(tenant, { from: "2026-09-01", to: "2027-08-31" });
  assert.deepEqual(
    report.servers.map((/** @type {any} */ { id, accept, reject }) => [id, accept + reject]),
    [
      [ID, 1],
      ["ex02.contoso.com", 1],
    ],
  );
  const audit = await edge.client.ask("GET", `/v1/tenants/${tenant}/audit`);
  const [entry] = audit.json.items;
  assert.deepEqual(
    [entry.actor, entry.action, entry.subject, entry.after],
    ["admin", "server.delete", ID, null],
  );
  assert.deepEqual([entry.before.stage.number, entry.before.id], [8, ID]);
  assert.equal(entry.before.detected_at, shown.detected_at);
  assert.equal(await status("DELETE", `/v1/tenants/${tenant}/servers/ex09.contoso.com`), 404);
  assert.equal(await status("DELETE", `/v1/tenants/never-seen/servers/${ID}`), 404);
});

test("a deleted tenant is forgotten by ledger, KV and decisions, and may begin anew", async () => {
  const tenant = "whole";
  await blockedServer(edge, tenant);
  await blockedServer(edge, "neighbour");
  await send(tenant, "EX02.contoso.com", BLOCKED, "15.1.2507.61");
  assert.equal((await edge.client.decide(blockedMessage(tenant), { now: BLOCKED })).action, "reject");
  await until("it is counted", async () => (await edge.client.counted(tenant)) === 9);
  const expected = [`phase/${tenant}/${ID}`, `policy/${tenant}`, `tenant/${tenant}`];
  await until("all of it is published", async () => (await keysOf(tenant)).length === expected.length);
  assert.deepEqual(await keysOf(tenant), expected);

  assert.equal(await status("DELETE", `/v1/tenants/${tenant}`), 204);
  await until("KV forgets it", async () => (await keysOf(tenant)).length === 0);
  assert.equal(dumpOf(stateDir, tenant), undefined);
  assert.equal(await status("GET", `/v1/tenants/${tenant}`), 404);
  assert.equal(await status("DELETE", `/v1/tenants/${tenant}`), 404);
  assert.deepEqual(await edge.client.servers(tenant, { now: BLOCKED }), []);
  assert.equal(await edge.client.counted(tenant), 0);
  const policy = await edge.client.ask("GET", `/v1/tenants/${tenant}/policy`);
  assert.deepEqual([policy.headers.get("etag"), policy.json.mode], ['"0"', "report"]);
  assert.deepEqual((await keysOf(tenant)).length, 0, "to look at it makes nothing");

  const decision = await edge.client.decide(blockedMessage(tenant, { record: "sync" }), { now: BLOCKED });
  assert.deepEqual(
    [decision.action, decision.mode, decision.degraded, decision.recorded],
    ["accept", "report", false, true],
  );
  assert.equal(await edge.client.counted(tenant), 1);
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: BLOCKED });
  const anew = await edge.client.decide(blockedMessage(tenant, { record: "sync" }), { now: BLOCKED + 60 });
  assert.deepEqual([anew.mode, anew.recorded, anew.stage.number], ["enforce", true, 1]);
  await published(edge.kv, `policy/${tenant}`, ({ rev }) => rev === 1);
  const neighbour = await edge.client.decide(blockedMessage("neighbour"), { now: BLOCKED, fresh: true });
  assert.equal(neighbour.action, "reject");
});

test("a tenant that is used again at once is no fault of KV's, which has yet to be told of it", async () => {
  const tenant = "used-again";
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: BLOCKED });
  await published(edge.kv, `policy/${tenant}`, () => true);
  assert.equal(await status("DELETE", `/v1/tenants/${tenant}`), 204);
  await until("KV forgets it", async () => (await keysOf(tenant)).length === 0);
  await edge.kv.setMode("500", { kinds: ["put"] });
  await edge.client.putPolicy(tenant, { mode: "report" }, { now: BLOCKED });
  await edge.client.tick(tenant, { now: BLOCKED + 2 * DAY });
  await edge.kv.setMode("ok");
  await published(edge.kv, `policy/${tenant}`, () => true);
  assert.doesNotMatch(edge.worker.output(), new RegExp(`laid anew, \\w+/${tenant}`));
});

test("mail that is still on its way to a deleted tenant's books disturbs nothing", async () => {
  const tenant = "on-its-way";
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: BLOCKED });
  await edge.worker.setLedgerMode("hold");
  await post(edge.client, tenant, 3);
  await until("a batch is held back", () => edge.worker.ledgerHolds(tenant));
  assert.equal(await status("DELETE", `/v1/tenants/${tenant}`), 204);
  await edge.worker.setLedgerMode("ok");
  await until("the batch begins the tenant anew", async () => (await edge.client.counted(tenant)) === 3);
});

test("where tenants need a policy, mail on its way to a deleted one's books leaves nothing behind", async () => {
  const strict = await startEdge({ patient: true, vars: { AUTO_TENANTS: "" } });
  try {
    const tenant = "stays-deleted";
    const path = `/v1/tenants/${tenant}`;
    await strict.client.putPolicy(tenant, { mode: "enforce" }, { now: BLOCKED });
    await strict.worker.setLedgerMode("hold");
    await post(strict.client, tenant, 3);
    await until("a batch is held back", () => strict.worker.ledgerHolds(tenant));
    assert.equal((await strict.client.ask("DELETE", path, { now: BLOCKED })).status, 204);
    await strict.worker.setLedgerMode("ok");
    await until("the batch has come", async () => (await strict.worker.batches()).length > 0);
    assert.equal((await strict.client.ask("GET", path, { now: BLOCKED })).status, 404);
    await until("KV forgets it", async () => {
      const names = (await strict.kv.keys()).map(({ name }) => name);
      return names.every((name) => name.startsWith("control/"));
    });
  } finally {
    await strict.stop();
  }
});

test("only who may delete does", async () => {
  const tenant = "guarded";
  await send(tenant, "EX01.contoso.com", BLOCKED);
  for (const [role, bound, server, whole] of /** @type {[string, boolean, number, number][]} */ ([
    ["gateway", false, 403, 403],
    ["viewer", false, 403, 403],
    ["viewer", true, 403, 403],
    ["operator", true, 403, 403],
    ["operator", false, 204, 403],
  ])) {
    const key = `tg_${role}${bound}_0123456789abcdef0123456789abcdef`;
    const record = { id: `${role}${bound}`, role, tenant: bound ? tenant : null };
    await edge.kv.put(`key/${createHash("sha256").update(key).digest("hex")}`, JSON.stringify(record));
    const path = `/v1/tenants/${tenant}`;
    assert.equal(await status("DELETE", path, { key }), whole, `${role}: tenant`);
    assert.equal(await status("DELETE", `${path}/servers/${ID}`, { key }), server, `${role}: server`);
  }
  const audit = await edge.client.ask("GET", `/v1/tenants/${tenant}/audit`);
  assert.equal(audit.json.items[0].actor, "key:operatorfalse");
});

test("servers of which nothing was heard leave: current ones after 90 days, others after 400", async () => {
  const tenant = "silent";
  await blockedServer(edge, tenant);
  for (const host of ["EX01.contoso.com", "EX02.contoso.com"])
    await send(tenant, host, BLOCKED - DAY, "15.1.2507.61");
  for (const now of [BLOCKED - HOUR, BLOCKED]) await send(tenant, "EX03.contoso.com", now);
  const left = async (/** @type {number} */ now) => {
    const servers = await edge.client.servers(tenant, { now });
    return servers.map(({ id }) => id.slice(0, 4)).join(" ");
  };
  assert.equal(await left(BLOCKED + 88 * DAY), "ex01 ex02 ex03");
  assert.ok((await keysOf(tenant)).includes(`phase/${tenant}/${ID}`));
  assert.equal(await left(BLOCKED + 90 * DAY), "ex03");
  await until("KV forgets them", async () => !(await keysOf(tenant)).includes(`phase/${tenant}/${ID}`));
  const dump = dumpOf(stateDir, tenant) ?? {};
  for (const table of ["transition", "evidence", "daily", "monthly"]) {
    const servers = new Set(dump[table].map(({ server }) => server));
    assert.deepEqual([...servers], ["ex03.contoso.com"], table);
  }
  assert.equal(await left(BLOCKED + 399 * DAY), "ex03");
  assert.equal(await left(BLOCKED + 401 * DAY), "");
  assert.deepEqual(dumpOf(stateDir, tenant)?.evidence, []);
});

test("counts and entries leave when their time is over, and not before", async () => {
  const tenant = "aged";
  const start = BLOCKED;
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: start });
  // seen every 13 days, so that neither server nor evidence is too old
  const seen = [0, 13, 26, 390];
  for (const day of seen) {
    for (const minute of [0, 1]) await send(tenant, "EX01.contoso.com", start + day * DAY + minute * 60);
  }
  const rows = rowsOf(tenant);
  assert.deepEqual([rows.hourly, rows.tenant_hour, rows.daily, rows.tenant_day, rows.audit], [1, 1, 4, 4, 1]);
  const at = async (/** @type {number} */ day) => {
    await edge.client.tick(tenant, { now: start + day * DAY });
    const { hourly, daily, tenant_day, audit } = rowsOf(tenant);
    return [hourly, daily, tenant_day, audit];
  };
  assert.deepEqual(await at(399), [1, 4, 4, 1]);
  assert.deepEqual(await at(402), [1, 3, 3, undefined]);
  assert.deepEqual(await at(410), [undefined, 3, 3, undefined]);
  assert.deepEqual(await at(414), [undefined, 2, 2, undefined]);
  const kinds = (dumpOf(stateDir, tenant)?.transition ?? []).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === "detected").length, 1, "of the second spell alone");
});

test("more servers than one step of pruning looks at leave all the same", async () => {
  const tenant = "many";
  const hosts = Array.from({ length: 620 }, (_, index) => `EX${String(index).padStart(3, "0")}.contoso.com`);
  for (let first = 0; first < hosts.length; first += 20) {
    const some = hosts.slice(first, first + 20).map(async (host) => {
      // on a busy machine a receipt may come too late
      while (!(await send(tenant, host, BLOCKED, "15.1.2507.61")).recorded);
    });
    await Promise.all(some);
  }
  assert.equal(rowsOf(tenant).server, 620);
  await until("all have left", async () => {
    await edge.client.tick(tenant, { now: BLOCKED + 91 * DAY });
    return rowsOf(tenant).server === undefined;
  });
  assert.deepEqual((await edge.client.ask("GET", `/v1/tenants/${tenant}`, { now: BLOCKED })).json.servers, {
    current: 0,
    out_of_date: 0,
    unknown: 0,
  });
});
