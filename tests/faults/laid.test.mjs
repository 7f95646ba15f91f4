/**
 * A key is wrong only where KV is known to have all of them. In a namespace that is empty, another one, or laid in part it
 * is our doubt, whatever else lies there; at two edges, either of which sees each change of KV up to a minute late.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { event, until } from "../support/client.mjs";
import { AHEAD_MS } from "../support/day.mjs";
import { published, startEdge } from "../support/edge.mjs";
import { chunk, exchange } from "../support/gateways.mjs";
import { startKv } from "../support/kv-service.mjs";
import { restore, withoutAlarms } from "../support/stored-state.mjs";

const LAID = "control/laid";
const ROUND = "control/round";
const CONTROL = "control/mode";
const DAY = 24 * 3600;
/** The worker's clock runs so many times as fast, so that minutes of KV's are seconds here. */
const RATE = 20;
const WAIT = { ms: 90_000, every: 400 };
const TENANTS = ["contoso", "fabrikam", "northwind", "tailspin", "woodgrove", "wingtip"];

/** @typedef {import("../support/edge.mjs").Edge} Edge */
/** @typedef {import("../support/kv-service.mjs").KvService} KvService */
/** @typedef {{ edge: Edge, kv: KvService, keys: Record<string, string>, restart: (other?: KvService) => Promise<void> }} World */

/** @type {(() => Promise<void> | void)[]} */
const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function newKv() {
  const kv = await startKv();
  ends.push(() => kv.stop());
  await kv.setRate(RATE);
  return kv;
}

/** A deployment, on what a release before left or on nothing; `late`: each edge sees KV in its own time. @param {{ before?: string, late?: boolean }} [options] @returns {Promise<World>} */
async function deployed({ before, late = false } = {}) {
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-laid-"));
  ends.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const since = Date.now();
  const kv = await newKv();
  if (before) {
    await restore(fileURLToPath(new URL(`../stored/${before}/state`, import.meta.url)), stateDir, kv);
    withoutAlarms(stateDir);
  }
  if (late) {
    const clock = () => kv.setClock(Math.floor((since + (Date.now() - since) * RATE + AHEAD_MS) / 1000));
    await clock();
    const timer = setInterval(() => clock().catch(() => clearInterval(timer)), 25);
    ends.push(() => clearInterval(timer));
  }
  const secondKv = late ? await kv.second(7) : undefined;
  const vars = { CLOCK_RATE: String(RATE), CLOCK_SINCE: String(since) };
  /** @type {World} */
  const world = {
    kv,
    keys: {},
    edge: await startEdge({ kv, stateDir, secondEdge: true, secondKv, vars, patient: true }),
    restart: async (other = world.kv) => {
      await world.edge.worker.stop();
      world.kv = other;
      world.edge = await startEdge({ kv: other, stateDir, secondEdge: true, vars, patient: true });
    },
  };
  ends.push(() => world.edge.stop());
  return world;
}

/** A deployment whose tenants have a gateway's key each, and one is for all. @param {Parameters<typeof deployed>[0] & { tenants?: string[] }} [options] */
async function withKeys({ tenants = TENANTS, ...options } = {}) {
  const world = await deployed(options);
  const { client } = world.edge;
  for (const tenant of tenants) {
    await client.putPolicy(tenant, { mode: "enforce" });
    world.keys[tenant] = await made(world, { tenant });
  }
  world.keys.all = await made(world, { tenant: null });
  await allInKv(world);
  await published(world.kv, LAID, ({ from }) => from === 0);
  return world;
}

/** @param {World} world @param {{ tenant: string | null, name?: string }} key */
async function made({ edge }, { tenant, name = "mx" }) {
  const body = { role: "gateway", tenant, name, gateway: { connector: "on_premises" } };
  const { status, json, text } = await edge.client.ask("POST", "/v1/keys", { body });
  assert.equal(status, 201, text);
  return json.key;
}

