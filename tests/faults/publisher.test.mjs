/**
 * KV is told the last word of each key, what takes away a right or an enforcement before all else, whatever else waits
 * and however late KV is.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, test } from "node:test";
import { RELEASED } from "../support/builds.mjs";
import { Client, rfc3339, until } from "../support/client.mjs";
import { makeCrowd } from "../support/crowded-ledger.mjs";
import { now } from "../support/day.mjs";
import { KEY, published, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { operatorFile } from "../support/stored-state.mjs";

/** How much later than in quiet times. */
const MARGIN_MS = 1_000;
/** A put or delete of KV's. */
const KV_MS = 30;

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** @type {string} */
let stateDir;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-publisher-"));
  edge = await startEdge({ build: RELEASED, stateDir, ledger: true, secondEdge: true });
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(() => edge.kv.setMode("ok"));

const CONTROL = "control/mode";
let names = 0;

/** @param {Client} client @param {object} [members] */
async function makeKey(client, members) {
  names += 1;
  const body = { role: "viewer", tenant: "contoso", name: `key ${names}`, ...members };
  const answer = await client.ask("POST", "/v1/keys", { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

/** Whether KV has a key of that id. @param {string} id */
async function has(id) {
  const keys = await edge.kv.keys();
  return keys.some(({ name, value }) => name.startsWith("key/") && JSON.parse(value).id === id);
}

/** @param {string} id */
const revoke = (id) => edge.client.ask("DELETE", `/v1/keys/${id}`);

/** @param {() => Promise<boolean>} check */
async function msUntil(check) {
  const start = performance.now();
  await until("it is so", check, { ms: 80_000, every: 10 });
  return performance.now() - start;
}

test("the answer to a revocation says whether KV has lost the key", async () => {
  const { id } = await makeKey(edge.client);
  await until("KV has it", () => has(id));
  const confirmed = await revoke(id);
  assert.equal(confirmed.status, 204, confirmed.text);
  assert.equal(await has(id), false);

  const other = await makeKey(edge.client);
  await until("KV has it", () => has(other.id));
  await edge.kv.setMode("500", { kinds: ["delete"] });
  const answer = await revoke(other.id);
  assert.deepEqual([answer.status, answer.json], [202, { confirmed: false }]);
  assert.ok(answer.ms < 4_000, `${answer.ms} ms`);
  assert.equal(await has(other.id), true);
  await edge.kv.setMode("ok");
  await until("KV has lost it", async () => !(await has(other.id)), { ms: 10_000 });
});

test("a revoked key stays dead, though the put of its creation lands after its removal", async () => {
  await edge.kv.reset();
  await edge.kv.setMode("slow", { ms: 14_000, kinds: ["put"] });
  const { id, key } = await makeKey(edge.client);
  await until("the put is under way", async () => (await edge.kv.stats()).requests.put > 0);
  await edge.kv.setMode("ok");
  const start = performance.now();
  const braked = await edge.client.ask("PUT", "/v1/control/mode", { body: { mode: "report" } });
  assert.equal(braked.status, 200, braked.text);
  await published(edge.kv, CONTROL, ({ mode }) => mode === "report");
  assert.ok(performance.now() - start < 2_000, "one put that hangs holds back nothing else");
  const answer = await revoke(id);
  assert.equal(answer.status, 202, "it cannot be confirmed while the put is under way");
  await until(
    "the late put has landed",
    async () =>
      (await edge.kv.log()).some(
        ({ kind, keys: [name], status }) => kind === "put" && name.startsWith("key/") && status !== null,
      ),
    {
      ms: 20_000,
    },
  );
  const landed = performance.now() - start;
  assert.ok(landed > 12_000, `${landed}`);
  await until("KV is told once more", async () => !(await has(id)), { ms: 5_000 });
  const used = await edge.second.ask("GET", "/v1/me", { key });
  assert.equal(used.status, 401);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(await has(id), false);
});

test("a revoked key is removed again a minute later", { timeout: 120_000 }, async () => {
  const { id } = await makeKey(edge.client);
  await until("KV has it", () => has(id));
  const { name, value } = /** @type {any} */ (
    (await edge.kv.keys()).find(({ name, value }) => name.startsWith("key/") && JSON.parse(value).id === id)
  );
  assert.equal((await revoke(id)).status, 204);
  // as if another put had landed
  await edge.kv.put(name, value);
  const ms = await msUntil(async () => !(await has(id)));
  assert.ok(ms > 50_000 && ms < 70_000, `${ms}`);
});

test("whoever makes and revokes keys holds back neither brake nor another tenant's revocation", async () => {
  await edge.kv.setMode("slow", { ms: KV_MS, kinds: ["put", "delete"] });
  // one key makes 120 changes a minute: a tenant that would make more has several
  const noisy = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const { key } = await makeKey(edge.client, { role: "operator", tenant: "noisy" });
      return new Client({ url: edge.url, key });
    }),
  );
  /** @type {string[]} */
  const victims = [];
  for (let number = 0; number < 9; number += 1)
    victims.push((await makeKey(edge.client, { tenant: "quiet" })).id);
  for (const id of victims) await until("KV has it", () => has(id));
  await edge.client.ask("PUT", "/v1/control/mode", { body: { mode: "enforce" } });
  await new Promise((resolve) => setTimeout(resolve, 1_500));

  const revoked = async () => {
    const id = victims.pop() ?? "";
    const start = performance.now();
    const answer = revoke(id);
    await msUntil(async () => !(await has(id)));
    const ms = performance.now() - start;
    await answer;
    return ms;
  };
  const braked = async (/** @type {string} */ mode) => {
    const start = performance.now();
    const answer = await edge.client.ask("PUT", "/v1/control/mode", { body: { mode } });
    assert.equal(answer.status, 200, answer.text);
    await msUntil(async () => (await published(edge.kv, CONTROL, () => true)).mode === mode);
    return performance.now() - start;
  };
  /** The second turn comes within a second of the first, which KV does not take at once. */
  const measure = async () => ({
    revoked: Math.max(await revoked(), await revoked(), await revoked()),
    braked: Math.max(await braked("report"), await braked("enforce")),
  });
  const quiet = await measure();

  /** @type {[number, number][]} connections, and how many of its revocations each one does not wait for */
  const floods = [
    [2, 1],
    [8, 5],
  ];
  for (const [connections, ahead] of floods) {
    let [made, pairs] = [0, 0];
    let ends = false;
    const flood = async () => {
      /** @type {Promise<void>[]} */
      const waiting = [];
      while (!ends) {
        made += 1;
        const client = noisy[made % noisy.length];
        const { id } = await makeKey(client, { tenant: "noisy" });
        waiting.push(
          client.ask("DELETE", `/v1/keys/${id}`).then(({ status }) => {
            assert.ok(status === 204 || status === 202, String(status));
            pairs += 1;
          }),
        );
        if (waiting.length >= ahead) await waiting.shift();
      }
      await Promise.all(waiting);
    };
    const flooding = Array.from({ length: connections }, flood);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const loud = await measure();
    ends = true;
    await Promise.all(flooding);
    const figures = JSON.stringify({ connections, ahead, pairs, quiet, loud });
    console.log(figures);
    assert.ok(loud.revoked <= quiet.revoked + MARGIN_MS, figures);
    assert.ok(loud.braked <= quiet.braked + MARGIN_MS, figures);
  }
});

