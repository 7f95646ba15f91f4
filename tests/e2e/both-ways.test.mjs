/**
 * What gateways ask is answered at once where the isolate's cache has what the answer rests on, and else after storage was
 * awaited: the answer is the same, octet by octet, and counts once.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as elapsed } from "node:timers/promises";
import { event, received, rfc3339, until } from "../support/client.mjs";
import { BLOCKED, blockedMessage, blockedServer, KEY, startEdge } from "../support/edge.mjs";
import { chunk, exchange, message, storeKey } from "../support/gateways.mjs";
import { BAD_EVENTS, HEADER, HOSTILE, HOSTILE_ENVELOPES, MAX_BODY, NOW } from "../support/hostile.mjs";
import { samples } from "../support/samples.mjs";

const FIXTURES = new URL("../../crates/wire/tests/fixtures/", import.meta.url);
/** The key in the fixtures. */
const FIXTURES_KEY = "tg_k3f9_secret";
/** The server in the fixtures. */
const FIXTURES_HOST = "EX1.contoso.example";
/** The first is answered past the cache, which the second needs. */
const WAYS = ["later", "at-once"];

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** The keys, by tenant: in `blocked` the server is rejected at every minute, in `throttled` deferred. */
const keys = { blocked: "", throttled: "" };

before(async () => {
  edge = await startEdge({ ledger: true, vars: { AUTO_TENANTS: "off" } });
  await edge.client.putPolicy("strict", { baseline: "strict" }, { now: NOW });
  const ladder = [
    { days: 30, throttle_minutes: 0, block_minutes: 0 },
    { throttle_minutes: 60, block_minutes: 0 },
  ];
  const [enforce, throttle] = [{ mode: "enforce" }, { mode: "enforce", ladder }];
  for (const [tenant, policy] of /** @type {const} */ ([
    ["blocked", enforce],
    ["throttled", throttle],
  ])) {
    await blockedServer(edge, tenant, undefined, policy);
    await blockedServer(edge, tenant, FIXTURES_HOST, policy);
    keys[tenant] = await storeKey(edge.kv, tenant);
  }
});
after(() => edge.stop());

/**
 * Asks by both ways, and has the answer that both are.
 * @param {string} what
 * @param {string} path
 * @param {import("../support/client.mjs").Circumstances & { method?: string, body?: any }} options
 */
async function askBothWays(what, path, { method = "POST", headers, ...options }) {
  const answers = [];
  for (const way of [...WAYS, ""]) {
    const sent = { ...headers, "x-tidegate-way": way };
    const answer = await edge.client.ask(method, path, { now: BLOCKED, ...options, headers: sent });
    answers.push({ status: answer.status, headers: shown(answer.headers), text: answer.text });
  }
  const [later, atOnce, asCame] = answers;
  assert.deepEqual(atOnce, later, what);
  assert.deepEqual(asCame, later, what);
  return later;
}

/** @param {Headers} headers */
function shown(headers) {
  return [...headers].filter(([name]) => name !== "date").sort();
}

/**
 * As a gateway's connection has it, without the date.
 * @param {{ head: string, body: string }} answer
 */
function octets({ head, body }) {
  return `${head.replace(/^date:.*\r\n/im, "")}\r\n\r\n${body}`;
}

test("every real header field is judged the same", async () => {
  const verdicts = new Set();
  for (const { n, header } of samples()) {
    for (const tenant of ["microsoft", "strict"]) {
      const what = `block ${n}, ${tenant}`;
      const { status, text } = await askBothWays(what, "/v1/decide", { body: event({ tenant, header }) });
      assert.equal(status, 200, what);
      const { degraded, standing } = JSON.parse(text);
      assert.equal(degraded, false, what);
      verdicts.add(`${standing.state}:${standing.reason}`);
    }
  }
  assert.ok(verdicts.size > 5, [...verdicts].join());
});

test("a server meets the same whichever way it is asked about", async () => {
  for (const [tenant, action] of [
    ["blocked", "reject"],
    ["throttled", "defer"],
  ]) {
    for (const members of [{}, { event_id: "4ABCDEF" }, { envelope: { to: ["postmaster@example.org"] } }]) {
      const { text } = await askBothWays(tenant, "/v1/decide", { body: blockedMessage(tenant, members) });
      assert.equal(JSON.parse(text).action, "envelope" in members ? "accept" : action);
    }
  }
});

