/**
 * The list of tenants: read from KV alone, and as true as the last change or the last five minutes.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { at, event, received, rfc3339, until } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";

const DAY = 24 * 3600;
const START = at("2026-10-01T08:15:08Z");
const NOTHING = { accept: 0, defer: 0, reject: 0, would_defer: 0, would_reject: 0 };

/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  edge = await startEdge({ patient: true });
});
after(() => edge.stop());

/** @param {string} tenant @param {string} host @param {number} now @param {string} [build] */
function send(tenant, host, now, build) {
  return edge.client.decide(event({ tenant, record: "sync", header: received({ host, now, build }) }), {
    now,
  });
}

/** @param {string} tenant @param {number} now */
async function live(tenant, now) {
  const answer = await edge.client.ask("GET", `/v1/tenants/${tenant}`, { now });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

/** What the list says of a tenant. @param {string} tenant */
async function listed(tenant) {
  const { items } = await list("");
  return items.find((/** @type {any} */ item) => item.tenant === tenant);
}

/** @param {string} query @param {string} [key] */
async function list(query, key) {
  const answer = await edge.client.ask("GET", `/v1/tenants${query}`, { key });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

/** A key that the operator's object might have made. @param {string} role @param {string | null} tenant */
async function keyOf(role, tenant) {
  const key = `tg_${role}${tenant ?? ""}_0123456789abcdef0123456789abcdef`;
  const record = { id: `${role}${tenant ?? ""}`, role, tenant };
  await edge.kv.put(`key/${createHash("sha256").update(key).digest("hex")}`, JSON.stringify(record));
  return key;
}

/**
 * What the list says of a server that comes to a throttling stage.
 * @param {string} server
 * @param {number} at
 * @param {number} number
 * @param {number} throttle_minutes
 */
const changes = (server, at, number, throttle_minutes) => {
  return { server, at: rfc3339(at), number, throttle_minutes, block_minutes: 0 };
};

test("the list shows where each tenant stands as soon as that changes, and its mail within five minutes", async () => {
  const tenant = "contoso";
  const shows = (/** @type {string} */ what, /** @type {(item: any) => boolean} */ isIt) =>
    until(what, async () => {
      const item = await listed(tenant);
      return item && isIt(item) && item;
    });
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: START });
  assert.deepEqual(await shows("the tenant is listed", () => true), {
    tenant,
    mode: "enforce",
    servers: { current: 0, out_of_date: 0, unknown: 0 },
    worst_stage: null,
    next_change: null,
    last_day: NOTHING,
    paused_until: null,
    updated_at: rfc3339(START),
  });
  await send(tenant, "EX01.contoso.com", START + 10);
  await send(tenant, "EX01.contoso.com", START + 20);
  await send(tenant, "EX02.contoso.com", START + 30, "15.1.2507.61");
  const first = await shows("both servers", ({ servers }) => servers.current === 1);
  assert.deepEqual(
    [first.servers, first.worst_stage, first.next_change],
    [
      { current: 1, out_of_date: 1, unknown: 0 },
      { number: 1, throttle_minutes: 0, block_minutes: 0 },
      changes("ex01.contoso.com", START + 10 + 30 * DAY, 2, 5),
    ],
  );
  await send(tenant, "EX02.contoso.com", START + 60, "15.1.2507.61");
  const now = await live(tenant, START + 61);
  assert.deepEqual([now.last_day.accept, now.updated_at], [4, rfc3339(START + 61)]);
  assert.deepEqual(await listed(tenant), first, "one message more is no news");
  await edge.client.tick(tenant, { now: START + 30 + 300 });
  const later = await shows("all mail", ({ last_day }) => last_day.accept === 4);
  assert.equal(later.updated_at, rfc3339(START + 330));

  await send(tenant, "EX01.contoso.com", START + 20 * DAY);
  await edge.client.tick(tenant, { now: START + 30 * DAY + 20 });
  const month = await shows("the next stage", ({ worst_stage }) => worst_stage?.number === 2);
  assert.deepEqual(month.worst_stage, { number: 2, throttle_minutes: 5, block_minutes: 0 });
  assert.deepEqual(month.next_change, changes("ex01.contoso.com", START + 10 + 40 * DAY, 3, 10));
  assert.deepEqual(month.last_day, NOTHING, "yesterday's mail alone");
  await send(tenant, "EX01.contoso.com", START + 30 * DAY + 60, "15.1.2507.61");
  const patched = await shows("the patch", ({ servers }) => servers.current === 2);
  assert.deepEqual([patched.servers.out_of_date, patched.worst_stage, patched.next_change], [0, null, null]);
  await edge.client.putPolicy(tenant, { mode: "report" }, { now: START + 31 * DAY });
  await shows("the mode", ({ mode }) => mode === "report");
});

test("tenants come by the page, each once, and no ledger is asked", async () => {
  const tenants = Array.from({ length: 7 }, (_, index) => `page-${index}`);
  await Promise.all(tenants.map((tenant) => edge.client.putPolicy(tenant, {}, { now: START })));
  await until("all are listed", async () => {
    const { items } = await list("");
    return tenants.every((tenant) => items.some((/** @type {any} */ item) => item.tenant === tenant));
  });
  await edge.worker.setLedgerMode("throw");
  try {
    const seen = [];
    let cursor = "";
    do {
      const { items, next } = await list(`?limit=3${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.ok(items.length <= 3);
      seen.push(...items.map((/** @type {any} */ item) => item.tenant));
      cursor = next ?? "";
    } while (cursor !== "");
    assert.deepEqual(
      seen.filter((tenant) => tenant.startsWith("page-")),
      tenants,
    );
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(await edge.worker.ledgerAsked(), 0);
  } finally {
    await edge.worker.setLedgerMode("ok");
  }
});

test("a key that is bound to one tenant sees no other", async () => {
  for (const role of ["viewer", "operator"]) {
    const own = await list("", await keyOf(role, "page-1"));
    assert.deepEqual(
      [own.items.map((/** @type {any} */ item) => item.tenant), own.next],
      [["page-1"], null],
      role,
    );
    const none = await list("", await keyOf(role, "nobody"));
    assert.deepEqual(none, { items: [], next: null });
    const all = await list("", await keyOf(role, null));
    assert.ok(all.items.length >= 7);
    for (const tenant of ["page-2", "no-such-tenant"]) {
      const answer = await edge.client.ask("GET", `/v1/tenants/${tenant}`, {
        key: await keyOf(role, "page-1"),
      });
      assert.equal(answer.status, 403, tenant);
    }
  }
  const gateway = await edge.client.ask("GET", "/v1/tenants", { key: await keyOf("gateway", null) });
  assert.equal(gateway.status, 403);
});

test("what is no tenant, method or cursor is said to be none", async () => {
  const ask = async (/** @type {string} */ method, /** @type {string} */ path) =>
    (await edge.client.ask(method, path, { now: START })).status;
  assert.equal(await ask("GET", "/v1/tenants/nothing-stored"), 404);
  assert.equal(await listed("nothing-stored"), undefined, "to ask for a tenant makes none");
  assert.equal(await ask("POST", "/v1/tenants"), 405);
  assert.equal(await ask("PUT", "/v1/tenants/contoso"), 405);
  assert.equal(await ask("GET", `/v1/tenants?cursor=${"x".repeat(2_000)}`), 400);
  assert.equal(await ask("GET", "/v1/tenants?limit=1001"), 400);
});
