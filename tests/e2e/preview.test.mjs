/**
 * What a change of policy would do, before it is made; and what keeps a server's minutes open, on workerd.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, event, received, rfc3339 } from "../support/client.mjs";
import { edgeOfFile } from "../support/fixture.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = at("2026-10-01T08:15:08Z");
const NOW = START + 45 * DAY;
const PATCHED = "15.1.2507.61";
/** Acceptable to `microsoft` and not to `strict`. */
const SUPPORTED = "15.2.1544.36";

const RELAY = { host: "relay.example", networks: ["192.0.2.0/24"] };
const ENFORCED = {
  mode: "enforce",
  scope: ["on_premises", "partner"],
  waves: { "Exchange Server 2019": "2027-06-01" },
  trusted_relays: [RELAY],
};

const { client } = edgeOfFile({ ledger: true });

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function ask(method, path, body) {
  const answer = await client.ask(method, path, { body, now: NOW });
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

const IN_SPELLS = ["fresh", "old", "partner", "relayed", "waiting"];

/** @param {string} tenant @param {object} policy */
function preview(tenant, policy) {
  return ask("POST", `/v1/tenants/${tenant}/policy/preview`, policy);
}

/** @param {string} tenant @returns {Promise<Map<string, any>>} the servers by the first part of their names */
async function servers(tenant) {
  const { items } = await ask("GET", `/v1/tenants/${tenant}/servers?limit=1000`);
  return new Map(items.map((/** @type {any} */ server) => [server.id.split(".")[0], server]));
}

/**
 * A tenant that enforces, with a server in stage 3, one of a partner, one behind the relay, one whose product is not
 * enforced yet, one detected in the last hour, one that only `strict` minds, and one that nobody does.
 * @param {string} tenant
 * @param {object} [policy]
 */
async function inhabit(tenant, policy = ENFORCED) {
  await client.putPolicy(tenant, policy, { now: START - DAY });
  /** @type {[string, number[], { build?: string, connector?: string, relayed?: boolean }?][]} */
  const mail = [
    ["old", [0, 1, 20, 44]],
    ["partner", [0, 1, 20, 44], { connector: "partner" }],
    ["relayed", [0, 1, 20, 44], { relayed: true }],
    ["waiting", [0, 1, 20, 44], { build: "15.2.1544.9" }],
    ["fresh", [44.9, 44.95]],
    ["supported", [44], { build: SUPPORTED }],
    ["current", [44], { build: PATCHED }],
  ];
  for (const [host, days, { build, connector = "on_premises", relayed } = {}] of mail) {
    for (const day of days) {
      const now = Math.floor(START + day * DAY);
      const own = received({ host: `${host}.contoso.com`, now, build });
      const top =
        "Received: from a (a [203.0.113.9]) by mx.relay.example (Postfix) with ESMTP id 1; Thu, 1 Oct 2026 08:15:08 +0000\r\n";
      const client_ = { ip: relayed ? "192.0.2.1" : "203.0.113.7" };
      const header = relayed ? top + own : own;
      const message = event({ tenant, record: "sync", connector, client: client_, header });
      assert.equal((await client.decide(message, { now })).recorded, true, `${host}, day ${day}`);
    }
  }
}

/** What a preview says of a place, as the list of servers says it. @param {any} server */
function place({ standing, stage, effect }) {
  return { standing, stage, effect };
}

test("a preview says of each server what the change then does to it, and writes nothing", async () => {
  const tenant = "previewed";
  await inhabit(tenant);
  const steep = [
    { days: 1, throttle_minutes: 0, block_minutes: 0 },
    { days: 9, throttle_minutes: 10, block_minutes: 0 },
    { throttle_minutes: 0, block_minutes: 60 },
  ];
  const stored = async () => {
    const paths = ["", "/policy", "/servers?limit=1000", "/audit", "/notifications"];
    const answers = paths.map((path) => client.ask("GET", `/v1/tenants/${tenant}${path}`, { now: NOW }));
    return (await Promise.all(answers)).map(({ headers, text }) => `${headers.get("etag")} ${text}`);
  };
  /** @type {[object, string[], string[]][]} each after the one before, with the servers that change and are held */
  const changes = [
    [{ ...ENFORCED, operator: "Example Mail" }, [], []],
    [{ ...ENFORCED, scope: ["on_premises"] }, ["partner"], []],
    // what had its notice within 35 days needs none
    [ENFORCED, ["partner"], []],
    [{ ...ENFORCED, enforce_behind_relays: true }, ["relayed"], ["relayed"]],
    [{ ...ENFORCED, ladder: steep }, IN_SPELLS, IN_SPELLS],
    [ENFORCED, IN_SPELLS, []],
    // whatever they show, more is required
    [{ ...ENFORCED, baseline: "strict" }, ["current", ...IN_SPELLS, "supported"].sort(), []],
    [{ ...ENFORCED, baseline: "strict", mode: "report" }, IN_SPELLS, []],
    [{ ...ENFORCED, baseline: "strict", mode: "off", scope: [] }, IN_SPELLS, []],
  ];
  for (const [policy, changed, held] of changes) {
    const what = JSON.stringify(policy);
    const before = await stored();
    const had = await servers(tenant);
    const told = await preview(tenant, policy);
    assert.deepEqual(await stored(), before, what);
    const put = await client.putPolicy(tenant, policy, { now: NOW });
    const has = await servers(tenant);
    assert.deepEqual(told.policy, put.policy, what);
    assert.deepEqual(told.counts, { servers: 7, changed: changed.length }, what);
    const short = (/** @type {any} */ { id }) => id.split(".")[0];
    assert.deepEqual(told.servers.map(short), changed, what);
    assert.deepEqual(told.servers.filter((/** @type {any} */ { held }) => held).map(short), held, what);
    assert.deepEqual(put.servers.map(short).sort(), held, `the answer to the change: ${what}`);
    for (const [name, server] of has) {
      const one = told.servers.find((/** @type {any} */ server) => short(server) === name);
      const { before, after } = one ?? { before: place(had.get(name)), after: place(had.get(name)) };
      assert.deepEqual([before, after], [place(had.get(name)), place(server)], `${name}: ${what}`);
    }
  }
});

test("a preview refuses what a change would be refused for, in the same words", async () => {
  const tenant = "refused";
  await inhabit(tenant);
  const made = await ask("POST", "/v1/keys", { role: "operator", tenant, name: "preview" });
  for (const [
    body,
    status,
    field,
    key,
  ] of /** @type {[object | string, number, string | undefined, string?][]} */ ([
    ['{"mode":', 400, undefined],
    [{ modus: "report" }, 400, "modus"],
    [{ ladder: [] }, 400, "ladder"],
    [{ baseline: "none" }, 422, "baseline"],
    [{ waves: { "Exchange 2016": null } }, 422, "waves"],
    [{ delegated: ["exempt"] }, 403, "delegated", made.key],
    [{ pause_days_per_year: 91 }, 403, "pause_days_per_year", made.key],
  ])) {
    const path = `/v1/tenants/${tenant}/policy`;
    const previewed = await client.ask("POST", `${path}/preview`, { body, key, now: NOW });
    const put = await client.ask("PUT", path, { body, key, now: NOW });
    assert.deepEqual([previewed.status, previewed.json.field], [status, field], previewed.text);
    assert.equal(previewed.text, put.text);
  }
});

test("a server's effect is what its stage comes to, or what stands in the way", async () => {
  const tenant = "effects";
  await inhabit(tenant);
  const path = `/v1/tenants/${tenant}`;
  const effects = async () =>
    Object.fromEntries(
      [...(await servers(tenant))].map(([name, { effect }]) => [
        name,
        effect && [effect.throttle_minutes, effect.block_minutes, effect.obstacle],
      ]),
    );
  const usual = {
    current: null,
    fresh: [0, 0, null],
    old: [10, 0, null],
    partner: [10, 0, null],
    relayed: [0, 0, "relay"],
    supported: null,
    waiting: [0, 0, "wave"],
  };
  assert.deepEqual(await effects(), usual);
  const { servers: rows } = await ask("GET", `${path}/report`);
  for (const { id, effect } of rows) {
    assert.deepEqual(effect, (await ask("GET", `${path}/servers/${id}`)).effect, id);
  }

  const exemption = { reason: "Migration", expires_at: rfc3339(NOW + DAY) };
  await ask("PUT", `${path}/servers/old.contoso.com/exemption`, exemption);
  assert.deepEqual(await effects(), { ...usual, old: [0, 0, "exempt"] });
  const pause = await ask("POST", `${path}/pauses`, { days: 1, reason: "Migration" });
  const paused = [0, 0, "paused"];
  assert.deepEqual(await effects(), { ...usual, old: [0, 0, "exempt"], fresh: paused, partner: paused });
  await ask("DELETE", `${path}/pauses/${pause.id}`);
  await ask("DELETE", `${path}/servers/old.contoso.com/exemption`);
  assert.deepEqual(await effects(), usual);

  await client.putPolicy(tenant, { ...ENFORCED, scope: ["on_premises"] }, { now: NOW });
  assert.deepEqual((await effects()).partner, [0, 0, "scope"]);
  await client.putPolicy(tenant, { ...ENFORCED, mode: "report" }, { now: NOW });
  assert.deepEqual((await effects()).old, [0, 0, "mode"]);
  await client.putPolicy(tenant, ENFORCED, { now: NOW });
  await ask("PUT", "/v1/control/mode", { mode: "report" });
  try {
    assert.deepEqual((await effects()).old, [0, 0, "mode"], "the brake counts as well");
  } finally {
    await ask("PUT", "/v1/control/mode", { mode: "enforce" });
  }
});
