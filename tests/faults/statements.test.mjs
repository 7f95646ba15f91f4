/**
 * Each change is one transaction: whichever of its statements fails, nothing of it is kept, told or published.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { event, received, rfc3339, until } from "../support/client.mjs";
import { BLOCKED, published, startEdge } from "../support/edge.mjs";
import { dumpOf } from "../support/ledger-file.mjs";

const HOUR = 3600;
/** No change has more statements. */
const MOST_STATEMENTS = 200;

/** @type {string} */
let stateDir;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

/**
 * A change of a tenant's ledger. `prepare` yields what the request needs to know, beside the tenant.
 * @typedef {object} Change
 * @property {string} name
 * @property {(tenant: string) => Promise<any>} [prepare]
 * @property {(tenant: string, prepared: any) => { method: string, path: string, body?: object }} request
 */

/** @type {Change[]} */
const CHANGES = [
  {
    name: "a policy",
    prepare: inSpell,
    request: (tenant) => ({
      method: "PUT",
      path: `/v1/tenants/${tenant}/policy`,
      body: { mode: "enforce", operator: "Another", baseline: "strict" },
    }),
  },
  {
    name: "a message of an unknown server",
    prepare: inSpell,
    request: (tenant) => message(tenant, "EX09.contoso.com"),
  },
  {
    name: "a message of a known server",
    prepare: inSpell,
    request: (tenant) => message(tenant, "EX02.contoso.com"),
  },
  {
    name: "the message that ends a spell",
    prepare: inSpell,
    request: (tenant) => message(tenant, "EX01.contoso.com", "15.1.2507.61"),
  },
  {
    name: "a new pause",
    prepare: inSpell,
    request: (tenant) => ({ method: "POST", path: `/v1/tenants/${tenant}/pauses`, body: PAUSE }),
  },
  {
    name: "a longer pause",
    prepare: paused,
    request: (tenant, id) => ({
      method: "PATCH",
      path: `/v1/tenants/${tenant}/pauses/${id}`,
      body: { days: PAUSE.days + 1 },
    }),
  },
  {
    name: "the end of a pause",
    prepare: paused,
    request: (tenant, id) => ({ method: "DELETE", path: `/v1/tenants/${tenant}/pauses/${id}` }),
  },
  {
    name: "an exemption",
    prepare: inSpell,
    request: (tenant) => ({ method: "PUT", path: exemptionOf(tenant), body: EXEMPTION }),
  },
  {
    name: "the end of an exemption",
    prepare: async (tenant) => {
      await inSpell(tenant);
      await done("PUT", exemptionOf(tenant), EXEMPTION);
    },
    request: (tenant) => ({ method: "DELETE", path: exemptionOf(tenant) }),
  },
  {
    name: "a webhook",
    prepare: inSpell,
    request: (tenant) => ({
      method: "POST",
      path: `/v1/tenants/${tenant}/webhooks`,
      body: { url: "https://hooks.example/tidegate" },
    }),
  },
  {
    name: "the deletion of a server",
    prepare: inSpell,
    request: (tenant) => ({ method: "DELETE", path: `/v1/tenants/${tenant}/servers/ex01.contoso.com` }),
  },
  {
    name: "the deletion of a tenant",
    prepare: inSpell,
    request: (tenant) => ({ method: "DELETE", path: `/v1/tenants/${tenant}` }),
  },
];

const PAUSE = { days: 3, reason: "a migration" };
const EXEMPTION = { reason: "a migration", expires_at: rfc3339(BLOCKED + 10 * 24 * HOUR) };

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-statements-"));
  edge = await startEdge({ patient: true, stateDir });
  // servers are judged anew where the ceiling is another one: it is there before they are
  await edge.client.ask("GET", "/v1/control/mode");
  await published(edge.kv, "control/mode", () => true);
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** A tenant with one server in a spell and one that was seen once. @param {string} tenant */
async function inSpell(tenant) {
  await edge.client.putPolicy(tenant, { mode: "report" }, { now: BLOCKED - 2 * HOUR });
  for (const [host, now] of /** @type {[string, number][]} */ ([
    ["EX01.contoso.com", BLOCKED - HOUR],
    ["EX01.contoso.com", BLOCKED - HOUR + 60],
    ["EX02.contoso.com", BLOCKED - HOUR],
  ])) {
    await edge.client.decide(event({ tenant, record: "sync", header: received({ host, now }) }), { now });
  }
}