/** @param {World} world @param {string} prefix */
const inKv = async ({ kv }, prefix) =>
  (await kv.keys()).map(({ name }) => name).filter((name) => name.startsWith(prefix));

/** @param {World} world */
const allInKv = (world) =>
  until(
    "KV has all keys",
    async () => (await inKv(world, "key/")).length === Object.keys(world.keys).length,
    WAIT,
  );

/** Begins a round, and waits until KV has confirmed all keys of it. @param {World} world */
async function laidAnew(world) {
  const { status, text } = await world.edge.client.ask("POST", "/v1/republish");
  assert.equal(status, 202, text);
  const { round } = await published(world.kv, LAID, ({ from }) => from === null);
  await allInKv(world);
  return round;
}

/** @param {World} world */
async function empty({ kv }) {
  for (const { name } of await kv.keys()) await kv.put(name, null);
}

let drawn = 0;
/** A key that nobody made. @param {string} [tenant] */
function wrongKey(tenant = "contoso") {
  drawn += 1;
  return `tg_${tenant}.${String(drawn).padStart(12, "0")}_${"0".repeat(48)}`;
}

/** What a gateway with that key is told of a message: `200`, `degraded` or another status. @param {Edge["client"]} client @param {string} key @param {{ fresh?: boolean }} [options] */
async function told(client, key, { fresh = false } = {}) {
  const [, tenant = "contoso"] = /^tg_(.*)\.\w{12}_/.exec(key) ?? [];
  const body = event({ tenant, header: "" });
  const { status, json } = await client.ask("POST", "/v1/decide", { key, body, fresh });
  return status === 200 && json.degraded ? "degraded" : String(status);
}

/** Whether all keys work at an edge. @param {World} world @param {Edge["client"]} client */
async function allWork(world, client) {
  const told_ = await Promise.all(Object.values(world.keys).map((key) => told(client, key)));
  assert.ok(!told_.includes("401"), `a key that works was refused: ${told_}`);
  return told_.every((it) => it === "200");
}

/** No key that works is refused at either edge until wrong ones are at both; whether the former work is told. @param {World} world @param {string} [wrongOf] */
async function untilWrongIsRefused(world, wrongOf) {
  const { client, second } = world.edge;
  return until(
    "a wrong key is refused again, and all others work",
    async () => {
      const works = [await allWork(world, client), await allWork(world, second)];
      const wrong = [await told(client, wrongKey(wrongOf)), await told(second, wrongKey(wrongOf))];
      assert.ok(
        wrong.every((it) => it === "401" || it === "degraded"),
        wrong.join(),
      );
      return works.every(Boolean) && wrong.every((it) => it === "401");
    },
    WAIT,
  );
}

test("a new deployment refuses a wrong key within a second of its first request, and a key that is made there works", async () => {
  const world = await deployed();
  const { client, second } = world.edge;
  await until("it is refused", async () => (await told(client, wrongKey())) === "401", { ms: 10_000 });
  assert.equal((await client.ask("GET", "/v1/me", { key: wrongKey() })).status, 401);
  world.keys.first = await made(world, { tenant: "contoso" });
  await until("KV has it", async () => (await inKv(world, "key/")).length === 1, WAIT);
  assert.equal(await told(second, world.keys.first), "200");
  assert.equal(await told(second, wrongKey()), "401");
});