test("what a sender wrote, and what a gateway did wrong, has the same answer", async () => {
  for (const [what, posted] of HOSTILE) {
    const body = "body" in posted ? posted.body : event({ tenant: "contoso", ...posted });
    assert.equal((await askBothWays(what, "/v1/decide", { body, now: NOW })).status, 200, what);
  }
  for (const [what, members] of HOSTILE_ENVELOPES) {
    const body = { ...event({ tenant: "blocked", header: HEADER }), ...members };
    assert.equal((await askBothWays(what, "/v1/decide", { body, now: NOW })).status, 200, what);
  }
  for (const [what, body] of BAD_EVENTS) {
    assert.equal((await askBothWays(what, "/v1/decide", { body })).status, 400, what);
  }
});

test("who may not ask is told the same", async () => {
  const viewer = await storeKey(edge.kv, "viewer", { role: "viewer" });
  const expired = await storeKey(edge.kv, "expired", { expires_at: BLOCKED - 1 });
  const elsewhere = await storeKey(edge.kv, "elsewhere", { networks: ["192.0.2.0/24"] });
  const all = await storeKey(edge.kv, "all", { tenant: null });
  const body = message({ now: BLOCKED });
  for (const [what, path, key, status] of /** @type {[string, string, string | null, number][]} */ ([
    ["no key", "/v1/decide", null, 401],
    ["a wrong key", "/v1/decide", "tg_wrong_secret", 401],
    ["no key", "/checkv2", null, 401],
    ["a wrong key", "/gateways/mta-hooks/hook", "tg_wrong_secret", 401],
    ["a key of another role", "/v1/decide", viewer, 403],
    ["a key that has expired", "/checkv2", expired, 401],
    ["a key from elsewhere", "/checkv2", elsewhere, 403],
    ["no tenant", "/gateways/exim", all, 400],
    ["another tenant", "/checkv2?tenant=throttled", keys.blocked, 403],
    ["no registration", "/gateways/mta-hooks/hook", keys.blocked, 404],
    ["a tenant in the address", "/checkv2?tenant=blocked", all, 200],
  ])) {
    assert.equal((await askBothWays(`${what}, ${path}`, path, { key, body })).status, status, what);
  }
  for (const path of ["/v1/decide", "/v1/decide/batch", "/gateways/exim", "/gateways/postfix"]) {
    assert.equal((await askBothWays(path, path, { method: "PUT", body })).status, 405);
  }
  const noClock = { body: "{}", now: "yesterday" };
  assert.equal((await askBothWays("no clock", "/v1/decide", noClock)).status, 400);
});

test("each dialect says the same, in the requests that its gateways send", async () => {
  const hash = createHash("sha256").update(FIXTURES_KEY).digest("hex");
  const answered = new Set();
  for (const tenant of /** @type {const} */ (["blocked", "throttled"])) {
    for (const byHeader of [false, true]) {
      const gateway = { connector: "on_premises", rspamd_add_headers: byHeader };
      const id = `fixtures-${tenant}-${byHeader}`;
      await edge.kv.put(`key/${hash}`, JSON.stringify({ id, role: "gateway", tenant, gateway }));
      for (const { name, request } of await fixtures()) {
        const answers = [];
        for (const way of ["fresh", ...WAYS]) {
          const asked = way === "fresh" ? { "x-tidegate-fresh": "1" } : { "x-tidegate-way": way };
          answers.push(octets(await sendRaw(request, asked)));
        }
        const [fresh, later, atOnce] = answers;
        assert.equal(later, fresh, name);
        assert.equal(atOnce, later, name);
        assert.match(fresh, /^HTTP\/1\.[01] 200 /, name);
        answered.add(`${name.split("/")[0]}: ${/[45]\.7\.230/.exec(fresh)?.[0]}`);
      }
    }
  }
  for (const dialect of ["exim", "mta_hooks", "rspamd", "stalwart"]) {
    assert.ok(answered.has(`${dialect}: 4.7.230`), `${dialect}: ${[...answered]}`);
  }
});

/** The requests of the fixtures, with a registration that is one. */
async function fixtures() {
  const wanted = { serialization: "json", inbound: { stages: ["data"], properties: [] }, outbound: null };
  const registered = await edge.client.ask("POST", "/gateways/mta-hooks/registrations", {
    key: FIXTURES_KEY,
    body: wanted,
    now: BLOCKED,
    fresh: true,
  });
  const id = registered.json.registrationId;
  const found = [];
  for (const folder of readdirSync(FIXTURES)) {
    for (const file of readdirSync(new URL(`${folder}/`, FIXTURES))) {
      if (!file.endsWith(".request") || file.startsWith("registration")) continue;
      const text = readFileSync(new URL(`${folder}/${file}`, FIXTURES), "latin1");
      const request = text.replace(/^(x-mta-hooks-registration: ).*\r$/im, `$1${id}\r`);
      found.push({ name: `${folder}/${file}`, request });
    }
  }
  assert.ok(found.length >= 10, String(found.length));
  return found;
}

