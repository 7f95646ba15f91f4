/**
 * The gateways' own dialects on workerd: what each of them asks, and the reply that its sender is to see.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/client.mjs";
import { BLOCKED, blockedServer, published, startEdge } from "../support/edge.mjs";
import { chunk, exchange, message, sendThenRead, storeKey } from "../support/gateways.mjs";

const TEXT = "Connecting Exchange server version is out-of-date; connection to this mail service";
const DEFERRED = `4.7.230 ${TEXT} throttled for 60 mins/hr.`;
const REJECTED = `5.7.230 ${TEXT} blocked for 60 mins/hr.`;
const IP = "203.0.113.7";
const OWN = `Received: from ex01.contoso.com ([${IP}])\r\n\tby mx.example.org with esmtp id 1\r\n`;

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** The same KV at an edge with the deadlines that users have. @type {import("../support/edge.mjs").Edge} */
let punctual;
/** The keys, by tenant: in `blocked` the server is rejected at every minute, in `throttled` deferred. */
const keys = { blocked: "", throttled: "" };

before(async () => {
  edge = await startEdge({ ledger: true });
  punctual = await startEdge({ kv: edge.kv, ledger: true, patient: false });
  await blockedServer(edge, "blocked");
  const ladder = [
    { days: 30, throttle_minutes: 0, block_minutes: 0 },
    { throttle_minutes: 60, block_minutes: 0 },
  ];
  await blockedServer(edge, "throttled", undefined, { mode: "enforce", ladder });
  for (const tenant of /** @type {const} */ (["blocked", "throttled"])) {
    keys[tenant] = await storeKey(edge.kv, tenant);
  }
});
after(() => punctual.stop());
after(() => edge.stop());
afterEach(() => edge.kv.setMode("ok"));

/**
 * Asks at `BLOCKED` past the isolate's cache, unless `options` say otherwise.
 * @param {string} path
 * @param {string} key
 * @param {string | Buffer | object} body
 * @param {import("../support/client.mjs").Circumstances & { method?: string }} [options]
 */
function ask(path, key, body, { method = "POST", ...options } = {}) {
  return edge.client.ask(method, path, { key, body, now: BLOCKED, fresh: true, ...options });
}

/** @param {string} text as Stalwart sends it */
function stalwart(text, contents = "Body\r\n") {
  const headers = text
    .split("\r\n\r\n")[0]
    .split(/\r\n(?![ \t])/)
    .map((field) => [field.slice(0, field.indexOf(":")), `${field.slice(field.indexOf(":") + 1)}\r\n`]);
  return {
    context: { stage: "data", client: { ip: IP, port: 4711 }, queue: { id: "c1" }, protocol: { version: 1 } },
    envelope: { from: { address: "a@contoso.com" }, to: [{ address: "b@example.org" }] },
    message: { headers, contents, size: 1 },
  };
}

/** @type {{ name: string, path: string, type: string, body: (text: string) => string | object, headers?: Record<string, string>, own?: string, accept: unknown, defer: unknown, reject: unknown }[]} */
const DIALECTS = [
  {
    name: "rspamd",
    path: "/checkv2",
    type: "application/json",
    headers: { ip: `${IP}:59172`, "queue-id": "Q1", rcpt: "<b@example.org>", flags: "milter,body_block" },
    body: (text) => text,
    accept: {
      is_skipped: false,
      score: 0,
      required_score: 15,
      action: "no action",
      symbols: {},
      messages: {},
    },
    defer: rspamdAnswer("soft reject", DEFERRED),
    reject: rspamdAnswer("reject", REJECTED),
  },
  {
    name: "Exim",
    path: "/gateways/exim",
    type: "text/plain",
    own: OWN,
    body: (text) => text.replaceAll("\r\n", "\n"),
    accept: "accept\n",
    defer: `defer 450 ${DEFERRED}\n`,
    reject: `reject 550 ${REJECTED}\n`,
  },
  {
    name: "Stalwart",
    path: "/gateways/stalwart",
    type: "application/json",
    body: stalwart,
    accept: { action: "accept" },
    defer: stalwartAnswer(450, "4.7.230", DEFERRED),
    reject: stalwartAnswer(550, "5.7.230", REJECTED),
  },
];

