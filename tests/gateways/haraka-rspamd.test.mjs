/**
 * Haraka asks by its own rspamd plugin, with Tidegate in rspamd's place: a rejected message's reply is the one that was
 * decided, a deferred one's begins with codes of the plugin's own, and mail flows when Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { startHaraka } from "./support/haraka.mjs";
import { gatewayKey } from "./support/keys.mjs";
import { send } from "./support/swaks.mjs";
import { header, smtpLine, startWorld } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */
/** @typedef {import("./support/haraka.mjs").Haraka} Haraka */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Haraka} */
let haraka;
/** @type {Haraka} */
let closed;

before(async () => {
  world = await startWorld();
  const key = await gatewayKey(world, { own_hops: 1 });
  const { port } = new URL(world.url);
  const ini = (/** @type {string} */ defer) =>
    `host=127.0.0.1\nport=${port}\ntimeout=2.5\nadd_headers=never\n
[auth]\nheader=Authorization\nvalue_env=TIDEGATE_AUTHORIZATION\n
[check]\nprivate_ip=true\nlocal_ip=true\n
[defer]\nerror=${defer}\ntimeout=${defer}\n`;
  const start = (/** @type {string} */ defer) =>
    startHaraka({
      plugin: "rspamd",
      files: { "rspamd.ini": ini(defer) },
      env: { TIDEGATE_AUTHORIZATION: `Bearer ${key}` },
    });
  [haraka, closed] = await Promise.all([start("false"), start("true")]);
});
after(async () => {
  await Promise.all([haraka?.stop(), closed?.stop()]);
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** @param {import("./support/swaks.mjs").Sent} sent */
function accepted({ reply, transcript }) {
  assert.match(reply, /^250 queued \([\w.-]+\)$/, transcript);
}

/** What the plugin makes of the reply: its own code for a defer. @param {Kind} kind */
const line = (kind) => smtpLine(kind)?.replace(/^450 /, "451 4.7.1 ");

for (const kind of KINDS) {
  test(`a message of kind ${kind}`, async () => {
    const sent = await send(haraka.port, { header: header(kind) });
    if (line(kind)) assert.equal(sent.reply, line(kind));
    else accepted(sent);
  });
}

test("a large body", async () => {
  const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
  assert.equal((await send(haraka.port, { header: header("blocked"), body })).reply, line("blocked"));
});

test("while Tidegate is gone or answers after 10 s mail flows", async () => {
  await world.front.set("gone");
  accepted(await send(haraka.port, { header: header("blocked") }));
  assert.equal((await send(closed.port, { header: header("blocked") })).reply, "450 Rspamd scan error");
  await world.front.set("slow", { ms: 10_000 });
  const sent = await send(haraka.port, { header: header("blocked") });
  accepted(sent);
  assert.ok(sent.ms > 2_400 && sent.ms < 8_000, `${sent.ms}`);
  assert.equal((await send(closed.port, { header: header("blocked") })).reply, "450 Rspamd scan timeout");
  await world.front.set("pass");
  assert.equal((await send(haraka.port, { header: header("blocked") })).reply, line("blocked"));
});
