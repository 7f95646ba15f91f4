/**
 * Changes of pauses, exemptions and webhooks: who may make them, and that half of one is none.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { at, event, received, rfc3339 } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = at("2026-10-01T08:15:08Z");
const EXEMPTION = "/servers/ex01.contoso.com/exemption";

/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  edge = await startEdge({ patient: true });
});
after(() => edge.stop());

/**
 * @param {string} method
 * @param {string} tenant
 * @param {string} path
 * @param {import("../support/client.mjs").Circumstances & { body?: object }} [options]
 */
function ask(method, tenant, path, options = {}) {
  return edge.client.ask(method, `/v1/tenants/${tenant}${path}`, {
    now: START + 2 * DAY,
    fresh: true,
    ...options,
  });
}

/** A tenant that enforces, with a server out of date. @param {string} tenant @param {object} [policy] */
async function outdated(tenant, policy = {}) {
  await edge.client.putPolicy(tenant, { mode: "enforce", ...policy }, { now: START - DAY });
  for (const now of [START, START + HOUR, START + DAY]) {
    const header = received({ host: "EX01.contoso.com", now });
    await edge.client.decide(event({ tenant, header, record: "sync" }), { now });
  }
}

/**
 * A key as KV holds it.
 * @param {"gateway" | "viewer" | "operator"} role
 * @param {string | null} tenant
 */
async function keyOf(role, tenant) {
  const key = `tg_${role}_${tenant}`;
  const record = { id: `${role}-${tenant}`, role, tenant };
  await edge.kv.put(`key/${createHash("sha256").update(key).digest("hex")}`, JSON.stringify(record));
  return key;
}

test("a tenant's operator pauses within the budget, exempts where that is delegated, and changes no other tenant", async () => {
  await outdated("own", { pause_days_per_year: 10 });
  await outdated("trusting", { delegated: ["exempt"] });
  const pause = { days: 2, reason: "x" };
  const exempt = { reason: "x", expires_at: rfc3339(START + 30 * DAY) };
  const webhook = { url: "https://hooks.example.com/" };
  const status = async (
    /** @type {string} */ method,
    /** @type {string} */ path,
    /** @type {any} */ options,
  ) => {
    const [tenant, ...rest] = path.split("/");
    return (await ask(method, tenant, `/${rest.join("/")}`, options)).status;
  };
  const own = await keyOf("operator", "own");
  assert.equal(await status("POST", "own/pauses", { key: own, body: pause }), 201);
  assert.equal(await status("PATCH", "own/pauses/1", { key: own, body: { days: 10 } }), 200);
  assert.equal(await status("PATCH", "own/pauses/1", { key: own, body: { days: 11 } }), 422);
  assert.equal(await status("DELETE", "own/pauses/1", { key: own }), 204);
  assert.equal(await status("POST", "own/webhooks", { key: own, body: webhook }), 201);
  assert.equal(await status("PUT", `own${EXEMPTION}`, { key: own, body: exempt }), 403);
  assert.equal(await status("PUT", `own${EXEMPTION}`, { body: exempt }), 200);
  assert.equal(await status("DELETE", `own${EXEMPTION}`, { key: own }), 403);
  assert.equal(await status("GET", `own${EXEMPTION}`, { key: own }), 200);
  const all = await keyOf("operator", null);
  assert.equal(await status("DELETE", `own${EXEMPTION}`, { key: all }), 204);
  const trusted = await keyOf("operator", "trusting");
  assert.equal(await status("PUT", `trusting${EXEMPTION}`, { key: trusted, body: exempt }), 200);
  assert.equal(await status("DELETE", `trusting${EXEMPTION}`, { key: trusted }), 204);
  for (const key of [trusted, await keyOf("viewer", "own"), await keyOf("gateway", "own")]) {
    assert.equal(await status("POST", "own/pauses", { key, body: pause }), 403, key);
    assert.equal(await status("DELETE", "own/pauses/1", { key }), 403, key);
    assert.equal(await status("PUT", `own${EXEMPTION}`, { key, body: exempt }), 403, key);
    assert.equal(await status("POST", "own/webhooks", { key, body: webhook }), 403, key);
  }
  const { items } = (await ask("GET", "own", "/audit")).json;
  assert.equal(
    items.find((/** @type {any} */ { action }) => action === "pause.create").actor,
    "key:operator-own",
  );
});

