/**
 * What bad input gets: a caller's fault is named and changes nothing, whatever a sender wrote is no error.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, event } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";
import { BAD_EVENTS, HEADER, HOSTILE, HOSTILE_ENVELOPES, MAX_BODY, MIB, NOW } from "../support/hostile.mjs";

/** No refusal takes longer, wrangler's proxy and a busy machine included. */
const REFUSAL_MS = 1_000;
/** Through wrangler's proxy; the aim is 50 ms of the worker's own time. */
const HOSTILE_MS = 250;

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
  await client.putPolicy("contoso", { mode: "enforce", operator: "Example Mail" }, { now: NOW });
});
after(() => dev.stop());

/**
 * @param {import("../support/client.mjs").Answer} answer
 * @param {string} what
 * @param {number} status
 * @param {string} [field]
 */
function assertProblem(answer, what, status, field) {
  assert.equal(answer.status, status, `${what}: ${answer.text}`);
  assert.equal(answer.headers.get("content-type"), "application/problem+json", what);
  const { status: inBody, title, detail, field: named } = answer.json;
  assert.equal(inBody, status, what);
  assert.ok(title && detail && !detail.includes("struct "), `${what}: ${answer.text}`);
  assert.equal(named, field, `${what}: ${answer.text}`);
  assert.ok(answer.ms < REFUSAL_MS, `${what}: ${answer.ms} ms`);
}

/** The policy as it is stored, and its revision. */
async function stored() {
  const answer = await client.ask("GET", "/v1/tenants/contoso/policy");
  assert.equal(answer.status, 200);
  return [answer.headers.get("etag"), answer.text];
}

test("a gateway's mistake in a mail event is named, member by member", async () => {
  for (const [what, body, field] of BAD_EVENTS) {
    assertProblem(await client.ask("POST", "/v1/decide", { body }), what, 400, field);
  }
  const { status, json, text } = await client.ask("POST", "/v1/decide", {
    body: `{"${"k".repeat(MIB)}":1}`,
  });
  assert.deepEqual([status, json.status], [400, 400]);
  assert.ok(text.length < 2_000, "and little of it goes back");
});

const BASELINE = { name: "own", edition: [{ effective: "2026-01-01", products: {} }] };
const OPEN = { throttle_minutes: 0, block_minutes: 0 };

/** @type {[string, unknown, string | undefined, number?][]} what, policy, field, status (400) */
const BAD_POLICIES = [
  ["nothing", "", undefined],
  ["malformed JSON", '{"mode":"report"', undefined],
  ["an array", "[]", undefined],
  ["an unknown member", { modus: "report" }, "modus"],
  ["two modes", '{"mode":"report","mode":"off"}', "mode"],
  ["an unknown mode", { mode: "on" }, "mode"],
  ["no mode", { mode: null }, "mode"],
  ["an unknown connector", { scope: ["on_premises", "x25"] }, "scope[1]"],
  ["a ladder without stages", { ladder: [] }, "ladder"],
  ["a ladder of 33 stages", { ladder: [...Array(32).fill({ days: 1, ...OPEN }), OPEN] }, "ladder"],
  ["a stage of 61 minutes an hour", { ladder: [{ throttle_minutes: 30, block_minutes: 31 }] }, "ladder"],
  [
    "a stage of 256 minutes an hour",
    { ladder: [{ ...OPEN, block_minutes: 256 }] },
    "ladder[0].block_minutes",
  ],
  ["a stage that ends at once", { ladder: [{ days: 0, ...OPEN }, OPEN] }, "ladder"],
  ["a stage of half a minute", { ladder: [{ minutes: 0.5, ...OPEN }, OPEN] }, "ladder[0].minutes"],
  ["a stage that never ends before the last", { ladder: [OPEN, OPEN] }, "ladder"],
  ["a stage with two lengths", { ladder: [{ days: 1, minutes: 1, ...OPEN }, OPEN] }, "ladder"],
  ["a stage of a million years", { ladder: [{ days: 4_000_000_000, ...OPEN }, OPEN] }, "ladder"],
  ["a ladder whose last stage ends", { ladder: [{ days: 1, ...OPEN }] }, "ladder"],
  ["a bad ladder before other members", { ladder: [], mode: "report" }, "ladder"],
  ["an unknown product", { waves: { "Exchange Server 2099": "2026-01-01" } }, "waves", 422],
  ["the 30th of February", { waves: { "Exchange Server 2016": "2026-02-30" } }, "waves.Exchange Server 2016"],
  ["an unknown baseline", { baseline: "lenient" }, "baseline", 422],
  ["a number as baseline", { baseline: 5 }, "baseline"],
  ["a baseline without editions", { baseline: { ...BASELINE, edition: [] } }, "baseline.edition"],
  [
    "a baseline that asks for a build that never was",
    {
      baseline: {
        name: "own",
        edition: [
          { effective: "2026-01-01", products: { "Exchange Server 2016": { minimum: ["15.1.2507.60"] } } },
        ],
      },
    },
    "baseline",
    422,
  ],
  ["an unknown placeholder", { reply: { throttle: "see {address}" } }, "reply.throttle"],
  ["an open brace", { reply: { block: "see {help_url" } }, "reply.block"],
  ["a line break in a reply", { reply: { throttle: "a\r\n250 b" } }, "reply.throttle"],
  ["a reply of 401 characters", { reply: { block: "x".repeat(401) } }, "reply.block"],
  ["a reply with what mail servers expand", { reply: { block: "100%" } }, "reply.block"],
  ["an operator with a line break", { operator: "a\nb" }, "operator"],
  ["help at no address", { help_url: "javascript:alert(1)" }, "help_url"],
  [
    "a relay in no network",
    { trusted_relays: [{ host: "relay.example", networks: ["10.0.0.0/33"] }] },
    "trusted_relays[0].networks",
  ],
  [
    "a relay that is no host",
    { trusted_relays: [{ host: "a b", networks: ["10.0.0.0/8"] }] },
    "trusted_relays[0].host",
  ],
  ["65 relays", { trusted_relays: Array(65).fill({ host: "a.example", networks: [] }) }, "trusted_relays"],
  ["a recipient that is an address", { always_accept: ["postmaster@example.org"] }, "always_accept"],
];

