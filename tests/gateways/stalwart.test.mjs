/**
 * Stalwart cannot be installed here: what its client sends is replayed byte for byte, and the answers are read as its
 * source reads them. Only the key and, where a test says so, the build in the message are others than in the fixture.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { event, mailDate, received, until } from "../support/client.mjs";
import { now as testsNow } from "../support/day.mjs";
import { published, startEdge } from "../support/edge.mjs";
import { exchange } from "../support/gateways.mjs";
import { startFront } from "./support/front.mjs";

const FIXTURES = fileURLToPath(new URL("../../crates/wire/tests/fixtures/stalwart/", import.meta.url));
const DAY = 24 * 3600;
const HOST = "EX1.contoso.example";
const BUILD = "15.1.2507.6";
const TEXT = "Connecting Exchange server version is out-of-date; connection to this mail service";
/** The key in the fixtures; those of the tenants are as long. */
const KEY = "tg_k3f9_secret";
/** Each of a ladder whose last stage, without end, the server has come to. */
const TENANTS = {
  throttled: { key: "tg_thr1_secret", throttle_minutes: 60, block_minutes: 0 },
  blocked: { key: "tg_blo1_secret", throttle_minutes: 0, block_minutes: 60 },
};
const REPLIES = {
  throttled: `450 4.7.230 ${TEXT} throttled for 60 mins/hr.`,
  blocked: `550 5.7.230 ${TEXT} blocked for 60 mins/hr.`,
};

/** @typedef {keyof typeof TENANTS} Tenant */

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** @type {import("./support/front.mjs").Front} */
let front;

before(async () => {
  edge = await startEdge({ ledger: true });
  const now = testsNow();
  for (const [tenant, { key, ...minutes }] of Object.entries(TENANTS)) {
    const ladder = [{ days: 20, throttle_minutes: 0, block_minutes: 0 }, minutes];
    await edge.client.putPolicy(tenant, { mode: "enforce", ladder }, { now: now - 31 * DAY });
    for (const day of [30, 20, 10, 0]) {
      for (const at of day === 30 ? [now - day * DAY - 60, now - day * DAY] : [now - day * DAY]) {
        const header = received({ host: HOST, now: at, build: BUILD });
        await edge.client.decide(event({ tenant, record: "sync", header }), { now: at });
      }
    }
    const record = { id: tenant, role: "gateway", tenant, gateway: { connector: "on_premises" } };
    const hash = createHash("sha256").update(key).digest("hex");
    await edge.kv.put(`key/${hash}`, JSON.stringify(record));
    await published(edge.kv, `policy/${tenant}`, () => true);
    await published(edge.kv, `phase/${tenant}/${HOST.toLowerCase()}`, ({ phase }) => phase.spell !== null);
  }
  front = await startFront(edge.worker.port);
});
after(async () => {
  await front?.stop();
  await edge?.stop();
});
afterEach(() => front.set("pass"));

/**
 * A request as Stalwart sends it.
 * @param {"connect" | "data"} stage
 * @param {string} key
 * @param {(body: string) => string} [change]
 */
function request(stage, key, change = (body) => body) {
  const [head, body] = readFileSync(`${FIXTURES}${stage}.request`, "utf8").split("\r\n\r\n");
  const basic = (/** @type {string} */ secret) => Buffer.from(`gateway:${secret}`).toString("base64");
  assert.ok(head.includes(basic(KEY)));
  // stamped as it is handed over: what has lain in a queue is deferred and not rejected
  const date = mailDate(testsNow());
  const stamped = body.replaceAll(/Sun, 22 Nov 2026(\\r\\n)? 04:00:00 \+0000/g, date);
  const changed = Buffer.from(change(stamped));
  const fields = head
    .replace(basic(KEY), basic(key))
    .replace(/^Content-Length: \d+/m, `Content-Length: ${changed.length}`);
  return Buffer.concat([Buffer.from(`${fields}\r\n\r\n`), changed]);
}

/**
 * What Stalwart makes of an answer: undefined where it goes on, else the line that its SMTP client sees. With
 * `tempfail-on-error = false` every failure is a going on.
 * @param {{ status: number, body: string }} answer
 */
function line({ status, body }) {
  if (status < 200 || status > 299) return undefined;
  const document = JSON.parse(body);
  const actions = ["accept", "discard", "reject", "quarantine"];
  assert.ok(actions.includes(document.action), body);
  for (const name of Object.keys(document)) assert.ok(["action", "response", "modifications"].includes(name));
  if (document.action === "accept") return undefined;
  const { status: code, enhanced_status, message, disconnect } = document.response ?? {};
  // without these two it says a text of its own
  assert.equal(typeof code, "number");
  assert.equal(typeof message, "string");
  assert.equal(disconnect, false);
  return enhanced_status ? `${code} ${enhanced_status} ${message}` : `${code} ${message}`;
}

/** @param {Buffer} bytes */
async function ask(bytes) {
  const answer = await exchange(front.port, (write) => write(bytes));
  return { ...answer, line: line(answer) };
}

for (const tenant of /** @type {Tenant[]} */ (["throttled", "blocked"])) {
  test(`a message of a ${tenant} server is answered ${REPLIES[tenant]}`, async () => {
    const { key } = TENANTS[tenant];
    const answer = await until("the key is known", async () => {
      const answer = await ask(request("data", key));
      return answer.line !== undefined && answer;
    });
    assert.equal(answer.status, 200);
    assert.match(answer.head, /^content-type: application\/json\r?$/im);
    assert.equal(answer.line, REPLIES[tenant]);
  });
}

test("mail of patched servers, mail that never met Exchange and stages without a message go on", async () => {
  const { key } = TENANTS.blocked;
  const unchanged = request("data", key).length;
  for (const bytes of [
    request("data", key, (body) => body.replace(`id ${BUILD};`, "id 15.1.2507.61;").replace("EX1", "EX2")),
    request("data", key, (body) =>
      body.replaceAll("Microsoft SMTP Server", "ESMTP").replace("with mapi", "with"),
    ),
    request("connect", key),
  ]) {
    assert.notEqual(bytes.length, unchanged);
    const answer = await ask(bytes);
    assert.deepEqual([answer.status, answer.body, answer.line], [200, '{"action":"accept"}', undefined]);
  }
});

test("a request that comes twice has the same answer", async () => {
  const bytes = request("data", TENANTS.throttled.key);
  const [first, second] = [await ask(bytes), await ask(bytes)];
  assert.equal(first.line, REPLIES.throttled);
  assert.equal(second.body, first.body);
});

test("postmaster hears from a blocked server", async () => {
  const change = (/** @type {string} */ body) => body.replace("bob@gw.test", "postmaster@gw.test");
  assert.equal((await ask(request("data", TENANTS.blocked.key, change))).line, undefined);
});

test("a wrong key, and a Tidegate that is gone or slow, are failures to Stalwart", async () => {
  const refused = await ask(request("data", "tg_none_secret"));
  assert.deepEqual([refused.status, refused.line], [401, undefined]);
  await front.set("gone");
  await assert.rejects(ask(request("data", TENANTS.blocked.key)), /ECONNREFUSED/);
  await front.set("slow", { ms: 10_000 });
  const late = ask(request("data", TENANTS.blocked.key)).catch(() => "cut");
  const timeout = new Promise((resolve) => setTimeout(resolve, 2_500, "timeout"));
  assert.equal(await Promise.race([late, timeout]), "timeout");
  await front.set("pass");
  assert.equal(await late, "cut");
  assert.equal((await ask(request("data", TENANTS.blocked.key))).line, REPLIES.blocked);
});
