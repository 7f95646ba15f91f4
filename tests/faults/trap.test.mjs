/**
 * A fault of ours by which the worker's instance of WebAssembly is lost, and with it all that it awaited: mail is accepted,
 * in the dialect of the gateway that asked, and so is its neighbours'; the next request meets an instance made anew.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { RELEASED, WITH_HOOKS } from "../support/builds.mjs";
import { until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, startEdge } from "../support/edge.mjs";
import { chunk, exchange, message, storeKey } from "../support/gateways.mjs";

const ROOT = new URL("../../", import.meta.url);
/** After so long the entry point gives up what hangs, and so much later its answer is here on a busy machine. */
const [HANGS_AFTER_MS, SLACK_MS] = [2_000, 4_000];
/** KV is awaited for longer than that here, so that what hangs is given up, and nothing is late for a busy machine's sake. */
const HANGS = { HANG_FACTOR: "1" };

/** @type {import("../support/edge.mjs").Edge} */
let edge;
let key = "";
let registration = "";

before(async () => {
  edge = await startEdge({ ledger: true, vars: HANGS });
  await blockedServer(edge, "contoso");
  key = await storeKey(edge.kv, "contoso", { gateway: { connector: "on_premises", postfix_refusals: true } });
  const body = { serialization: "json", inbound: { stages: ["data"], properties: [] }, outbound: null };
  const options = { key, body, now: BLOCKED };
  const registered = await edge.client.ask("POST", "/gateways/mta-hooks/registrations", options);
  registration = registered.json.registrationId;
});
after(() => edge.stop());
afterEach(() => edge.kv.setMode("ok"));

const REJECTED = message({ now: BLOCKED });
/** The field that Exim has added by then. */
const OWN = "Received: from ex01.contoso.com ([203.0.113.7])\r\n\tby mx.example.org with esmtp id 1\r\n";

/** @typedef {{ path: string, body: () => any, accept: unknown, decided: RegExp, headers?: () => Record<string, string> }} Dialect */

/** @type {Dialect[]} */
const DIALECTS = [
  {
    path: "/v1/decide",
    body: () => blockedMessage("contoso"),
    accept: { action: "accept", reply: null, degraded: true, recorded: false },
    decided: /"action":"reject"/,
  },
  {
    path: "/v1/decide/batch",
    body: () => [blockedMessage("contoso"), blockedMessage("contoso")],
    accept: [
      { action: "accept", degraded: true },
      { action: "accept", degraded: true },
    ],
    decided: /"action":"reject".*"action":"reject"/,
  },
  { path: "/checkv2", body: () => REJECTED, accept: { action: "no action" }, decided: /5\.7\.230/ },
  { path: "/gateways/exim", body: () => OWN + REJECTED, accept: "accept\n", decided: /^reject 550 / },
  {
    path: "/gateways/stalwart",
    body: () => ({ message: { headers: [["Received", REJECTED.split(/\r\n(?! )/)[0].slice(9)]] } }),
    accept: { action: "accept" },
    decided: /5\.7\.230/,
  },
  {
    path: "/gateways/mta-hooks/hook",
    body: () => ({ rawMessage: Buffer.from(REJECTED).toString("base64"), stage: "data" }),
    headers: () => ({ "x-mta-hooks-registration": registration }),
    accept: {},
    decided: /5\.7\.230/,
  },
  {
    path: "/gateways/postfix",
    body: () => "request=smtpd_access_policy\nclient_address=203.0.113.7\n\n",
    accept: "action=DUNNO\n\n",
    decided: /^action=DUNNO\n\n$/,
  },
];
/**
 * @param {Dialect} dialect
 * @param {Record<string, string>} [more] header fields
 */
function ask({ path, body, headers = () => ({}) }, more = {}) {
  return edge.client.ask("POST", path, {
    key,
    body: body(),
    now: BLOCKED,
    headers: { ...headers(), ...more },
  });
}

/** @param {any} answer @param {unknown} accept */
function assertAccepted({ status, json, text }, accept, what = "") {
  assert.equal(status, 200, `${what}: ${text}`);
  if (typeof accept === "string") assert.equal(text, accept, what);
  else if (Object.keys(accept ?? {}).length === 0) assert.deepEqual(json, accept, what);
  else assert.partialDeepStrictEqual(json, accept, what);
}

/**
 * Asks about the server's mail: it is refused, as ever.
 * @param {Dialect} dialect
 */
async function assertDecided(dialect, what = dialect.path) {
  assert.match((await ask(dialect)).text, dialect.decided, what);
}

/**
 * Asks, and the instance is lost over it.
 * @param {Dialect} dialect
 * @param {string} way
 * @param {string} trap
 */
async function assertLost(dialect, way, trap) {
  const what = `${dialect.path}, ${way}, ${trap}`;
  await assertDecided(dialect, what);
  const lost = await ask(dialect, { "x-tidegate-way": way, "x-tidegate-trap": trap });
  assertAccepted(lost, dialect.accept, what);
  if (dialect.path === "/v1/decide") assert.match(lost.json.why, /something of ours failed/, what);
  assert.ok(lost.ms < HANGS_AFTER_MS + SLACK_MS, `${what}: ${lost.ms} ms`);
  await assertDecided(dialect, what);
}

/** An overflow of the stack is no RuntimeError, and no panic either. */
const KINDS = ["trap", "panic", "overflow"];
const STEPS = ["admit", "decide"];

for (const step of STEPS) {
  test(`an instance that is lost over what was to be answered at once is an accept in every dialect: ${step}`, async () => {
    for (const dialect of DIALECTS) {
      for (const kind of KINDS) await assertLost(dialect, "at-once", `${step} ${kind}`);
    }
  });
}

