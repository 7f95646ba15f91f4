/**
 * Mail that Cloudflare Email Routing hands over: the worker's `email` event, in wrangler's own stand-in for it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, event, received, until } from "../support/client.mjs";
import { now as testsNow } from "../support/day.mjs";
import { startDev } from "../support/dev.mjs";
import { exchange } from "../support/gateways.mjs";
import { countsOf } from "../support/ledger-file.mjs";

const DAY = 24 * 3600;
const TENANT = "routed";
const FORWARD_TO = "inbox@example.org";
const TEXT = "Connecting Exchange server version is out-of-date; connection to this mail service";
/** No baseline of the last years accepts it. */
const OLD = "15.1.2507.6";
/** No clock comes with the event: everything is told as of now. */
const NOW = testsNow();

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  const vars = { EMAIL_TENANT: TENANT, EMAIL_CONNECTOR: "on_premises", EMAIL_FORWARD_TO: FORWARD_TO };
  dev = await startDev({ vars: { ...vars, LOG_LEVEL: "log" } });
  client = new Client(dev);
  const ladder = [
    { days: 30, throttle_minutes: 0, block_minutes: 0 },
    { days: 30, throttle_minutes: 60, block_minutes: 0 },
    { throttle_minutes: 0, block_minutes: 60 },
  ];
  await client.putPolicy(TENANT, { mode: "enforce", ladder }, { now: NOW - 91 * DAY });
  for (const [host, days] of /** @type {[string, number[]][]} */ ([
    ["blocked.contoso.com", [90, 89, 70, 50, 30, 10, 1]],
    ["throttled.contoso.com", [40, 39, 20, 1]],
  ])) {
    for (const day of days) {
      const now = NOW - day * DAY;
      const message = event({ tenant: TENANT, record: "sync", header: received({ host, now, build: OLD }) });
      await client.decide(message, { now });
    }
  }
});
after(() => dev.stop());

/**
 * Hands one message to the worker.
 * @param {string} host
 * @param {{ to?: string, build?: string, body?: string }} [options]
 */
async function mail(host, { to = "b@example.org", build = OLD, body = "Body" } = {}) {
  const own = "Received: from x (203.0.113.7)\r\n by cloudflare-email.net (unknown) id 4fwwffRXOpyR\r\n";
  const header = received({ host, now: NOW, build });
  const rest = "From: a@contoso.com\r\nTo: b@example.org\r\nMessage-ID: <1@contoso.com>\r\n\r\n";
  const query = new URLSearchParams({ from: "a@contoso.com", to, format: "json" });
  const response = await fetch(`${dev.url}/cdn-cgi/handler/email?${query}`, {
    method: "POST",
    body: `${own}${header}${rest}${body}`,
  });
  return { status: response.status, text: await response.text() };
}

test("a blocked server's mail is rejected with the reply, which begins with the enhanced code", async () => {
  const { text } = await mail("blocked.contoso.com");
  assert.ok(text.includes(`5.7.230 ${TEXT} blocked for 60 mins/hr.`), text);
  assert.ok(!text.includes(FORWARD_TO), text);
});

test("a throttled server's mail is deferred by an exception that says why", async () => {
  const { text } = await mail("throttled.contoso.com");
  assert.ok(!text.includes(FORWARD_TO) && !text.includes("5.7.230"), text);
  await until("the exception is told", async () =>
    dev.output().includes(`4.7.230 ${TEXT} throttled for 60 mins/hr.`),
  );
});

test("other mail goes on to the address that was set, long mail too", async () => {
  for (const [host, options] of /** @type {[string, object][]} */ ([
    ["current.contoso.com", { build: "15.1.2507.61" }],
    ["blocked.contoso.com", { to: "postmaster@example.org" }],
    ["unheard-of.contoso.com", { body: "x".repeat(1_000_000) }],
  ])) {
    const { text } = await mail(host, options);
    assert.ok(text.includes(FORWARD_TO), `${host}: ${text}`);
  }
});

test("while mail is deferred, requests in flight are answered and observations written down", async () => {
  const tenant = "beside";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: NOW - DAY });
  const slow = JSON.stringify(event({ tenant, header: received({ host: "EX01.contoso.com", now: NOW }) }));
  let finish = () => {};
  const deferred = new Promise((resolve) => {
    finish = () => resolve(undefined);
  });
  const inFlight = exchange(dev.port, async (write) => {
    const head = ["POST /v1/decide HTTP/1.1", "host: x", `authorization: Bearer ${dev.key}`];
    await write([...head, `content-length: ${slow.length}`, "", slow.slice(0, 100)].join("\r\n"));
    await deferred;
    await write(slow.slice(100));
  });
  // answered, and not yet in the ledger
  for (let index = 0; index < 5; index += 1) {
    const header = received({ host: "EX01.contoso.com", now: NOW + index });
    await client.decide(event({ tenant, header }));
  }
  const { text } = await mail("throttled.contoso.com");
  assert.ok(!text.includes(FORWARD_TO), text);
  finish();
  assert.equal((await inFlight).status, 200);
  await until("all six are written down", async () => {
    const counts = countsOf(dev.stateDir, tenant).get("ex01.contoso.com");
    return counts?.accept === 6;
  });
  assert.ok(!dev.output().includes("Reinitializing"), "the instance is the same");
});
