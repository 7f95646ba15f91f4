/**
 * Haraka asks by haraka-plugin-tidegate: the SMTP client sees the reply that was decided, word for word, and mail flows
 * when Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "../support/client.mjs";
import { startHaraka } from "./support/haraka.mjs";
import { logged } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { startStub } from "./support/stub.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { header, smtpLine, startWorld, TENANT } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */
/** @typedef {import("./support/haraka.mjs").Haraka} Haraka */

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"open" | "closed" | "wary" | "bare", Haraka>} */
let harakas;

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);
/** The tests' own client is on this machine. */
const LOCAL = "[skip]\nprivate=false\n";

/** @param {string} ini @param {boolean} [addReceived] */
function start(ini, addReceived = true) {
  return startHaraka({
    plugin: "tidegate",
    files: { "tidegate.ini": `url=${world.url}\n${ini}` },
    env: { TIDEGATE_KEY: world.key },
    addReceived,
  });
}

before(async () => {
  world = await startWorld();
  const [open, closed, wary, bare] = await Promise.all([
    start(LOCAL),
    start(`fail=defer\nask=all\n${LOCAL}`),
    start(""),
    start(LOCAL, false),
  ]);
  harakas = { open, closed, wary, bare };
});
after(async () => {
  await Promise.all(Object.values(harakas ?? {}).map((haraka) => haraka.stop()));
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** @param {import("./support/swaks.mjs").Sent} sent */
function accepted({ reply, transcript }) {
  assert.match(reply, /^250 queued \([\w.-]+\)$/, transcript);
}

for (const kind of KINDS) {
  const line = smtpLine(kind);
  test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
    const sent = await send(harakas.open.port, { header: header(kind) });
    if (line) assert.equal(sent.reply, line);
    else accepted(sent);
  });
}

test("a Haraka that adds no Received field of its own has the same answers", async () => {
  const sent = await send(harakas.bare.port, { header: header("blocked") });
  assert.equal(sent.reply, smtpLine("blocked"));
});

test("several messages of one session are each decided on by themselves, over one connection", async () => {
  const connections = world.front.connections();
  const session = await SmtpSession.open(harakas.open.port);
  for (const kind of /** @type {Kind[]} */ (["throttled", "current", "blocked", "other", "throttled"])) {
    const reply = await session.send(header(kind));
    const line = smtpLine(kind);
    if (line) assert.equal(reply, line);
    else assert.match(reply, /^250 queued/);
  }
  await session.end();
  assert.ok(world.front.connections() <= connections + 1);
});

test("a large body is not sent to Tidegate, and a long header is no obstacle", async () => {
  const long = `${header("throttled")}X-Long: ${"x".repeat(900)}\r\n${"X-Many: y\r\n".repeat(500)}`;
  const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
  assert.equal((await send(harakas.open.port, { header: long, body })).reply, smtpLine("throttled"));
});

test("postmaster hears from a blocked server", async () => {
  accepted(await send(harakas.open.port, { header: header("blocked"), to: "postmaster@gw.test" }));
});

test("what was decided is recorded", async () => {
  const before = await world.client.counted(TENANT);
  await send(harakas.open.port, { header: header("blocked") });
  await until("it is counted", async () => (await world.client.counted(TENANT)) > before);
});

describe("who is not asked about", () => {
  test("a client with a private address, unless the configuration says so", async () => {
    accepted(await send(harakas.wary.port, { header: header("blocked") }));
  });

  test("a client that has logged in", async () => {
    const args = ["--auth", "PLAIN", "--auth-user", "bob", "--auth-password", "secret"];
    accepted(await send(harakas.open.port, { header: header("blocked"), args }));
  });

  test("a message that never met an Exchange server", async () => {
    await world.front.set("gone");
    accepted(await send(harakas.open.port, { header: header("other") }));
    assert.doesNotMatch(harakas.open.output(), /tidegate.*ECONNREFUSED/);
    const closed = await send(harakas.closed.port, { header: header("other") });
    assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  });
});

test("a Tidegate that was restarted is asked on a new connection", async () => {
  await send(harakas.open.port, { header: header("throttled") });
  world.front.cut();
  assert.equal((await send(harakas.open.port, { header: header("throttled") })).reply, smtpLine("throttled"));
});

test("while Tidegate is gone mail flows", async () => {
  await world.front.set("gone");
  for (const kind of KINDS) {
    const sent = await send(harakas.open.port, { header: header(kind) });
    accepted(sent);
    assert.ok(sent.ms < 2_000, `${sent.ms}`);
  }
  const closed = await send(harakas.closed.port, { header: header("current") });
  assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  await world.front.set("pass");
  assert.equal((await send(harakas.open.port, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("while Tidegate answers after 10 s mail flows", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const all = [harakas.open, harakas.open, harakas.open, harakas.closed];
  const sent = await Promise.all(all.map(({ port }) => send(port, { header: header("blocked") })));
  const closed = sent.pop();
  sent.forEach(accepted);
  for (const { ms } of sent) assert.ok(ms > 2_400 && ms < 8_000, `${ms}`);
  assert.equal(closed?.reply, "451 4.3.0 Policy service unavailable, try again later");
  await world.front.set("pass");
  assert.equal((await send(harakas.open.port, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("what is no decision lets mail through, and no answer adds a line to a reply", async () => {
  const stub = await startStub();
  const haraka = await startHaraka({
    plugin: "tidegate",
    files: { "tidegate.ini": `url=${stub.url}\n${LOCAL}` },
    env: { TIDEGATE_KEY: "tg_1_secret" },
  });
  try {
    for (const answer of stub.NO_DECISIONS) {
      stub.set(answer);
      accepted(await send(haraka.port, { header: header("blocked") }));
    }
    stub.set({ body: stub.INJECTING });
    const { reply } = await send(haraka.port, { header: header("blocked") });
    assert.equal(reply, "450 4.7.230 old 250 2.0.0 injected");
  } finally {
    await Promise.all([haraka.stop(), stub.stop()]);
  }
});

test("a revoked key lets mail through and is told in the log", async () => {
  const haraka = await startHaraka({
    plugin: "tidegate",
    files: { "tidegate.ini": `url=${world.url}\n${LOCAL}` },
    env: { TIDEGATE_KEY: "tg_none_0123456789abcdef" },
  });
  try {
    accepted(await send(haraka.port, { header: header("blocked") }));
    await logged(() => haraka.output(), /\[tidegate\] HTTP status 401: accept/);
  } finally {
    await haraka.stop();
  }
});

test("over TLS only an authority that Node trusts is talked to", async () => {
  const tls = await startTls(world.port);
  const start = (/** @type {Record<string, string>} */ env) =>
    startHaraka({
      plugin: "tidegate",
      files: { "tidegate.ini": `url=${tls.url}\n${LOCAL}` },
      env: { TIDEGATE_KEY: world.key, ...env },
    });
  const [trusting, wary] = await Promise.all([start({ NODE_EXTRA_CA_CERTS: tls.authority }), start({})]);
  try {
    for (let count = 0; count < 3; count += 1) {
      assert.equal((await send(trusting.port, { header: header("blocked") })).reply, smtpLine("blocked"));
    }
    assert.equal(tls.connections(), 1);
    accepted(await send(wary.port, { header: header("blocked") }));
    await logged(() => wary.output(), /unable to verify|self-signed certificate/);
  } finally {
    await Promise.all([trusting.stop(), wary.stop()]);
    await tls.stop();
  }
});