test("whatever is laid first in an emptied namespace, no key is refused there: mail is accepted, all else is 503", async () => {
  const world = await withKeys();
  const { client, second } = world.edge;
  const baseline = { name: "mine", editions: [{ effective: "2026-01-01", products: {} }] };
  const catalog = (await client.ask("GET", "/v1/catalog")).json.catalog;
  /** @type {[string, string, string, object?][]} */
  const calls = [
    ["the brake", "PUT", "/v1/control/mode", { mode: "report" }],
    ["a baseline", "PUT", "/v1/baselines/mine", baseline],
    ["a catalog", "PUT", "/v1/catalog", catalog],
    ["a policy", "PUT", "/v1/tenants/contoso/policy", { mode: "enforce" }],
    ["a key for all", "POST", "/v1/keys", { role: "viewer", tenant: null, name: "new" }],
    ["a tenant's key", "POST", "/v1/keys", { role: "viewer", tenant: "contoso", name: "new" }],
    ["the brake's release", "PUT", "/v1/control/mode", { mode: "enforce" }],
  ];
  await empty(world);
  assert.equal(await told(second, wrongKey(), { fresh: true }), "degraded");
  assert.equal((await second.ask("GET", "/v1/me", { key: wrongKey(), fresh: true })).status, 503);
  for (const [what, method, path, body] of calls) {
    const { status, text } = await client.ask(method, path, { body });
    assert.ok(status < 300, `${what}: ${text}`);
    for (const [name, key] of Object.entries(world.keys)) {
      assert.notEqual(await told(second, key, { fresh: true }), "401", `${what}: ${name}`);
    }
  }
  await published(world.kv, CONTROL, ({ mode }) => mode === "enforce");
});

test("while a namespace is laid anew no key that works is refused at any edge, nor one that is made meanwhile; then wrong ones are", async () => {
  const world = await withKeys({ late: true });
  const isRefused = async () => (await told(world.edge.second, wrongKey())) === "401";
  await until("the second edge sees that KV has all keys", isRefused, WAIT);
  await empty(world);
  const { client } = world.edge;
  // that it is empty an edge sees as late as all else
  for (const edge of [client, world.edge.second])
    await until("it is doubted", async () => (await told(edge, wrongKey())) === "degraded", WAIT);
  const { status, text } = await client.ask("POST", "/v1/republish");
  assert.equal(status, 202, text);
  world.keys.meanwhile = await made(world, { tenant: "litware" });
  world.keys.second = await made(world, { tenant: "contoso", name: "mx2" });
  await untilWrongIsRefused(world);
  await published(world.kv, LAID, ({ from }) => from > 0);
});

test("a namespace that is lost is seen, and its keys laid anew, without a call; the day's work alone makes no key wrong", async () => {
  const world = await withKeys();
  const { client } = world.edge;
  await empty(world);
  // all that the release before would lay by itself
  await world.kv.put(CONTROL, JSON.stringify({ rev: 9, mode: "enforce", handed_over: true }));
  const tomorrow = Math.floor((Date.now() + AHEAD_MS) / 1000) + 2 * DAY;
  assert.equal((await client.ask("POST", "/v1/test/tick", { now: tomorrow })).status, 204);
  for (const key of Object.values(world.keys))
    assert.notEqual(await told(client, key, { fresh: true }), "401");
  await untilWrongIsRefused(world);
});

test("in a namespace that another one took the place of, be it of another deployment, no key is refused until it has all", async () => {
  const world = await withKeys();
  const laid = await published(world.kv, LAID, () => true);
  for (const other of [
    { ...laid, of: "0".repeat(64) },
    { ...laid, rev: laid.rev + 7, from: 1 },
  ]) {
    const kv = await newKv();
    await kv.put(LAID, JSON.stringify(other));
    await kv.put(CONTROL, JSON.stringify({ rev: 9, mode: "enforce", handed_over: true }));
    await world.restart(kv);
    if (other.of !== laid.of) assert.equal(await told(world.edge.client, world.keys.contoso), "degraded");
    await until("it is seen", async () => (await inKv(world, "key/")).length === 7, WAIT);
    await until(
      "all work",
      async () =>
        (await allWork(world, world.edge.client)) && (await told(world.edge.client, wrongKey())) === "401",
      WAIT,
    );
    const { rev } = await published(kv, LAID, () => true);
    if (other.of === laid.of) assert.ok(rev > other.rev, "edges that saw the other one go by this one");
  }
});