test("a policy that breaks a rule is refused, names the member, and leaves the stored one as it was", async () => {
  const before = await stored();
  for (const [what, policy, field, status = 400] of BAD_POLICIES) {
    const body = typeof policy === "string" ? policy : JSON.stringify(policy);
    assertProblem(await client.ask("PUT", "/v1/tenants/contoso/policy", { body }), what, status, field);
  }
  assert.deepEqual(await stored(), before);
});

test("two operators who change one policy at once do not undo each other", async () => {
  const [etag, text] = await stored();
  const put = (/** @type {string} */ tag, /** @type {string} */ operator) =>
    client.ask("PUT", "/v1/tenants/contoso/policy", {
      body: { ...JSON.parse(text), operator },
      headers: { "if-match": tag },
      now: NOW,
    });
  const answers = await Promise.all(["One", "Two", "Three"].map((operator) => put(String(etag), operator)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412]);
  const [current] = await stored();
  const winner = answers.find(({ status }) => status === 200);
  assert.equal(winner?.headers.get("etag"), current);
  const before = await stored();
  for (const stale of [String(etag), '"0"', "nonsense", `W/${current}`]) {
    assertProblem(await put(stale, "Stale"), stale, 412);
  }
  assert.deepEqual(await stored(), before);
});

test("without the right key nothing is told and nothing changes", async () => {
  const before = await stored();
  const policy = { body: { mode: "off" } };
  for (const key of [null, "", "wrong", `${client.key}x`, client.key.slice(1), "ü"]) {
    for (const [method, path, options] of /** @type {[string, string, object][]} */ ([
      ["POST", "/v1/decide", { body: event({ tenant: "contoso", header: HEADER }) }],
      ["PUT", "/v1/tenants/contoso/policy", policy],
      ["GET", "/v1/tenants/contoso/policy", {}],
      ["GET", "/v1/tenants/contoso/servers", {}],
      ["GET", "/v1/tenants/contoso/servers/ex01.contoso.com", {}],
      ["GET", "/v1/tenants/Not%20a%20tenant/policy", {}],
      ["POST", "/v1/test/tick?tenant=contoso", {}],
    ])) {
      const answer = await client.ask(method, path, { ...options, key });
      assertProblem(answer, `${method} ${path} with the key ${key}`, 401);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
  }
  const basic = { authorization: `Basic ${btoa(`admin:${client.key}`)}` };
  const answer = await client.ask("GET", "/v1/tenants/contoso/policy", { headers: basic });
  assertProblem(answer, "another scheme", 401);
  assert.deepEqual(await stored(), before);
});

test("a body is read up to a fixed length, whether it says its length or not", async () => {
  const frame = JSON.stringify({ tenant: "contoso", header: "" }).length;
  for (const [length, status] of [
    [MAX_BODY, 200],
    [MAX_BODY + 1, 413],
  ]) {
    const body = JSON.stringify({ tenant: "contoso", header: "x".repeat(length - frame) });
    for (const sent of [body, new Blob([body]).stream()]) {
      const answer = await client.ask("POST", "/v1/decide", { body: sent });
      if (status === 413) assertProblem(answer, `${length} octets`, 413);
      else assert.equal(answer.status, status, answer.text);
    }
  }
  const policy = `{"operator":"${"x".repeat(MAX_BODY)}"}`;
  const before = await stored();
  assertProblem(await client.ask("PUT", "/v1/tenants/contoso/policy", { body: policy }), "a policy", 413);
  assert.deepEqual(await stored(), before);
});

test("an address or method that does not exist is told apart from a mistake", async () => {
  /** @type {[string, string, number, string | undefined][]} method, path, status, field or allowed methods */
  const cases = [
    ["GET", "/v2", 404, undefined],
    ["POST", "/v1", 404, undefined],
    ["POST", "/v1/decide/", 404, undefined],
    ["POST", "//v1/decide", 404, undefined],
    ["GET", "/v1/tenants/nothing-stored", 404, undefined],
    ["GET", "/v1/tenants/contoso/policies", 404, undefined],
    ["GET", "/v1/tenants/contoso/servers/ex99.contoso.com", 404, undefined],
    ["GET", "/v1/tenants/contoso/servers/EX01.contoso.com", 404, undefined],
    ["GET", "/v1/tenants/contoso/servers/%00", 404, undefined],
    ["GET", `/v1/tenants/contoso/servers/${"a".repeat(8_000)}`, 404, undefined],
    ["GET", "/v1/tenants/%ff/policy", 404, undefined],
    ["GET", "/v1/tenants/Contoso/policy", 400, "tenant"],
    ["GET", "/v1/tenants/a%2fb/policy", 400, "tenant"],
    ["GET", "/v1/tenants//policy", 400, "tenant"],
    ["PUT", `/v1/tenants/${"a".repeat(64)}/policy`, 400, "tenant"],
    ["GET", "/v1/tenants/contoso/servers?limit=0", 400, "limit"],
    ["GET", "/v1/tenants/contoso/servers?limit=all", 400, "limit"],
    ["POST", "/v1/test/tick?tenant=Contoso", 400, "tenant"],
    ["GET", "/v1/decide", 405, "POST"],
    ["OPTIONS", "/v1/decide", 405, "POST"],
    ["POST", "/v1/health", 405, "GET, HEAD"],
    ["DELETE", "/v1/tenants/contoso/policy", 405, "GET, HEAD, PUT"],
    ["PATCH", "/v1/tenants/contoso/servers", 405, "GET, HEAD"],
    ["PUT", "/v1/tenants/contoso/servers/ex01.contoso.com", 405, "GET, HEAD, DELETE"],
    ["POST", "/v1/tenants", 405, "GET, HEAD"],
    ["PUT", "/v1/tenants/contoso", 405, "GET, HEAD, DELETE"],
    ["POST", "/v1/tenants/contoso/report", 405, "GET, HEAD"],
  ];
  for (const [method, path, status, told] of cases) {
    const answer = await client.ask(method, path);
    assertProblem(answer, `${method} ${path}`, status, status === 405 ? undefined : told);
    if (status === 405) assert.equal(answer.headers.get("allow"), told, `${method} ${path}`);
  }
  for (const path of ["/v1/health", "/v1/tenants/contoso/policy", "/v1/tenants/contoso/servers"]) {
    const { status, text } = await client.ask("HEAD", path);
    assert.deepEqual([status, text], [200, ""], `HEAD ${path}`);
  }
  const clock = await client.ask("GET", "/v1/tenants/contoso/policy", { now: "yesterday" });
  assertProblem(clock, "a clock that is none", 400, "x-tidegate-now");
});

test("nothing that a sender writes is an error, or takes long", async (t) => {
  for (const [what, posted, reason, why] of HOSTILE) {
    const body = "body" in posted ? posted.body : event({ tenant: "contoso", ...posted });
    const times = [];
    for (let round = 0; round < 3; round += 1) {
      const answer = await client.ask("POST", "/v1/decide", { body, now: NOW });
      assert.equal(answer.status, 200, `${what}: ${answer.text}`);
      const { action, degraded, standing } = answer.json;
      assert.deepEqual(
        [action, degraded, standing.reason],
        ["accept", false, reason],
        `${what}: ${answer.json.why}`,
      );
      if (why) assert.match(answer.json.why, why, what);
      assert.ok(answer.text.length < 16_384, `${what}: an answer of ${answer.text.length} octets`);
      times.push(answer.ms);
    }
    const ms = Math.min(...times);
    t.diagnostic(`${what}: ${ms.toFixed(1)} ms`);
    assert.ok(ms < HOSTILE_MS, `${what}: ${ms} ms`);
  }
});

test("junk below an Exchange server's field does not hide the server", async () => {
  for (const [what, posted] of HOSTILE) {
    if (!("header" in posted) || what === "nothing") continue;
    const pair = /** @type {[string, string]} */ (["Received", HEADER.slice("Received:".length)]);
    const header = typeof posted.header === "string" ? HEADER + posted.header : [pair, ...posted.header];
    const body = event({ tenant: "contoso", header });
    const decision = await client.decide(body, { now: NOW });
    assert.deepEqual(
      [decision.server?.id, decision.standing.reason, decision.evidence?.field],
      ["ex01.contoso.com", "behind_on_updates", 0],
      `${what}: ${decision.why}`,
    );
    if (what.startsWith("1,001") || what.startsWith("5,000"))
      assert.match(decision.why, /first 1000 header fields/, what);
  }
});

test("hostile envelopes are no error either", async () => {
  for (const [what, members] of HOSTILE_ENVELOPES) {
    const answer = await client.ask("POST", "/v1/decide", {
      body: { ...event({ tenant: "contoso", header: HEADER }), ...members },
      now: NOW,
    });
    assert.equal(answer.status, 200, `${what}: ${answer.text.slice(0, 300)}`);
    assert.equal(answer.json.server.id, "ex01.contoso.com", what);
    assert.ok(answer.ms < REFUSAL_MS, `${what}: ${answer.ms} ms`);
  }
});
