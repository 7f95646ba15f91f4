/**
 * Postfix asks tidegate-milter's policy service at RCPT: it lets all mail go on to the milter, unless the key asks for
 * more.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { now as testsNow } from "../support/day.mjs";
import { gatewayKey } from "./support/keys.mjs";
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
/** With a key without the setting. @type {import("./support/milter.mjs").Milter} */
let reporting;
/** @type {import("./support/postfix.mjs").Postfix} */
let postfix;

before(async () => {
  world = await startWorld();
  const port = await freePort();
  const [reports, key] = [await freePort(), await gatewayKey(world, { postfix_refusals: true })];
  milter = await startMilter({ ...world, key }, { lines: [`policy = "inet:${HOST}:${port}"`] });
  reporting = await startMilter(world, { lines: [`policy = "inet:${HOST}:${reports}"`] });
  const service = (/** @type {number} */ at) =>
    `smtpd_recipient_restrictions=reject_unauth_destination, check_policy_service { inet:${HOST}:${at}, timeout=5s, try_limit=1, default_action=DUNNO }`;
  const asks = [`smtpd_milters=${milter.address}`, "milter_default_action=accept"];
  postfix = await startPostfix({
    headers: asks,
    both: [...asks, service(port)],
    reports: [...asks, service(reports)],
  });
});
after(async () => {
  await postfix?.stop();
  await milter?.stop();
  await reporting?.stop();
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/**
 * A session of a client at that address.
 * @param {string} address
 * @param {{ service?: "both" | "headers" | "reports", more?: string }} [options] `headers`: without the policy service;
 *   `reports`: with the one that only reports; `more`: attributes of XCLIENT
 */
async function client(address, { service = "both", more = "" } = {}) {
  const session = await SmtpSession.open(postfix.ports[service]);
  await session.say(`XCLIENT NAME=ex01.contoso.com ADDR=${address}${more}`);
  await session.say("EHLO ex01.contoso.com");
  await session.say("MAIL FROM:<a@contoso.com>");
  return session;
}

/**
 * The reply to RCPT.
 * @param {string} address
 * @param {{ to?: string, more?: string, service?: "both" | "reports" }} [options]
 */
async function atRcpt(address, { to = TO, more, service } = {}) {
  const session = await client(address, { more, service });
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

/** As Postfix words what a policy service answers: a defer, whatever the message would get. @param {"throttled" | "blocked"} kind */
function deferred(kind) {
  const { text } = /** @type {NonNullable<typeof REPLIES.throttled>} */ (REPLIES[kind]);
  return `450 4.7.230 <${TO}>: Recipient address rejected: ${text}`;
}

/** Has an address published as its ledger would after 30 days. @param {string} address @param {"throttled" | "blocked"} kind */
async function publish(address, kind) {
  const now = Math.floor(testsNow());
  const field = header(kind)
    .replace(/^Received:\s*/, "")
    .replace(/\r\n\s*/g, " ")
    .trim();
  const server = `ex-${kind}.contoso.com`;
  const machines = [{ server, connector: "on_premises", received: field }];
  const record = { rev: now, until: now + 15 * 60, machines };
  await world.kv.put(`peer/${TENANT}/${address}`, JSON.stringify(record));
}

/** The reply to RCPT in a minute that does not pass by itself. @param {string} address @param {{ to?: string, more?: string, service?: "both" | "reports" }} [options] */
async function atClosedRcpt(address, options) {
  await until("a minute that does not pass", async () => Math.floor(testsNow() / 60) % 5 !== 0, {
    ms: 65_000,
  });
  return atRcpt(address, options);
}

test("a key without the setting lets everything on to the milter, which enforces", async () => {
  await publish("198.51.100.7", "throttled");
  assert.equal(await atEnd("198.51.100.7", header("throttled"), "headers"), smtpLine("throttled"));
  assert.equal(await atClosedRcpt("198.51.100.7", { service: "reports" }), OK);
});

for (const [kind, address] of /** @type {["throttled" | "blocked", string][]} */ ([
  ["throttled", "198.51.100.8"],
  ["blocked", "198.51.100.17"],
])) {
  test(`with the setting a ${kind} server's address is deferred at RCPT`, async () => {
    await publish(address, kind);
    assert.equal(await atClosedRcpt(address), deferred(kind));
    assert.equal(await atClosedRcpt(address, { to: "postmaster@gw.test" }), OK, "postmaster hears from it");
    assert.equal(
      await atClosedRcpt(address, { more: " LOGIN=bob" }),
      OK,
      "who has logged in is not asked about",
    );
    assert.match(await milter.metrics(), /policy_requests_total\{outcome="repeated"\} [1-9]/);
  });
}

test("other addresses are not deferred", async () => {
  assert.equal(await atClosedRcpt("198.51.100.9"), OK);
  for (const kind of /** @type {const} */ (["current", "other"])) {
    assert.match(await atEnd("198.51.100.9", header(kind)), /^250 2\.0\.0 Ok/);
    assert.equal(await atClosedRcpt("198.51.100.9"), OK);
  }
});

test("while Tidegate is gone or slow mail flows, and while the daemon's socket is silent", async () => {
  await world.front.set("gone");
  assert.equal(await atRcpt("198.51.100.8"), OK);
  assert.match(await milter.metrics(), /policy_requests_total\{outcome="failed"\} [1-9]/);
  await world.front.set("slow", { ms: 10_000 });
  const start = performance.now();
  assert.equal(await atRcpt("198.51.100.8"), OK);
  const ms = performance.now() - start;
  assert.ok(ms > 2_400 && ms < 8_000, `${ms}`);
  await world.front.set("pass");
  assert.equal(await atClosedRcpt("198.51.100.8"), deferred("throttled"));
});

test("an address is no longer deferred once its server was patched", async () => {
  const now = testsNow();
  const patched = received({ host: "EX-THROTTLED.contoso.com", now, build: "15.1.2507.61" });
  await world.client.decide(event({ tenant: TENANT, record: "sync", header: patched }));
  await until("it is let through", async () => (await atRcpt("198.51.100.8")) === OK);
});

test("a daemon that is gone holds nothing up", async () => {
  await milter.stop();
  assert.equal(milter.status(), 0);
  assert.equal(await atRcpt("198.51.100.17"), OK);
  assert.match(await atEnd("198.51.100.8", header("blocked")), /^250 2\.0\.0 Ok/);
});