/**
 * @param {string} request
 * @param {Record<string, string>} more header fields
 */
function sendRaw(request, more) {
  const fields = { "x-tidegate-now": rfc3339(BLOCKED), ...more };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const end = request.indexOf("\r\n") + 2;
  const text = request.slice(0, end) + lines.join("") + request.slice(end);
  return exchange(edge.worker.port, (write) => write(Buffer.from(text, "latin1")));
}

test("a batch is answered at once where the cache has what all of it rests on", async () => {
  const real = samples().map(({ header }) => event({ tenant: "strict", header }));
  const mixed = [
    blockedMessage("blocked"),
    { tenant: "blocked" },
    5,
    blockedMessage("throttled"),
    event({ tenant: "blocked", header: "" }),
  ];
  const many = Array.from({ length: 256 }, (_, index) => real[index % real.length]);
  const lines = mixed.map((line) => JSON.stringify(line)).join("\n");
  /** @type {[string, any, number, Record<string, string>?][]} */
  const batches = [
    ["real fields", real, 200],
    ["one of each", mixed, 200],
    ["256 events", many, 200],
    ["257 events", [...many, 1], 422],
    ["lines", lines, 200],
    ["lines by their type", lines, 200, { "content-type": "application/x-ndjson" }],
    ["none", [], 200],
    ["no array", '"x"', 400],
    ["half an array", "[1,", 400],
  ];
  for (const [what, body, status, headers] of batches) {
    const answer = await askBothWays(what, "/v1/decide/batch", { body, headers });
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    if (what !== "one of each") continue;
    const items = JSON.parse(answer.text);
    assert.deepEqual(
      items.map((/** @type {any} */ item) => item.action ?? item.status),
      ["reject", 400, 400, "defer", "accept"],
    );
  }
});

test("one event of a batch that the cache does not know has all of it await storage, and each counts once", async () => {
  const body = ["blocked", "throttled"].map((tenant) => blockedMessage(tenant));
  await askBothWays("known", "/v1/decide/batch", { body });
  const other = event({ tenant: "unseen", header: received({ host: "EX09.contoso.com", now: BLOCKED }) });
  await counts("blocked");
  const before = await edge.client.counted("blocked");
  const path = "/v1/decide/batch";
  const refused = await edge.client.ask("POST", path, {
    body: [...body, other],
    now: BLOCKED,
    headers: { "x-tidegate-way": "at-once" },
  });
  assert.equal(refused.status, 500, "a test that asks for it at once is told that it is not");
  const answered = await edge.client.ask("POST", path, { body: [...body, other], now: BLOCKED });
  assert.deepEqual(
    answered.json.map((/** @type {any} */ { action }) => action),
    ["reject", "defer", "accept"],
  );
  await counts("blocked", before + 1);
});

test("a message counts once, whichever way it is answered", async () => {
  await edge.client.decide(blockedMessage("blocked"), { now: BLOCKED });
  await counts("blocked");
  const before = await edge.client.counted("blocked");
  const sent = [];
  for (const headers of [{ "x-tidegate-way": "later" }, { "x-tidegate-way": "at-once" }, {}]) {
    for (let index = 0; index < 4; index += 1) sent.push(headers);
  }
  for (const [index, headers] of sent.entries()) {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED + index });
    const body = event({ tenant: "blocked", header, event_id: `counted-${index}` });
    const decision = await edge.client.decide(body, { now: BLOCKED, headers });
    assert.deepEqual([decision.action, decision.degraded], ["reject", false]);
  }
  await counts("blocked", before + sent.length);
});

/**
 * Waits until what was answered is counted, and sees that no more is than that.
 * @param {string} tenant
 * @param {number} [expected]
 */
async function counts(tenant, expected) {
  // sent within a second of its answer
  let last = await edge.client.counted(tenant);
  await until(`all is counted: ${expected}`, async () => {
    await elapsed(1_200);
    const counted = await edge.client.counted(tenant);
    const isSettled = counted === last && (expected === undefined || counted >= expected);
    last = counted;
    return isSettled;
  });
  if (expected !== undefined) assert.equal(last, expected);
}

test("decisions and refusals are counted once for operators, whichever way they were answered", async () => {
  const sums = async () => {
    const { text } = await edge.client.ask("GET", "/metrics");
    const sum = (/** @type {string} */ series) => Number(text.split(`\n${series} `)[1]?.split("\n")[0]);
    return [
      'tidegate_decisions_total{action="reject"}',
      'tidegate_requests_total{status="4xx"}',
      "tidegate_keys_refused_total",
    ].map(sum);
  };
  const before = await sums();
  const body = blockedMessage("blocked");
  await askBothWays("rejected", "/v1/decide", { body });
  await askBothWays("refused", "/v1/decide", { body, key: "tg_wrong_secret" });
  const after = await sums();
  assert.deepEqual(
    after.map((sum, index) => sum - before[index]),
    [3, 3, 3],
  );
});

