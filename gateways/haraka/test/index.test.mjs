/**
 * The plugin's own rules, without Haraka: which configuration it takes, what it asks, and which answers it believes.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

// Haraka's constants
Object.assign(globalThis, { DENY: 902, DENYSOFT: 903 });
process.env.TIDEGATE_KEY = "tg_1_secret";
const plugin = createRequire(import.meta.url)("../index.js");

const MAIN = { url: "https://tidegate.example.net" };

/** @param {object} main */
const settings = (main, seconds = 30) => plugin.settings({ main: { ...MAIN, ...main } }, seconds);

/** @param {string[]} received @param {object} [more] */
function connection(received, more = {}) {
  return {
    remote: { ip: "203.0.113.7", is_private: false },
    hello: { host: "ex01" },
    transaction: {
      uuid: "A1.1",
      mail_from: "<a@b>",
      rcpt_to: ["<c@d>", "<e@f>"],
      header: { get_all: () => received },
    },
    ...more,
  };
}

const OWN = "from x\r\n\tby gw.test (Haraka) with ESMTP id A1.1\r\n\tenvelope-from <a@b>; now";
const EXCHANGE = "from a by b with Microsoft SMTP Server id 15.1.2507.39; now";

test("the configuration is checked", () => {
  const cfg = settings({});
  assert.equal(cfg.url.href, "https://tidegate.example.net/v1/decide");
  assert.deepEqual([cfg.timeout_ms, cfg.fail, cfg.ask], [2500, "accept", "exchange"]);
  assert.equal(settings({ url: "http://127.0.0.1:8787/" }).url.href, "http://127.0.0.1:8787/v1/decide");
  const wrong = [
    [{ url: "http://tidegate.example.net" }, /https:\/\/ is needed/],
    [{ url: "" }, /Invalid URL/],
    [{ fail: "open" }, /fail: one of accept, defer/],
    [{ ask: "some" }, /ask: one of/],
    [{ timeout_ms: "soon" }, /timeout_ms/],
    [{ key_file: "/nowhere" }, /ENOENT/],
  ];
  for (const [main, why] of wrong) assert.throws(() => settings(main), why);
});

test("Haraka's own limit for a plugin, which defers mail, is never reached", () => {
  assert.equal(settings({}, 2).timeout_ms, 1750);
  assert.equal(settings({}, 0).timeout_ms, 2500);
});

test("only mail of foreign clients that met an Exchange server is asked about", () => {
  const cfg = settings({});
  const skips = (/** @type {object} */ more, received = [OWN, EXCHANGE]) =>
    plugin.skips(connection(received, more), cfg);
  assert.equal(skips({}), undefined);
  assert.equal(skips({ relaying: true }), "relaying");
  assert.equal(skips({ notes: { auth_user: "bob" } }), "authenticated");
  assert.equal(skips({ remote: { ip: "10.0.0.1", is_private: true } }), "private");
  assert.equal(skips({}, [OWN]), "not_exchange");
  const open = plugin.settings({ main: { ...MAIN, ask: "all" }, skip: { private: false } });
  const local = connection([OWN], { remote: { ip: "10.0.0.1", is_private: true } });
  assert.equal(plugin.skips(local, open), undefined);
});

test("the question has the Received fields, and says whether the first one is Haraka's own", () => {
  const asked = plugin.question(connection([OWN, EXCHANGE]), settings({ tenant: "contoso" }));
  assert.deepEqual(asked, {
    tenant: "contoso",
    connector: undefined,
    event_id: "A1.1",
    own_hops: 1,
    client: { ip: "203.0.113.7", helo: "ex01" },
    envelope: { from: "<a@b>", to: ["<c@d>", "<e@f>"] },
    header: [
      ["Received", OWN],
      ["Received", EXCHANGE],
    ],
  });
  assert.equal(plugin.question(connection([EXCHANGE]), settings({})).own_hops, 0);
  const long = plugin.question(connection([OWN, "x".repeat(200_000), EXCHANGE]), settings({}));
  assert.equal(long.header.length, 1);
  const zoned = { remote: { ip: "fe80::1%eth0" } };
  assert.equal(plugin.question(connection([], zoned), settings({})).client.ip, "fe80::1");
});

test("a decision becomes the reply, code and text", () => {
  const reply = (/** @type {object} */ answer) => plugin.reply(JSON.stringify(answer));
  const defer = reply({ action: "defer", reply: { code: 450, enhanced: "4.7.230", text: "too\r\n250 old" } });
  assert.deepEqual([defer.code, defer.dsn.code, defer.dsn.reply], [903, 450, "4.7.230 too 250 old"]);
  // what Haraka knows a reply with codes of its own by
  assert.equal(defer.dsn.constructor.name, "DSN");
  const reject = reply({
    action: "reject",
    reply: { code: 550, enhanced: "5.7.230", text: "x".repeat(500) },
  });
  assert.deepEqual([reject.code, reject.dsn.code, reject.dsn.reply.length], [902, 550, 408]);
  assert.equal(reply({ action: "accept", reply: null }), null);
});

test("what is no decision is not believed", () => {
  const wrong = [
    {},
    { action: "discard" },
    { action: "defer", reply: null },
    { action: "defer", reply: { code: 550, enhanced: "5.7.230", text: "x" } },
    { action: "defer", reply: { code: 450, enhanced: "5.7.230", text: "x" } },
    { action: "reject", reply: { code: 250, enhanced: "5.7.230", text: "x" } },
    { action: "reject", reply: { code: 5500, enhanced: "5.7.230", text: "x" } },
  ];
  for (const answer of wrong) assert.throws(() => plugin.reply(JSON.stringify(answer)), /no decision/);
  assert.throws(() => plugin.reply("<html>"), SyntaxError);
});