test("a server that is exempted while thousands are republished is free as soon as in quiet times", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-republish-"));
  const kv = await startKv();
  const tenant = "crowded";
  await makeCrowd({ stateDir: folder, tenant, key: KEY, servers: 15_000 });
  const own = await startEdge({ kv, stateDir: folder, ledger: true });
  try {
    const { client } = own;
    await kv.setMode("slow", { ms: KV_MS, kinds: ["put", "delete"] });
    const exempted = async (/** @type {string} */ id) => {
      const start = performance.now();
      const body = { reason: "They called", expires_at: rfc3339(Math.floor(now()) + 86_400) };
      const call = client.ask("PUT", `/v1/tenants/${tenant}/servers/${id}/exemption`, { body });
      await until(
        "KV has it",
        async () => {
          const found = (await kv.keys()).find(({ name }) => name === `phase/${tenant}/${id}`);
          return found !== undefined && JSON.parse(found.value).exemptions?.length > 0;
        },
        { ms: 200_000, every: 100 },
      );
      const ms = performance.now() - start;
      const answer = await call;
      assert.equal(answer.status, 200, answer.text);
      return ms;
    };
    const quiet = await exempted("ex00003.contoso.com");
    // harsher: all 5,000 are held
    const ladder = [
      { days: 1, throttle_minutes: 0, block_minutes: 0 },
      { throttle_minutes: 0, block_minutes: 60 },
    ];
    const put = await client.ask("PUT", `/v1/tenants/${tenant}/policy`, {
      body: { mode: "enforce", ladder },
    });
    assert.ok([200, 503].includes(put.status), put.text.slice(0, 300));
    await until("the first are published", async () => (await kv.keys()).length > 50, {
      ms: 20_000,
      every: 50,
    });
    const loud = await exempted("ex00006.contoso.com");
    const phases = (await kv.keys()).filter(({ name }) => name.startsWith("phase/")).length;
    console.log(JSON.stringify({ quiet, loud, phases }));
    assert.ok(phases < 4_000, `${phases} are published: nothing was held back`);
    assert.ok(loud <= quiet + MARGIN_MS, JSON.stringify({ quiet, loud }));
  } finally {
    await own.stop();
    await kv.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("what the release before had not told KV is told, and it can go on with what this one leaves", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-outbox-"));
  const kv = await startKv();
  let own = await startEdge({ kv, stateDir: folder, ledger: true });
  const operators = () => new DatabaseSync(operatorFile(folder));
  try {
    const { id } = await makeKey(own.client, { tenant: null });
    await until("KV has it", async () => (await kv.keys()).some(({ value }) => value.includes(id)));
    const { name } = /** @type {any} */ ((await kv.keys()).find(({ value }) => value.includes(id)));
    await own.worker.stop();

    // 67205e3's table: a removal that failed, a record that waits, and a row that it has told
    const database = operators();
    database.exec(`DROP TABLE schema; DROP TABLE outbox;
      CREATE TABLE outbox (
        key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT, metadata TEXT, due INTEGER NOT NULL) WITHOUT ROWID`);
    const insert = database.prepare(
      "INSERT INTO outbox (key, rev, json, metadata, due) VALUES (?, ?, ?, NULL, ?)",
    );
    insert.run(name, 3, null, 1);
    insert.run("catalog", 1, '{"version":7,"json":{}}', 0);
    insert.run("control/mode", -2, null, 5);
    database.close();
    own = await startEdge({ kv, stateDir: folder, ledger: true });
    await own.client.ask("GET", "/v1/keys");
    await until("the key is gone", async () => !(await kv.keys()).some((key) => key.name === name));
    await until("the record is there", async () => (await kv.keys()).some((key) => key.name === "catalog"));
    await kv.setMode("500", { kinds: ["put", "delete"] });
    const waiting = await makeKey(own.client, { tenant: null });
    await own.worker.stop();

    const left = operators();
    const plan = (/** @type {string} */ statement) => {
      const steps = left.prepare(`EXPLAIN QUERY PLAN ${statement}`).all();
      return steps.map(({ detail }) => String(detail)).join("; ");
    };
    assert.match(plan("SELECT MIN(due) FROM outbox"), /INDEX outbox_due/);
    assert.match(
      plan("SELECT key FROM outbox WHERE +due <= 9 ORDER BY rank, seq LIMIT 1"),
      /INDEX outbox_turn/,
    );
    assert.match(plan("DELETE FROM audit WHERE at < 9"), /INDEX audit_at/);

    // its statements, on what this release leaves
    const rows = left
      .prepare("SELECT key, rev, json, metadata, due FROM outbox WHERE rev > 0 ORDER BY key")
      .all();
    assert.ok(
      rows.some(({ json }) => typeof json === "string" && json.includes(waiting.id)),
      JSON.stringify(rows),
    );
    left.exec(`INSERT INTO outbox (key, rev, json, metadata, due) VALUES ('policy/other', 1, '{}', NULL, 0)
         ON CONFLICT (key) DO UPDATE SET rev = ABS(rev) + 1, json = excluded.json, metadata = excluded.metadata;
      UPDATE outbox SET due = 5 WHERE key = 'policy/other' AND rev > 0 AND due <= 9;
      UPDATE outbox SET rev = -rev, json = NULL, metadata = NULL WHERE key = 'policy/other' AND rev = 1;
      DELETE FROM outbox WHERE rev < 0 AND due <= 9;
      INSERT INTO outbox (key, rev, json, metadata, due) VALUES ('policy/third', 1, '{"rev":1}', NULL, 0)`);
    left.close();
    await kv.setMode("ok");
    own = await startEdge({ kv, stateDir: folder, ledger: true });
    await own.client.ask("GET", "/v1/keys");
    for (const part of [waiting.id, '{"rev":1}']) {
      await until(`KV has ${part}`, async () => (await kv.keys()).some(({ value }) => value.includes(part)), {
        ms: 10_000,
      });
    }
  } finally {
    await own.stop();
    await kv.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