test("an upgrade refuses no key; wrong ones are accepted as degraded until all are known to be laid, minutes later", async () => {
  const world = await deployed({ before: "ee04dc0" });
  const { client } = world.edge;
  assert.equal(await told(client, wrongKey()), "degraded");
  await until("it is refused", async () => (await told(client, wrongKey())) === "401", WAIT);
  const { from, without = [] } = await published(world.kv, LAID, () => true);
  assert.ok(from > 0 && without.length === 0);
});

test("a ledger that fails for long keeps wrong keys of other tenants from being refused no longer than some minutes", async () => {
  const world = await withKeys();
  const { client, worker } = world.edge;
  const failing = "tailspin";
  await worker.setLedgerMode("error", { name: failing });
  await empty(world);
  assert.equal((await client.ask("POST", "/v1/republish")).status, 202);
  await until(
    "others are",
    async () => {
      for (const tenant of TENANTS) assert.notEqual(await told(client, world.keys[tenant]), "401", tenant);
      assert.equal(await told(client, wrongKey(failing)), "degraded");
      return (await told(client, wrongKey())) === "401";
    },
    WAIT,
  );
  assert.deepEqual((await published(world.kv, LAID, () => true)).without, [failing]);
  assert.equal(await told(client, world.keys[failing]), "degraded");
  // a key of the release before leads to no tenant
  assert.equal(await told(client, `tg_${"0".repeat(12)}_${"0".repeat(48)}`), "degraded");
  await worker.setLedgerMode("ok");
  await untilWrongIsRefused(world, failing);
});

test("keys that are lost while a namespace is laid anew are seen to be lost: no key that works is refused for it", async () => {
  const world = await withKeys();
  await empty(world);
  const round = await laidAnew(world);
  // whoever empties a namespace has listed its keys before
  for (const name of await inKv(world, "key/")) await world.kv.put(name, null);
  await untilWrongIsRefused(world);
  await allInKv(world);
  const last = await published(world.kv, LAID, ({ from }) => from > 0);
  assert.notEqual(last.round, round, "of a round that lost a key nothing is said");
});

test("a namespace that takes another one's place while that is laid anew is laid itself, though it has its record", async () => {
  const world = await withKeys();
  await empty(world);
  const round = await laidAnew(world);
  const laid = await published(world.kv, LAID, () => true);
  const kv = await newKv();
  await kv.put(LAID, JSON.stringify(laid));
  await world.restart(kv);
  await untilWrongIsRefused(world);
  await allInKv(world);
  const last = await published(kv, LAID, ({ from }) => from > 0);
  assert.notEqual(last.round, round);
  assert.equal((await published(kv, ROUND, () => true)).id, last.round);
});

test("a namespace that was emptied has not all keys because its record was put there once more", async () => {
  const world = await withKeys();
  const laid = await published(world.kv, LAID, () => true);
  await empty(world);
  await world.kv.put(LAID, JSON.stringify(laid));
  const { second } = world.edge;
  for (const key of [wrongKey(), world.keys.contoso])
    assert.equal(await told(second, key, { fresh: true }), "degraded");
  await untilWrongIsRefused(world);
});

test("a key that was in use a moment ago and is gone from KV, which has all others, is doubted; one that nobody used is wrong", async () => {
  const world = await withKeys();
  const { client, second } = world.edge;
  assert.equal(await told(second, world.keys.contoso), "200");
  for (const name of await inKv(world, "key/")) await world.kv.put(name, null);
  assert.equal(await told(second, world.keys.contoso, { fresh: true }), "degraded");
  assert.equal((await second.ask("GET", "/v1/me", { key: world.keys.contoso })).status, 503);
  assert.equal(await told(second, world.keys.fabrikam, { fresh: true }), "401");
  await until("it is wrong", async () => (await told(second, world.keys.contoso)) === "401", WAIT);
  const { id, key } = (
    await client.ask("POST", "/v1/keys", { body: { role: "viewer", tenant: null, name: "x" } })
  ).json;
  assert.equal((await client.ask("GET", "/v1/me", { key })).status, 200);
  assert.ok((await client.ask("DELETE", `/v1/keys/${id}`)).status < 300);
  assert.equal((await client.ask("GET", "/v1/me", { key, fresh: true })).status, 401, "who deleted it knows");
});

