/**
 * Postfix asks tidegate-milter's policy service at RCPT: it repeats what a message with its header has lately earned
 * from the same address, and nothing else.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { now as testsNow } from "../support/day.mjs";
import { published } from "../support/edge.mjs";
import { startMilter } from "./support/milter.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { freePort, HOST } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { header, REPLIES, smtpLine, startWorld, TENANT } from "./support/world.mjs";

const TO = "b@gw.test";

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {import("./support/milter.mjs").Milter} */
let milter;
/** @type {import("./support/postfix.mjs").Postfix} */
let postfix;

before(async () => {
  world = await startWorld();
  const port = await freePort();
  milter = await startMilter(world, { lines: [`policy = "inet:${HOST}:${port}"`] });
  const service = `{ inet:${HOST}:${port}, timeout=5s, try_limit=1, default_action=DUNNO }`;
  const asks = [`smtpd_milters=${milter.address}`, "milter_default_action=accept"];
  postfix = await startPostfix({
    headers: asks,
    both: [
      ...asks,
      `smtpd_recipient_restrictions=reject_unauth_destination, check_policy_service ${service}`,
    ],
  });
});
after(async () => {
  await postfix?.stop();
  await milter?.stop();
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/**
 * A session of a client at that address.
 * @param {string} address
 * @param {{ service?: "both" | "headers", more?: string }} [options] `headers`: without the policy service; `more`:
 *   attributes of XCLIENT
 */
async function client(address, { service = "both", more = "" } = {}) {
  const session = await SmtpSession.open(postfix.ports[service]);
  await session.say(`XCLIENT NAME=ex01.contoso.com ADDR=${address}${more}`);
  await session.say("EHLO ex01.contoso.com");
  await session.say("MAIL FROM:<a@contoso.com>");
  return session;
}

/** The reply to RCPT. @param {string} address @param {{ to?: string, more?: string }} [options] */
async function atRcpt(address, { to = TO, more } = {}) {
  const session = await client(address, { more });
  const reply = await session.say(`RCPT TO:<${to}>`);
  await session.end();
  return reply;
}

/**
 * The reply to a message at the end of its data.
 * @param {string} address
 * @param {string} fields
 * @param {"both" | "headers"} [service]
 */
async function atEnd(address, fields, service = "both") {
  const session = await client(address, { service });
  assert.equal(await session.say(`RCPT TO:<${TO}>`), OK);
  const reply = await session.data(fields);
  await session.end();
  return reply;
}

const OK = "250 2.1.5 Ok";

/** As Postfix words what a policy service answers. @param {"throttled" | "blocked"} kind */
function repeated(kind) {
  const { code, enhanced, text } = /** @type {NonNullable<typeof REPLIES.throttled>} */ (REPLIES[kind]);
  return `${code} ${enhanced} <${TO}>: Recipient address rejected: ${text}`;
}

for (const [kind, address] of /** @type {["throttled" | "blocked", string][]} */ ([
  ["throttled", "198.51.100.7"],
  ["blocked", "198.51.100.17"],
])) {
  test(`what a ${kind} server's message has earned is repeated at RCPT`, async () => {
    // an address that was asked about before would take up to a minute: so long nothing is remembered as nothing
    assert.equal(await atEnd(address, header(kind), "headers"), smtpLine(kind));
    await published(world.kv, `peer/${TENANT}/${address}`, () => true);
    assert.equal(await atRcpt(address), repeated(kind));
    assert.equal(await atRcpt(address, { to: "postmaster@gw.test" }), OK, "postmaster hears from it");
    assert.equal(await atRcpt(address, { more: " LOGIN=bob" }), OK, "who has logged in is not asked about");
    assert.match(await milter.metrics(), /policy_requests_total\{outcome="repeated"\} [1-9]/);
  });
}

test("nothing is repeated to other addresses, and mail of other kinds earns nothing", async () => {
  assert.equal(await atRcpt("198.51.100.8"), OK);
  for (const kind of /** @type {const} */ (["current", "other"])) {
    assert.match(await atEnd("198.51.100.9", header(kind)), /^250 2\.0\.0 Ok/);
    assert.equal(await atRcpt("198.51.100.9"), OK);
  }
});

test("while Tidegate is gone or slow mail flows, and while the daemon's socket is silent", async () => {
  await world.front.set("gone");
  assert.equal(await atRcpt("198.51.100.7"), OK);
  assert.match(await milter.metrics(), /policy_requests_total\{outcome="failed"\} [1-9]/);
  await world.front.set("slow", { ms: 10_000 });
  const start = performance.now();
  assert.equal(await atRcpt("198.51.100.7"), OK);
  const ms = performance.now() - start;
  assert.ok(ms > 2_400 && ms < 8_000, `${ms}`);
  await world.front.set("pass");
  assert.equal(await atRcpt("198.51.100.7"), repeated("throttled"));
});

test("nothing is repeated to a server that was patched meanwhile", async () => {
  const now = testsNow();
  const patched = received({ host: "EX-THROTTLED.contoso.com", now, build: "15.1.2507.61" });
  await world.client.decide(event({ tenant: TENANT, record: "sync", header: patched }));
  await until("it is let through", async () => (await atRcpt("198.51.100.7")) === OK);
});

test("a daemon that is gone holds nothing up", async () => {
  await milter.stop();
  assert.equal(milter.status(), 0);
  assert.equal(await atRcpt("198.51.100.17"), OK);
  assert.match(await atEnd("198.51.100.7", header("blocked")), /^250 2\.0\.0 Ok/);
});
