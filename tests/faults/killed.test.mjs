/**
 * The runtime killed at random moments: what it acknowledged is written down, and nothing that was not sent.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { RELEASED } from "../support/builds.mjs";
import { event, received, until } from "../support/client.mjs";
import { now as testsNow } from "../support/day.mjs";
import { startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { countsOf, rollUpsOf } from "../support/ledger-file.mjs";
import { randomFrom } from "../support/random.mjs";

const KILLS = 20;
/** A kill that catches fewer messages unanswered does not count. */
const CAUGHT = 8;
const MOST_KILLS = 2 * KILLS;
const ACKNOWLEDGED = 1_000;
const GATEWAYS = 24;
/** A life ends after fewer answers than these, and up to as many milliseconds later as given. */
const LIFE_ANSWERS = 200;
const LIFE_MS = 20;
/** KV is told what a kill left half told once the put's own time is up. */
const TOLD_MS = 25_000;

/** The tenants and their policies; one has none. */
const TENANTS = { contoso: { mode: "enforce" }, fabrikam: { mode: "report" }, northwind: undefined };

/** @typedef {{ sent: number, acknowledged: number }} Book of one server */
/**
 * A worker from its start to its kill.
 * @typedef {object} Life
 * @property {import("../support/client.mjs").Client} client
 * @property {number} number
 * @property {Agent} agent
 * @property {number} answers
 * @property {number} inFlight messages that have left and are not answered
 * @property {number} caught those of them that never were
 * @property {boolean} isOver
 */

test("the runtime killed 20 times at random moments forgets nothing that it acknowledged", async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  t.diagnostic(`SEED=${seed}`);
  const random = randomFrom(seed);
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-killed-"));
  const kv = await startKv();
  /** @type {Map<string, Book>} */
  const books = new Map();
  /** @type {number[]} messages that each kill caught unanswered */
  const caught = [];
  let degraded = 0;
  /** @type {import("../support/edge.mjs").Edge | undefined} */
  let edge;
  const start = () => startEdge({ build: RELEASED, kv, stateDir, ledger: true });

  /**
   * Posts one message after the other until the worker is gone.
   * @param {Life} life
   */
  const gateway = async (life) => {
    while (!life.isOver) {
      const message = anyMessage(random, life.number);
      const book = books.get(bookOf(message)) ?? { sent: 0, acknowledged: 0 };
      books.set(bookOf(message), book);
      book.sent += 1;
      const answer = await post(life, message);
      life.answers += 1;
      if (answer?.recorded) book.acknowledged += 1;
      else if (answer) degraded += 1;
    }
  };

  try {
    let counting = 0;
    let acknowledged = 0;
    for (let kill = 1; counting < KILLS || acknowledged < ACKNOWLEDGED; kill += 1) {
      assert.ok(kill <= MOST_KILLS, `${counting} kills count, ${acknowledged} messages acknowledged`);
      edge = await start();
      if (kill === 1) {
        for (const [tenant, policy] of Object.entries(TENANTS)) {
          if (policy) await edge.client.putPolicy(tenant, policy);
        }
      }
      const agent = new Agent({ keepAlive: true });
      /** @type {Life} */
      const life = {
        client: edge.client,
        number: kill,
        agent,
        answers: 0,
        inFlight: 0,
        caught: 0,
        isOver: false,
      };
      const gateways = Promise.all(Array.from({ length: GATEWAYS }, () => gateway(life)));
      gateways.catch(() => {}); // awaited below
      const enough = random() * LIFE_ANSWERS;
      await until(`${enough} answers`, async () => life.answers >= enough, { ms: 10_000, every: 1 });
      await sleep(random() * LIFE_MS);
      await until(`${CAUGHT} messages are in flight`, async () => {
        // answers that have arrived are read before it is said how many are still to come
        await new Promise((resolve) => setImmediate(resolve));
        return life.inFlight >= CAUGHT;
      });
      process.kill(edge.worker.pid, "SIGKILL");
      life.isOver = true;
      await edge.worker.kill();
      await gateways;
      agent.destroy();
      if (life.caught >= CAUGHT) counting += 1;
      caught.push(life.caught);
      acknowledged = compare(books, stateDir, `kill ${kill}`).acknowledged;
    }
    edge = await start();
    const { sent, recorded } = compare(books, stateDir, "the last restart");
    t.diagnostic(`kills ${counting}, sent ${sent}, acknowledged ${acknowledged}, recorded ${recorded}`);
    const fewest = Math.min(...caught.filter((count) => count >= CAUGHT));
    t.diagnostic(
      `${books.size} servers; unanswered at each kill: ${fewest} to ${Math.max(...caught)}; ` +
        `${degraded} answers without a receipt, ${caught.length - counting} kills that do not count`,
    );
    assert.ok(counting >= KILLS && acknowledged >= ACKNOWLEDGED);
    assert.ok(acknowledged <= recorded && recorded <= sent);
    await assertListedOnce(edge, books);
    const told = performance.now();
    const spells = await assertTold(edge);
    t.diagnostic(
      `KV knows ${spells} spells ${Math.round(performance.now() - told)} ms after the last restart`,
    );
    const { statuses } = await kv.stats();
    const { 200: _done, 404: _none, 429: refused = 0, ...others } = statuses;
    assert.deepEqual(others, {});
    // who was killed does not know what it has put a moment ago; and tries again
    t.diagnostic(`${refused} puts within a second of another one of the same key`);
    assert.ok(refused <= caught.length, `KV was asked for more than it allows: ${refused}`);
  } finally {
    await edge?.worker.kill();
    await kv.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
});

/**
 * A message of any server so far; each life brings new servers, and new machines behind the old ones.
 * @param {() => number} random
 * @param {number} life
 */