test("many ledgers that fail for long keep wrong keys of other tenants from being refused no longer than some minutes", async () => {
  const tenants = Array.from({ length: 25 }, (_, number) => `tenant-${number}`);
  const world = await withKeys({ tenants });
  const { client, worker } = world.edge;
  await worker.setLedgerMode("error");
  await empty(world);
  assert.equal((await client.ask("POST", "/v1/republish")).status, 202);
  await until(
    "others are",
    async () => {
      assert.equal(await told(client, wrongKey("tenant-7")), "degraded");
      return (await told(client, wrongKey())) === "401";
    },
    WAIT,
  );
  assert.deepEqual((await published(world.kv, LAID, () => true)).without, tenants.toSorted());
  assert.equal(await told(client, world.keys.all), "200");
  await worker.setLedgerMode("ok");
  await untilWrongIsRefused(world, "tenant-7");
});

test("mail whose key cannot be told is accepted when it has come, and is as long as any other may be", async () => {
  const world = await withKeys();
  await empty(world);
  const { client, worker } = world.edge;
  const body = JSON.stringify(event({ tenant: "contoso", header: "Subject: a\r\n" }));
  const head = (/** @type {string} */ path, /** @type {string} */ framing) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${wrongKey()}\r\n${framing}\r\n\r\n`;
  for (const path of ["/v1/decide", "/v1/decide/batch", "/gateways/exim", "/gateways/postfix"]) {
    for (const framing of [`content-length: ${body.length + 2}`, "transfer-encoding: chunked"]) {
      let hasCome = false;
      const pieces = [`[${body.slice(0, 50)}`, `${body.slice(50)}]`];
      const write_ = (/** @type {string} */ piece) => (framing.startsWith("t") ? chunk(piece) : piece);
      const answer = await exchange(worker.port, async (write) => {
        await write(head(path, framing));
        await write(write_(pieces[0]));
        // each of them has been answered after this one was admitted
        for (let asked = 0; asked < 3; asked += 1)
          assert.equal(await told(client, wrongKey(), { fresh: true }), "degraded");
        hasCome = true;
        await write(write_(pieces[1]));
        if (framing.startsWith("t")) await write("0\r\n\r\n");
      });
      assert.equal(answer.status, 200, `${path} ${framing}: ${answer.body}`);
      assert.ok(hasCome, `${path} ${framing}: answered before it had come`);
    }
  }
  for (const framing of ["content-length: 2000000", "transfer-encoding: chunked"]) {
    const { status } = await exchange(worker.port, async (write) => {
      await write(head("/v1/decide", framing));
      if (framing.startsWith("t")) await write(chunk("x".repeat(2_000_000)));
    });
    assert.equal(status, 413, framing);
  }
});

test("wrong keys by the hundred cost KV one read each, and now and then one for all of them", async () => {
  const world = await withKeys();
  const { client } = world.edge;
  assert.equal(await told(client, wrongKey()), "401");
  await world.kv.reset();
  const start = Date.now();
  for (let number = 0; number < 200; number += 1) assert.equal(await told(client, wrongKey()), "401");
  const log = await world.kv.log();
  const reads = (/** @type {string} */ prefix) =>
    log.filter(({ kind, keys: [key] }) => kind === "get" && key.startsWith(prefix)).length;
  assert.equal(reads("key/"), 200);
  const seconds = ((Date.now() - start) / 1000) * RATE;
  for (const name of [LAID, ROUND])
    assert.ok(reads(name) <= seconds / 2 + 2, `${reads(name)} of ${name} in ${seconds} s`);
  assert.equal(reads(CONTROL), 0);
});