/**
 * A tenant whose enforcement is paused. Yields the pause's id.
 * @param {string} tenant
 */
async function paused(tenant) {
  await inSpell(tenant);
  const { id } = await done("POST", `/v1/tenants/${tenant}/pauses`, PAUSE);
  return id;
}

/** @param {string} method @param {string} path @param {object} body */
async function done(method, path, body) {
  const answer = await edge.client.ask(method, path, { body, now: BLOCKED - 60 });
  assert.ok(answer.status < 300, answer.text);
  return answer.json;
}

/** @param {string} tenant */
function exemptionOf(tenant) {
  return `/v1/tenants/${tenant}/servers/ex01.contoso.com/exemption`;
}

/** @param {string} tenant @param {string} host @param {string} [build] */
function message(tenant, host, build) {
  const header = received({ host, now: BLOCKED, build });
  const body = event({ tenant, record: "sync", event_id: "4ABCDEF-1", header });
  return { method: "POST", path: "/v1/decide", body };
}

/**
 * All that is stored of a tenant, once all work is done that is due and KV knows all of it.
 * @param {string} tenant
 */
function settled(tenant) {
  return until(
    `${tenant} has settled`,
    async () => {
      await edge.client.tick(tenant, { now: BLOCKED });
      const dump = dumpOf(stateDir, tenant);
      const pruned = dump?.document.find(({ name }) => name === "pruned");
      const isDone = dump?.outbox.length === 0 && pruned && JSON.parse(pruned.json).after === null;
      return isDone && { dump, keys: await keysOf(tenant) };
    },
    { ms: 15_000, every: 100 },
  );
}

/** What KV holds of a tenant. @param {string} tenant */
async function keysOf(tenant) {
  const keys = await edge.kv.keys();
  return keys.filter(({ name }) => name.split("/")[1] === tenant);
}

for (const [index, { name, prepare, request }] of CHANGES.entries()) {
  test(`half of a change is none: ${name}`, async (t) => {
    const tenant = `half-${index}`;
    const prepared = await prepare?.(tenant);
    const before = await settled(tenant);
    const { method, path, body } = request(tenant, prepared);
    const ask = (/** @type {Record<string, string>} */ headers) =>
      edge.client.ask(method, path, { body, now: BLOCKED, fresh: true, headers });
    for (let statement = 1; statement <= MOST_STATEMENTS; statement += 1) {
      const answer = await ask({ "x-tidegate-fails-at": String(statement) });
      const isDecision = path === "/v1/decide" && answer.status === 200;
      const failed = isDecision ? answer.json.degraded : answer.status >= 300;
      if (!failed) {
        assert.ok(statement > 1, "statements were made to fail");
        assert.ok(!isDecision || answer.json.recorded);
        assert.notDeepEqual(dumpOf(stateDir, tenant), before.dump, "done, it changes something");
        t.diagnostic(`${statement - 1} statements`);
        return;
      }
      if (isDecision) {
        const { action, degraded, recorded } = answer.json;
        assert.deepEqual([action, degraded, recorded], ["accept", true, false]);
      } else {
        assert.equal(answer.status, 503, `statement ${statement}: ${answer.text}`);
      }
      assert.deepEqual(dumpOf(stateDir, tenant), before.dump, `statement ${statement}`);
      assert.deepEqual(await keysOf(tenant), before.keys, `statement ${statement}`);
    }
    assert.fail(`more than ${MOST_STATEMENTS} statements`);
  });
}