test("an instance that is lost over what awaited storage is an accept in every dialect", async () => {
  for (const [index, dialect] of DIALECTS.entries()) {
    await assertLost(dialect, "later", `${STEPS[index % 2]} ${KINDS[index % 3]}`);
  }
});

test("neighbours whose instance is lost while they await storage are answered within two seconds", async (t) => {
  for (const dialect of DIALECTS) {
    await edge.kv.setMode("hang", { kinds: ["get", "bulk"] });
    const before = (await edge.kv.stats()).unanswered;
    const neighbours = [ask(dialect, { "x-tidegate-fresh": "1" }), ask(dialect, { "x-tidegate-fresh": "1" })];
    await until("both await KV", async () => (await edge.kv.stats()).unanswered >= before + 2, { every: 2 });
    const lost = await ask(DIALECTS[0], { "x-tidegate-trap": "admit trap" });
    assertAccepted(lost, DIALECTS[0].accept);
    for (const answer of await Promise.all(neighbours)) {
      assertAccepted(answer, dialect.accept, dialect.path);
      assert.ok(answer.ms > HANGS_AFTER_MS - 100, `${dialect.path} did not hang: ${answer.ms} ms`);
      assert.ok(answer.ms < HANGS_AFTER_MS + SLACK_MS, `${dialect.path}: ${answer.ms} ms`);
      t.diagnostic(`${dialect.path}: ${answer.ms.toFixed(0)} ms`);
    }
    await edge.kv.setMode("ok");
    await assertDecided(dialect);
  }
});

test("a neighbour whose message was still coming when the instance was lost is accepted when it has come", async () => {
  const body = JSON.stringify(blockedMessage("contoso"));
  for (const framing of [`content-length: ${body.length}`, "transfer-encoding: chunked"]) {
    const head = ["POST /v1/decide HTTP/1.1", "host: x", `authorization: Bearer ${key}`, framing, "", ""];
    const isChunked = framing.startsWith("transfer");
    const pieces = [body.slice(0, 100), body.slice(100)].map((piece) => (isChunked ? chunk(piece) : piece));
    await ask(DIALECTS[0]);
    const answer = await exchange(edge.worker.port, async (write) => {
      await write(head.join("\r\n"));
      await write(pieces[0]);
      // by its answer the first one has been admitted
      await ask(DIALECTS[0]);
      assertAccepted(await ask(DIALECTS[0], { "x-tidegate-trap": "decide trap" }), DIALECTS[0].accept);
      await write(pieces[1]);
      if (isChunked) await write("0\r\n\r\n");
    });
    const { action, degraded } = JSON.parse(answer.body);
    assert.deepEqual([answer.status, action, degraded], [200, "accept", true]);
  }
});

test("many at once come through the loss of the instance, and none of them is a 500", async () => {
  await ask(DIALECTS[0]);
  const asked = Array.from({ length: 60 }, (_, index) =>
    ask(DIALECTS[index % DIALECTS.length], index % 20 === 7 ? { "x-tidegate-trap": "decide trap" } : {}),
  );
  for (const [index, answer] of (await Promise.all(asked)).entries()) {
    const { path, accept, decided } = DIALECTS[index % DIALECTS.length];
    assert.equal(answer.status, 200, path);
    if (!decided.test(answer.text)) assertAccepted(answer, accept, path);
    assert.ok(answer.ms < HANGS_AFTER_MS + SLACK_MS, `${path}: ${answer.ms} ms`);
  }
});

test("each loss makes one instance anew, and operators see that mail was accepted for it", async () => {
  const own = await startEdge({ kv: edge.kv, ledger: true, vars: HANGS });
  try {
    const decide = (/** @type {Record<string, string>} */ headers) =>
      own.client.decide(blockedMessage("contoso"), { now: BLOCKED, headers });
    for (const [index, kind] of KINDS.entries()) {
      await decide({});
      const lost = { "x-tidegate-way": "at-once", "x-tidegate-trap": `decide ${kind}` };
      assert.equal((await decide(lost)).degraded, true);
      assert.equal((await decide({})).degraded, false);
      // a route of the other way, which would make it anew once more
      const { text } = await own.client.ask("GET", "/metrics");
      assert.match(text, new RegExp(`^tidegate_degraded_total\\{cause="internal"\\} ${index + 1}$`, "m"));
      const anew = own.worker.output().split("Reinitializing Wasm application").length - 1;
      assert.equal(anew, index + 1, own.worker.output());
    }
  } finally {
    await own.stop();
  }
});

test("the entry point is the one for the worker-build that is pinned, and finds there what it is not promised", () => {
  const pinned = /^worker = "=([\d.]+)"/m.exec(readFileSync(new URL("Cargo.toml", ROOT), "utf8"))?.[1];
  const entry = readFileSync(new URL("src/entry.js", ROOT), "utf8");
  assert.ok(pinned && entry.includes(`worker-build (${pinned})`), `entry.js is not for worker ${pinned}`);
  const calls = /const \{ ([^}]+) \} = Built\.prototype/.exec(entry)?.[1].split(", ") ?? [];
  assert.ok(calls.length > 5, entry);
  for (const build of [RELEASED, WITH_HOOKS]) {
    assert.equal(readFileSync(`${build}/entry.js`, "utf8"), entry, `${build} is of another entry point`);
    const built = readFileSync(`${build}/index.js`, "utf8");
    assert.match(built, /globalThis\.__worker_init_state=\{criticalError:/);
    for (const call of calls) assert.match(built, new RegExp(`\\.prototype\\.${call}=`), call);
  }
});