test("a body is read up to the same bound, however it is framed", async () => {
  const key = `authorization: Bearer ${KEY}`;
  const frame = JSON.stringify({ tenant: "contoso", header: "" }).length;
  for (const [length, status] of [
    [MAX_BODY, 200],
    [MAX_BODY + 1, 413],
  ]) {
    const body = JSON.stringify({ tenant: "contoso", header: "x".repeat(length - frame) });
    const told = await askBothWays(`${length} octets`, "/v1/decide", { body });
    assert.equal(told.status, status);
    const untold = await edge.client.ask("POST", "/v1/decide", {
      body: new Blob([body]).stream(),
      now: BLOCKED,
      headers: { "x-tidegate-way": "at-once" },
    });
    assert.deepEqual([untold.status, untold.text], [status, told.text]);
  }
  // a key is looked at before a length
  const { status } = await askBothWays("too long", "/v1/decide", {
    body: "x".repeat(MAX_BODY + 1),
    key: "tg_x_y",
  });
  assert.equal(status, 401);
  const body = JSON.stringify(blockedMessage("blocked"));
  for (const way of WAYS) {
    const head = ["POST /v1/decide HTTP/1.1", "host: x", key, `x-tidegate-now: ${rfc3339(BLOCKED)}`];
    head.push(`x-tidegate-way: ${way}`);
    const piecemeal = await exchange(edge.worker.port, async (write) => {
      await write([...head, "transfer-encoding: chunked", "", ""].join("\r\n"));
      for (let at = 0; at < body.length; at += 100) await write(chunk(body.slice(at, at + 100)));
      await write("0\r\n\r\n");
    });
    assert.equal(JSON.parse(piecemeal.body).action, "reject");
  }
});

test("a request that breaks off in its body is the caller's fault, and harms no other", async () => {
  const body = JSON.stringify(blockedMessage("blocked"));
  const key = `authorization: Bearer ${KEY}`;
  for (const way of WAYS) {
    const head = ["POST /v1/decide HTTP/1.1", "host: x", key, `x-tidegate-way: ${way}`];
    for (const framing of [`content-length: ${body.length}`, "transfer-encoding: chunked"]) {
      const part = framing.startsWith("content") ? body.slice(0, 100) : chunk(body.slice(0, 100));
      for (const leave of /** @type {const} */ (["destroy", "end"])) {
        const socket = connect(edge.worker.port, "127.0.0.1");
        await once(socket, "connect");
        socket
          .on("error", () => {})
          .write(Buffer.concat([Buffer.from([...head, framing, "", ""].join("\r\n")), Buffer.from(part)]));
        // by then it has come in, and more of it is awaited
        await edge.client.ask("GET", "/v1/health");
        socket[leave]();
        socket.resume();
        await once(socket, "close");
      }
    }
    const answer = await edge.client.ask("POST", "/v1/decide", { body, now: BLOCKED });
    assert.equal(answer.json.action, "reject");
  }
  assert.ok(!edge.worker.output().includes("accepted without a decision"), edge.worker.output());
});

test("memory alone decides no longer than it may: what is too old awaits storage", async () => {
  // a hundred seconds of its clock in one: a key is served for 30 of them, a policy for 60
  const vars = { AUTO_TENANTS: "off", CLOCK_RATE: "100", CLOCK_SINCE: String(Date.now()) };
  const fast = await startEdge({ kv: edge.kv, ledger: true, vars });
  try {
    const ask = (/** @type {string} */ way, key = keys.blocked) =>
      fast.client.ask("POST", "/v1/decide", {
        body: blockedMessage("blocked"),
        key,
        now: BLOCKED,
        headers: { "x-tidegate-way": way },
      });
    const isServed = async () => {
      await ask("later");
      return (await ask("at-once")).status === 200;
    };
    await until("the cache serves", isServed);
    await elapsed(650);
    assert.equal((await ask("at-once")).status, 500, "the key is too old");
    assert.equal((await ask("at-once", KEY)).status, 500, "the policy is too old");
    await edge.kv.setMode("hang");
    const { json } = await ask("");
    assert.deepEqual([json.action, json.degraded], ["accept", true]);
  } finally {
    await edge.kv.setMode("ok");
    await fast.stop();
  }
});