function anyMessage(random, life) {
  const any = (/** @type {number} */ count) => Math.floor(random() * count);
  const tenants = Object.keys(TENANTS);
  const address = `10.53.${1 + any(life)}.${1 + any(2)}`;
  const now = testsNow() - any(3600);
  return event({
    tenant: tenants[any(tenants.length)],
    event_id: `${any(2 ** 40)}-${any(2 ** 40)}`,
    record: "sync",
    header: received({ host: `EX${any(life + 2)}.contoso.com`, now, address }),
  });
}

/** @param {{ tenant: string, header: string }} message */
function bookOf({ tenant, header }) {
  return `${tenant}/${/\bby (\S+)/.exec(header)?.[1].toLowerCase()}`;
}

/**
 * Posts a message.
 * @param {Life} life
 * @param {object} message
 * @returns {Promise<{ recorded: boolean } | undefined>} undefined where the worker was killed before its answer
 */
function post(life, message) {
  return new Promise((resolve, reject) => {
    const { url, key } = life.client;
    const body = JSON.stringify(message);
    const headers = { authorization: `Bearer ${key}`, "content-length": Buffer.byteLength(body) };
    const outgoing = request(`${url}/v1/decide`, { method: "POST", agent: life.agent, headers });
    let isSent = false;
    const settle = () => {
      if (isSent) life.inFlight -= 1;
      isSent = false;
    };
    outgoing.once("finish", () => {
      isSent = !life.isOver;
      if (isSent) life.inFlight += 1;
    });
    outgoing.once("response", async (response) => {
      settle();
      try {
        const text = Buffer.concat(await response.toArray()).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${response.statusCode} ${text}`));
      } catch (error) {
        if (life.isOver) resolve(undefined);
        else reject(error);
      }
    });
    outgoing.once("error", (error) => {
      if (isSent) life.caught += 1;
      settle();
      if (life.isOver) resolve(undefined);
      else reject(error);
    });
    outgoing.end(body);
  });
}

/**
 * Compares what was sent and acknowledged with the ledgers' files, server by server.
 * @param {Map<string, Book>} books
 * @param {string} stateDir
 * @param {string} when
 */
function compare(books, stateDir, when) {
  const total = { sent: 0, acknowledged: 0, recorded: 0 };
  for (const tenant of Object.keys(TENANTS)) {
    const counts = countsOf(stateDir, tenant);
    const rollUps = new Set(rollUpsOf(stateDir, tenant));
    assert.ok(rollUps.size <= 1, `${when}: ${tenant}: ${[...rollUps].join(" | ")}`);
    const known = [...books].filter(([key]) => key.startsWith(`${tenant}/`));
    for (const [key, { sent, acknowledged }] of known) {
      const { accept, defer, reject } = counts.get(key.slice(tenant.length + 1)) ?? NONE;
      const recorded = accept + defer + reject;
      const what = `${when}: ${key}: acknowledged ${acknowledged}, recorded ${recorded}, sent ${sent}`;
      assert.ok(acknowledged <= recorded && recorded <= sent, what);
      total.sent += sent;
      total.acknowledged += acknowledged;
      total.recorded += recorded;
    }
    for (const id of counts.keys()) assert.ok(books.has(`${tenant}/${id}`), `${when}: nobody sent ${id}`);
  }
  return total;
}

const NONE = { accept: 0, defer: 0, reject: 0 };

/**
 * Each server of which a message was acknowledged is listed, and none twice.
 * @param {import("../support/edge.mjs").Edge} edge
 * @param {Map<string, Book>} books
 */
async function assertListedOnce({ client }, books) {
  const acknowledged = [...books].filter(([, book]) => book.acknowledged > 0).map(([key]) => key);
  const listed = [];
  for (const tenant of Object.keys(TENANTS)) {
    for (const { id } of await client.servers(tenant)) listed.push(`${tenant}/${id}`);
  }
  assert.equal(new Set(listed).size, listed.length, "none is listed twice");
  const missing = acknowledged.filter((key) => !listed.includes(key));
  assert.deepEqual(missing, [], "all are listed");
}

/** Each build once. @param {{ build: string }[]} builds @returns {string[]} */
function unique(builds) {
  return [...new Set(builds.map(({ build }) => build))].sort();
}

/**
 * KV learns of every spell that the ledgers hold, with the builds of each, and of every policy.
 * @param {import("../support/edge.mjs").Edge} edge
 */
async function assertTold({ client, kv }) {
  let spells = 0;
  for (const [tenant, policy] of Object.entries(TENANTS)) {
    const servers = (await client.servers(tenant)).filter(({ detected_at }) => detected_at !== null);
    const held = servers.map(({ id, detected_at, nodes }) => [
      id,
      Date.parse(detected_at) / 1000,
      unique(nodes.flatMap((/** @type {any} */ { builds }) => builds)),
    ]);
    /** @type {unknown} */
    let told;
    const isTold = async () => {
      const keys = await kv.keys();
      const known = keys.filter(({ name }) => name.startsWith(`phase/${tenant}/`));
      told = known.map(({ name, value }) => {
        const { spell, builds } = JSON.parse(value).phase;
        return [name.split("/")[2], spell.detected_at, unique(builds)];
      });
      const hasPolicy = keys.some(({ name }) => name === `policy/${tenant}`);
      return hasPolicy === (policy !== undefined) && isDeepStrictEqual(told, held);
    };
    await until(`KV is told of ${tenant}`, isTold, { ms: TOLD_MS, every: 100 }).catch((error) => {
      assert.deepEqual(told, held, error.message);
      throw error;
    });
    assert.ok(held.length > 0, `${tenant} has spells`);
    spells += held.length;
  }
  return spells;
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