/** @param {string} action @param {string} smtp_message */
function rspamdAnswer(action, smtp_message) {
  const symbol = { name: "OUTDATED_EXCHANGE", score: 15, metric_score: 15 };
  const symbols = { OUTDATED_EXCHANGE: symbol };
  return { is_skipped: false, score: 15, required_score: 15, action, symbols, messages: { smtp_message } };
}

/** @param {number} status @param {string} enhanced_status @param {string} text */
function stalwartAnswer(status, enhanced_status, text) {
  const response = {
    status,
    enhanced_status,
    message: text.slice(enhanced_status.length + 1),
    disconnect: false,
  };
  return { action: "reject", response };
}

for (const { name, path, type, headers, own = "", body, ...expected } of DIALECTS) {
  test(`${name} is told what was decided, word for word`, async () => {
    const send = async (/** @type {keyof typeof keys} */ tenant, /** @type {string} */ text) => {
      const answer = await ask(path, keys[tenant], body(text), { headers });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers.get("content-type"), type);
      return answer.json ?? answer.text;
    };
    const out = message({ now: BLOCKED, own });
    assert.deepEqual(await send("throttled", out), expected.defer);
    assert.deepEqual(await send("blocked", out), expected.reject);
    const current = message({ now: BLOCKED, own, host: "EX02.contoso.com", build: "15.1.2507.61" });
    assert.deepEqual(await send("blocked", current), expected.accept);
    const other = `${own}Received: from a by b with ESMTP id 1; Mon, 4 Jan 2027 00:00:00 +0000\r\n\r\n`;
    assert.deepEqual(await send("blocked", other), expected.accept);
  });

  test(`${name} is answered that mail goes on when its request is garbage or something of ours fails`, async () => {
    for (const garbage of [
      "",
      "\0\0",
      "{",
      "[[[[",
      "null",
      "\r\n\r\n",
      '{"message":7}',
      "\x28\xb5\x2f\xfd",
    ]) {
      const answer = await ask(path, keys.blocked, Buffer.from(garbage, "latin1"), { headers });
      assert.deepEqual([answer.status, answer.json ?? answer.text], [200, expected.accept], garbage);
    }
    const noise = { ip: "ten", rcpt: ",,,", "queue-id": "\xff" };
    const answer = await ask(path, keys.blocked, "{}", { headers: noise });
    assert.deepEqual([answer.status, answer.json ?? answer.text], [200, expected.accept]);
    for (const mode of /** @type {const} */ (["hang", "500", "refuse"])) {
      await edge.kv.setMode(mode);
      const asked = {
        key: keys.blocked,
        body: body(message({ now: BLOCKED, own })),
        now: BLOCKED,
        fresh: true,
        headers,
      };
      const failed = await punctual.client.ask("POST", path, asked);
      assert.deepEqual([failed.status, failed.json ?? failed.text], [200, expected.accept], mode);
      assert.ok(failed.ms < 1_000, `${failed.ms} ms`);
      await edge.kv.setMode("ok");
    }
  });

  test(`${name} sends 25 MB, and costs no more memory than the beginning`, async (t) => {
    const huge = typeof body("") === "object" ? stalwart(message({ now: BLOCKED }), "x".repeat(25e6)) : null;
    const text = huge ? JSON.stringify(huge) : `${body(message({ now: BLOCKED, own }))}${"x".repeat(25e6)}`;
    const small = await ask(path, keys.blocked, body(message({ now: BLOCKED, own })), { headers });
    const before = residentBytes();
    const lines = Object.entries({ authorization: `Bearer ${keys.blocked}`, ...headers });
    for (let round = 0; round < 4; round += 1) {
      const head = [
        `POST ${path} HTTP/1.1`,
        "host: x",
        ...lines.map(([field, value]) => `${field}: ${value}`),
      ];
      head.push("x-tidegate-now: 2027-01-04T08:15:08Z", `content-length: ${text.length}`, "", "");
      const answer = await exchange(edge.worker.port, async (write) => {
        await write(head.join("\r\n"));
        await write(text);
      });
      assert.deepEqual([answer.status, answer.body], [200, small.text]);
    }
    const grown = (residentBytes() - before) / 1e6;
    t.diagnostic(`resident memory has grown by ${grown.toFixed(1)} MB`);
    assert.ok(grown < 15, `${grown} MB`);
  });

  test(`${name} has its answer when it sends all of 25 MB first and reads then`, async () => {
    const huge = typeof body("") === "object" ? stalwart(message({ now: BLOCKED }), "x".repeat(25e6)) : null;
    const text = huge ? JSON.stringify(huge) : `${body(message({ now: BLOCKED, own }))}${"x".repeat(25e6)}`;
    const head = [`POST ${path} HTTP/1.1`, "host: x", `authorization: Bearer ${keys.blocked}`];
    head.push("x-tidegate-now: 2027-01-04T08:15:08Z", "connection: close", `content-length: ${text.length}`);
    const answer = await sendThenRead(edge.worker.port, [...head, "", text].join("\r\n"));
    assert.equal(answer.status, 200);
    assert.match(answer.body, /5\.7\.230/);
  });

  test(`${name} has its answer before it has finished sending`, async (t) => {
    const beginning =
      typeof body("") === "object" ? stalwart(message({ now: BLOCKED }), "x".repeat(300_000)) : null;
    const text = beginning
      ? JSON.stringify(beginning)
      : `${body(message({ now: BLOCKED, own }))}${"x".repeat(300_000)}`;
    const head = [`POST ${path} HTTP/1.1`, "host: x", `authorization: Bearer ${keys.blocked}`];
    head.push("x-tidegate-now: 2027-01-04T08:15:08Z");
    for (const framing of ["content-length: 25000000", "transfer-encoding: chunked"]) {
      const answer = await exchange(edge.worker.port, async (write) => {
        await write([...head, framing, "", ""].join("\r\n"));
        // and then nothing more: the rest never comes
        await write(framing.startsWith("transfer") ? chunk(text) : text);
      });
      t.diagnostic(`${framing}: ${answer.ms.toFixed(0)} ms`);
      assert.equal(answer.status, 200);
      assert.match(answer.body, /5\.7\.230/);
    }
  });
}