test("of a change that fails at any statement nothing is kept, and the next try succeeds", async (t) => {
  const tenant = "statements";
  await outdated(tenant);
  const now = START + 2 * DAY;
  const made = { id: "" };
  const hook = await ask("POST", tenant, "/webhooks", { body: { url: "https://hooks.example.com/old" } });
  const exempt = (/** @type {number} */ days) => ({ reason: "x", expires_at: rfc3339(START + days * DAY) });
  for (const [method, path, body] of /** @type {[string, () => string, object?][]} */ ([
    ["POST", () => "/pauses", { days: 3, reason: "x" }],
    ["PATCH", () => "/pauses/1", { days: 5 }],
    ["DELETE", () => "/pauses/1"],
    ["PUT", () => EXEMPTION, exempt(20)],
    ["PUT", () => EXEMPTION, exempt(21)],
    ["DELETE", () => EXEMPTION],
    ["POST", () => "/webhooks", { url: "https://hooks.example.com/" }],
    ["DELETE", () => `/webhooks/${made.id}`],
  ])) {
    made.id = hook.json.id;
    const before = await state(tenant, now);
    const failed = await failing(
      (headers) => ask(method, tenant, path(), { body, headers }),
      async () => {
        assert.deepEqual(await state(tenant, now), before, `${method} ${path()}`);
      },
    );
    t.diagnostic(`${method} ${path()}: ${failed} statements`);
    assert.ok(failed >= 2);
    assert.notDeepEqual(await state(tenant, now), before);
  }
});

test("what is due is told once, although its writing failed at any statement", async (t) => {
  const tenant = "due";
  await outdated(tenant);
  const now = START + 2 * DAY;
  await ask("PUT", tenant, EXEMPTION, { body: { reason: "x", expires_at: rfc3339(now + 2 * HOUR) } });
  const later = START + 30 * DAY + 3 * HOUR;
  const tick = (/** @type {Record<string, string>} */ headers) =>
    edge.client.ask("POST", `/v1/test/tick?tenant=${tenant}`, { now: later, headers });
  const failed = await failing(tick, async () => {});
  t.diagnostic(`${failed} statements`);
  const { items } = (await ask("GET", tenant, "/notifications", { now: later })).json;
  const kinds = items.map((/** @type {any} */ { kind }) => kind);
  assert.deepEqual(kinds, ["stage.changed", "server.detected"]);
  const { transitions } = await edge.client.server(tenant, "ex01.contoso.com", { now: later });
  assert.deepEqual(
    transitions.map((/** @type {any} */ { kind }) => kind),
    ["exemption_ended", "stage", "exempted", "detected"],
  );
});

/**
 * Asks with the first statement failing, then the second, until none fails. How many failed.
 * @param {(headers: Record<string, string>) => Promise<import("../support/client.mjs").Answer>} attempt
 * @param {() => Promise<void>} check after each failure
 */
async function failing(attempt, check) {
  for (let statement = 1; statement < 200; statement += 1) {
    const { status, text } = await attempt({ "x-tidegate-fails-at": String(statement) });
    if (status < 300) return statement - 1;
    assert.equal(status, 503, text);
    await check();
  }
  throw new Error("it fails for ever");
}

/**
 * All that the API shows.
 * @param {string} tenant
 * @param {number} now
 */
async function state(tenant, now) {
  const paths = ["/policy", "/pauses", "/webhooks", "/notifications", "/audit", "/servers/ex01.contoso.com"];
  const shown = paths.map(async (path) => {
    const { text, headers } = await ask("GET", tenant, path, { now });
    return [path, headers.get("etag"), text];
  });
  return Promise.all(shown);
}