/** What the process holds in memory now. */
function residentBytes() {
  const status = readFileSync(`/proc/${edge.worker.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

test("rspamd's proxy, which sends its message with GET, and Haraka, which sends it in chunks, are understood", async () => {
  const head = ["host: x", `authorization: Bearer ${keys.blocked}`, "x-tidegate-now: 2027-01-04T08:15:08Z"];
  const text = message({ now: BLOCKED });
  const got = await exchange(edge.worker.port, async (write) => {
    await write(["GET /checkv2 HTTP/1.1", ...head, `content-length: ${text.length}`, "", text].join("\r\n"));
  });
  assert.equal(JSON.parse(got.body).messages.smtp_message, REJECTED);
  assert.match(got.head, /^content-type: application\/json\r?$/im);
  const chunked = await exchange(edge.worker.port, async (write) => {
    await write(["POST /checkv2 HTTP/1.1", ...head, "transfer-encoding: chunked", "", ""].join("\r\n"));
    for (let at = 0; at < text.length; at += 100) await write(chunk(text.slice(at, at + 100)));
    await write("0\r\n\r\n");
  });
  assert.equal(JSON.parse(chunked.body).messages.smtp_message, REJECTED);
});

test("Exim's bare HTTP/1.0 is understood", async () => {
  const text = message({ now: BLOCKED, own: OWN }).replaceAll("\r\n", "\n");
  const head = ["POST /gateways/exim HTTP/1.0", "Host: x", `Authorization: Bearer ${keys.throttled}`];
  head.push("Connection: close", "x-tidegate-now: 2027-01-04T08:15:08Z", `Content-Length: ${text.length}`);
  const answer = await exchange(edge.worker.port, (write) => write([...head, "", text].join("\r\n")));
  assert.deepEqual([answer.status, answer.body], [200, `defer 450 ${DEFERRED}\n`]);
  assert.match(answer.head, /^HTTP\/1\.[01] 200 /);
});

test("a compressed message is refused with a word on what to do", async () => {
  const answer = await ask("/checkv2", keys.blocked, "x", { headers: { compression: "zstd" } });
  assert.equal(answer.status, 415);
  assert.match(answer.json.detail, /compression off/);
});

test("a key may ask for the verdict in a header, and says how many fields are the gateway's own", async () => {
  const gateway = { connector: "on_premises", own_hops: 1, rspamd_add_headers: true };
  const key = await storeKey(edge.kv, "by-header", { tenant: "blocked", gateway });
  const answer = await ask("/checkv2", key, message({ now: BLOCKED, own: OWN }));
  assert.equal(answer.json.action, "no action");
  assert.deepEqual(answer.json.milter.add_headers, {
    "X-Tidegate-Verdict": { value: `reject ${REJECTED}`, order: 0 },
  });
  const skipped = await ask("/checkv2", key, message({ now: BLOCKED }));
  assert.equal(skipped.json.milter, undefined, "the one field there is taken for the gateway's own");
});

test("each gateway can send its key in its own way, and a wrong one is refused before the body", async () => {
  const text = message({ now: BLOCKED });
  const key = keys.blocked;
  const basic = (/** @type {string} */ pair) => `Basic ${Buffer.from(pair).toString("base64")}`;
  const ways = [
    { authorization: basic(`gateway:${key}`) },
    { authorization: basic(`gateway:${key}\n`) },
    { password: key },
  ];
  for (const headers of /** @type {Record<string, string>[]} */ (ways)) {
    const answer = await edge.client.ask("POST", "/checkv2", {
      key: null,
      headers,
      body: text,
      now: BLOCKED,
    });
    assert.equal(answer.json.action, "reject");
  }
  for (const [path, headers] of /** @type {[string, Record<string, string>][]} */ ([
    ["/checkv2", {}],
    ["/checkv2", { password: "tg_wrong" }],
    ["/checkv2", { authorization: basic("gateway:tg_wrong") }],
    ["/checkv2", { authorization: "Basic", password: key }],
    ["/gateways/exim", { password: key }],
    ["/gateways/stalwart", { "x-auth-token": key }],
    ["/gateways/postfix", { password: key }],
    ["/gateways/mta-hooks/hook", {}],
    ["/v1/decide", { authorization: basic(`gateway:${key}`) }],
  ])) {
    const answer = await edge.client.ask("POST", path, { key: null, headers, body: text });
    assert.equal(answer.status, 401, path);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
  }
  const viewer = await storeKey(edge.kv, "viewer", { role: "viewer" });
  assert.equal((await ask("/checkv2", viewer, text)).status, 403);
});

test("a key for all tenants names one in the address; a bound one names no other", async () => {
  const text = message({ now: BLOCKED });
  const all = await storeKey(edge.kv, "all", { tenant: null });
  assert.equal((await ask("/checkv2?tenant=blocked", all, text)).json.action, "reject");
  assert.equal((await ask("/checkv2?tenant=throttled", all, text)).json.action, "soft reject");
  const unnamed = await ask("/checkv2", all, text);
  assert.deepEqual([unnamed.status, unnamed.json.field], [400, "tenant"]);
  assert.equal((await ask("/checkv2?tenant=blocked", keys.blocked, text)).json.action, "reject");
  assert.equal((await ask("/checkv2?tenant=throttled", keys.blocked, text)).status, 403);
});

test("a method or an address that is not there is told as what it is", async () => {
  for (const [method, path, status] of /** @type {[string, string, number][]} */ ([
    ["PUT", "/checkv2", 405],
    ["GET", "/gateways/exim", 405],
    ["GET", "/gateways/postfix", 405],
    ["POST", "/.well-known/mta-hooks", 405],
    ["GET", "/gateways/mta-hooks/hook", 405],
    ["POST", "/gateways/other", 404],
    ["POST", "/gateways/mta-hooks/", 404],
  ])) {
    const answer = await ask(path, keys.blocked, method === "GET" ? undefined : "x", { method });
    assert.equal(answer.status, status, `${method} ${path}`);
  }
});

test("a request that a gateway repeats has the same answer and counts once", async () => {
  const key = await storeKey(edge.kv, "repeating");
  const count = async () => {
    const { json } = await edge.client.ask("GET", "/v1/tenants/repeating/servers/ex01.contoso.com", {
      now: BLOCKED,
    });
    return json?.nodes?.[0]?.last_seen && json;
  };
  await edge.client.putPolicy("repeating", { mode: "enforce" }, { now: BLOCKED - 1 });
  await published(edge.kv, "policy/repeating", () => true);
  const headers = { "queue-id": "4ABCDEF" };
  const answers = await Promise.all(
    [0, 1, 2, 3].map(() => ask("/checkv2", key, message({ now: BLOCKED }), { headers })),
  );
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  const server = await until("the message is written down", count);
  assert.equal(server.detected_at, null, "one message is one witness");
});

test("MTA Hooks: a client finds, registers, asks and leaves", async () => {
  const key = keys.blocked;
  const found = await edge.client.ask("GET", "/.well-known/mta-hooks", { key: null });
  assert.equal(found.status, 200);
  const { registration } = found.json.endpoints;
  const properties = [
    "/stage",
    "/action",
    "/timestamp",
    "/protocol",
    "/rawMessage",
    "/envelope",
    "/queue",
    "/client",
  ];
  const wanted = {
    name: "m",
    serialization: "json",
    inbound: { stages: ["data"], properties },
    outbound: null,
  };
  const registered = await ask(registration, key, wanted);
  assert.equal(registered.status, 201, registered.text);
  assert.equal(registered.headers.get("location"), `${registration}/${registered.json.registrationId}`);
  const { registrationId: id, hookEndpoint } = registered.json;

  const hook = (
    /** @type {string} */ text,
    /** @type {string} */ registrationId,
    /** @type {string} */ by = key,
  ) =>
    ask(
      hookEndpoint,
      by,
      {
        client: { ip: IP },
        queue: { id: "1" },
        rawMessage: Buffer.from(text).toString("base64"),
        stage: "data",
      },
      { headers: { "x-mta-hooks-registration": registrationId, "x-mta-hooks-request-id": "r1" } },
    );
  const rejected = await hook(message({ now: BLOCKED }), id);
  const response = { code: 550, enhancedCode: "5.7.230", message: REJECTED.slice(8) };
  assert.deepEqual(rejected.json, {
    set: [
      { path: "/action", value: "reject" },
      { path: "/response", value: response },
    ],
  });
  const long = await hook(`${message({ now: BLOCKED })}${"x".repeat(400_000)}`, id);
  assert.deepEqual(long.json, rejected.json);
  const current = await hook(message({ now: BLOCKED, host: "EX02.contoso.com", build: "15.1.2507.61" }), id);
  assert.deepEqual([current.status, current.json], [200, {}]);
  assert.deepEqual(
    (await ask(hookEndpoint, key, "{", { headers: { "x-mta-hooks-registration": id } })).json,
    {},
  );

  for (const [registrationId, by] of [
    ["", key],
    [`${id.slice(0, -1)}x`, key],
    [id, keys.throttled],
  ]) {
    const unknown = await hook(message({ now: BLOCKED }), registrationId, by);
    assert.deepEqual([unknown.status, unknown.json.error.code], [404, "REGISTRATION_NOT_FOUND"]);
  }
  const before = residentBytes();
  const huge = `{"client":{"ip":"${IP}"},"rawMessage":"${Buffer.from(message({ now: BLOCKED })).toString("base64")}${"eHh4".repeat(6e6)}"`;
  const head = [
    `POST ${hookEndpoint} HTTP/1.1`,
    "host: x",
    `authorization: Bearer ${key}`,
    `x-mta-hooks-registration: ${id}`,
    "x-tidegate-now: 2027-01-04T08:15:08Z",
    `content-length: ${huge.length + 1}`,
  ];
  const unfinished = await exchange(edge.worker.port, async (write) => {
    await write([...head, "", huge].join("\r\n"));
  });
  assert.deepEqual(
    JSON.parse(unfinished.body),
    rejected.json,
    "25 MB are answered before they have all come",
  );
  const grown = (residentBytes() - before) / 1e6;
  assert.ok(grown < 15, `${grown} MB`);
  const status = await ask(registered.json.endpoints.status, key, undefined, { method: "GET" });
  assert.deepEqual([status.status, status.json.status], [200, "active"]);
  const left = await ask(registered.json.endpoints.deregistration, key, undefined, { method: "DELETE" });
  assert.equal(left.status, 200);
  const refused = await ask(registration, key, { serialization: "cbor", inbound: { stages: ["data"] } });
  assert.deepEqual([refused.status, refused.json.error.code], [422, "UNSUPPORTED_SERIALIZATION"]);
});
