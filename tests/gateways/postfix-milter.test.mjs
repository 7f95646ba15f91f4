/**
 * Postfix asks through tidegate-milter: the SMTP client sees the reply that was decided, word for word, and mail flows
 * when Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { program, startMilter } from "./support/milter.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { logged, remove, scratch } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { header, smtpLine, startWorld } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"tcp" | "unix" | "closed" | "skipping", import("./support/milter.mjs").Milter>} */
let milters;
/** @type {import("./support/postfix.mjs").Postfix} */
let postfix;

const OPEN = "milter_default_action=accept";
const XCLIENT_LOGIN = ["--xclient", "NAME=ex01.contoso.com ADDR=203.0.113.7 LOGIN=bob"];

before(async () => {
  world = await startWorld();
  const [tcp, unix, closed, skipping] = await Promise.all([
    startMilter(world),
    startMilter(world, { unix: true, lines: ['ask = "all"', 'log = "debug"'] }),
    startMilter(world, { lines: ['fail = "tempfail"'] }),
    startMilter(world, { clients: '[[client]]\nnetworks = ["loopback"]\nskip = true' }),
  ]);
  milters = { tcp, unix, closed, skipping };
  postfix = await startPostfix({
    tcp: [`smtpd_milters=${tcp.address}`, OPEN],
    unix: [`smtpd_milters=${unix.address}`, OPEN],
    closed: [`smtpd_milters=${closed.address}`, OPEN],
    skipping: [`smtpd_milters=${skipping.address}`, OPEN],
  });
});
after(async () => {
  await postfix?.stop();
  await Promise.all(Object.values(milters ?? {}).map((milter) => milter.stop()));
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** A counter's value. @param {keyof typeof milters} name @param {string} line */
async function counted(name, line) {
  const text = await milters[name].metrics();
  const found = text.split("\n").find((row) => row.startsWith(`tidegate_milter_${line} `));
  assert.ok(found, `${line} in\n${text}`);
  return Number(found.split(" ").at(-1));
}

/** @param {import("./support/swaks.mjs").Sent} sent */
function accepted({ reply, transcript }) {
  assert.match(reply, /^250 2\.0\.0 Ok: queued as \w+$/, transcript);
}

for (const way of /** @type {const} */ (["tcp", "unix"])) {
  describe(`over ${way}`, () => {
    for (const kind of /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"])) {
      const line = smtpLine(kind);
      test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
        const sent = await send(postfix.ports[way], { header: header(kind) });
        if (line) assert.equal(sent.reply, line);
        else accepted(sent);
      });
    }
  });
}

test("a message with a long header and a large body is decided on", async () => {
  const long = `${header("throttled")}X-Long: ${"x".repeat(60_000)}\r\n`;
  const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
  const sent = await send(postfix.ports.tcp, { header: long, body });
  assert.equal(sent.reply, smtpLine("throttled"));
});

test("several messages of one session are each decided on by themselves", async () => {
  const before = await counted("tcp", 'messages_total{outcome="defer"}');
  const session = await SmtpSession.open(postfix.ports.tcp);
  /** @type {Kind[]} */
  const kinds = ["throttled", "current", "blocked", "other", "throttled"];
  for (const kind of kinds) {
    const reply = await session.send(header(kind));
    const line = smtpLine(kind);
    if (line) assert.equal(reply, line);
    else assert.match(reply, /^250 2\.0\.0 Ok/);
  }
  // one that the client takes back leaves nothing for the next
  await session.say("MAIL FROM:<a@contoso.com>");
  await session.say("RCPT TO:<b@gw.test>");
  await session.say("RSET");
  assert.equal(await session.send(header("blocked")), smtpLine("blocked"));
  await session.end();
  assert.equal(await counted("tcp", 'messages_total{outcome="defer"}'), before + 2);
});

test("postmaster hears from a blocked server", async () => {
  accepted(await send(postfix.ports.tcp, { header: header("blocked"), to: "postmaster@gw.test" }));
});

test("the address of the SMTP client and its login come through", async () => {
  const sent = await send(postfix.ports.unix, {
    header: header("throttled"),
    args: ["--xclient", "NAME=ex01.contoso.com ADDR=IPV6:2001:db8::7"],
  });
  assert.equal(sent.reply, smtpLine("throttled"));
  await logged(() => milters.unix.output(), /"client":"2001:db8::7".*"action":"defer"/);
  accepted(await send(postfix.ports.unix, { header: header("blocked"), args: XCLIENT_LOGIN }));
  await logged(() => milters.unix.output(), /"event":"skipped".*"client":"203\.0\.113\.7"/);
});

test("clients that the configuration names are not asked about", async () => {
  accepted(await send(postfix.ports.skipping, { header: header("blocked") }));
  assert.equal(await counted("skipping", 'messages_total{outcome="skipped"}'), 1);
  assert.equal(await counted("skipping", "upstream_connections_total"), 0);
});

test("behind a before-queue proxy the re-injecting smtpd asks below the field of the one in front", async () => {
  const asking = ['connector = "on_premises"', 'log = "debug"'];
  const [below, wrong] = await Promise.all([
    startMilter(world, { lines: [...asking, "own_hops = 1"] }),
    startMilter(world, { lines: asking }),
  ]);
  const inner = await startPostfix({
    below: [`smtpd_milters=${below.address}`],
    wrong: [`smtpd_milters=${wrong.address}`],
  });
  const outer = await startPostfix({
    below: [`smtpd_proxy_filter=127.0.0.1:${inner.ports.below}`],
    wrong: [`smtpd_proxy_filter=127.0.0.1:${inner.ports.wrong}`],
  });
  try {
    const sent = await send(outer.ports.below, { header: header("blocked") });
    assert.equal(sent.reply, smtpLine("blocked"), sent.transcript);
    accepted(await send(outer.ports.below, { header: header("current") }));
    // the field in front is not Exchange's: the log says so
    accepted(await send(outer.ports.wrong, { header: header("blocked") }));
    await logged(() => wrong.output(), /"action":"accept".*"why":"The connecting server's/);
  } finally {
    for (const server of [outer, inner, below, wrong]) await server.stop();
  }
});

test("a Tidegate that was restarted is asked on a new connection", async () => {
  await send(postfix.ports.tcp, { header: header("throttled") });
  const retries = await counted("tcp", "retries_total");
  const connections = world.front.connections();
  world.front.cut();
  const sent = await send(postfix.ports.tcp, { header: header("throttled") });
  assert.equal(sent.reply, smtpLine("throttled"));
  assert.ok(world.front.connections() > connections);
  // whether the daemon saw the end of the connection before it asked, or by asking
  assert.ok((await counted("tcp", "retries_total")) <= retries + 1);
});

test("while Tidegate is gone mail flows", async () => {
  await world.front.set("gone");
  for (const kind of /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"])) {
    const sent = await send(postfix.ports.tcp, { header: header(kind) });
    accepted(sent);
    assert.ok(sent.ms < 2_000, `${sent.ms}`);
  }
  const closed = await send(postfix.ports.closed, { header: header("current") });
  assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  await world.front.set("pass");
  assert.equal((await send(postfix.ports.tcp, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("while Tidegate answers after 10 s mail flows, and soon nobody waits for it", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const sent = await send(postfix.ports.tcp, { header: header("blocked") });
  accepted(sent);
  assert.ok(sent.ms > 2_400 && sent.ms < 8_000, `${sent.ms}`);
  accepted(await send(postfix.ports.tcp, { header: header("other") }));
  const many = await Promise.all(
    Array.from({ length: 6 }, () => send(postfix.ports.tcp, { header: header("throttled") })),
  );
  many.forEach(accepted);
  const waiting = send(postfix.ports.tcp, { header: header("throttled") });
  const others = await Promise.all(
    Array.from({ length: 3 }, () => send(postfix.ports.tcp, { header: header("throttled") })),
  );
  assert.ok(others.filter(({ ms }) => ms < 2_000).length >= 2, `${others.map(({ ms }) => ms)}`);
  accepted(await waiting);
  await world.front.set("pass");
  assert.equal((await send(postfix.ports.tcp, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("over TLS one kept connection serves, and only an authority that is trusted", async () => {
  const tls = await startTls(world.port);
  const trusting = await startMilter(
    { url: tls.url, key: world.key },
    { lines: [`ca_file = "${tls.authority}"`] },
  );
  const wary = await startMilter({ url: tls.url, key: world.key });
  const own = await startPostfix({
    trusting: [`smtpd_milters=${trusting.address}`, OPEN],
    wary: [`smtpd_milters=${wary.address}`, OPEN],
  });
  try {
    for (let count = 0; count < 3; count += 1) {
      const sent = await send(own.ports.trusting, { header: header("blocked") });
      assert.equal(sent.reply, smtpLine("blocked"));
    }
    assert.equal(tls.connections(), 1);
    accepted(await send(own.ports.wary, { header: header("blocked") }));
    assert.match(await wary.metrics(), /failures_total\{reason="connect"\} 1/);
    await logged(() => wary.output(), /"error":"localhost:\d+: TLS: .*UnknownIssuer/);
  } finally {
    await own.stop();
    await Promise.all([trusting.stop(), wary.stop()]);
    await tls.stop();
  }
});

test("a configuration that cannot be used is told before it is used", () => {
  const folder = scratch("config");
  const file = join(folder, "milter.toml");
  const check = (/** @type {string} */ text, /** @type {NodeJS.ProcessEnv} */ env) => {
    writeFileSync(file, text);
    const args = ["--check-config", "--config", file];
    return spawnSync(program(), args, { encoding: "utf8", env: { ...process.env, ...env } });
  };
  try {
    const config = 'listen = "inet:127.0.0.1:8894"\nurl = "https://tidegate.example.net"\n';
    const good = check(config, { TIDEGATE_KEY: "tg_1_secret" });
    assert.deepEqual([good.status, good.stdout], [0, "The configuration can be used.\n"]);
    const keyless = check(config, {});
    assert.equal(keyless.status, 1);
    assert.match(keyless.stderr, /no key: set `key_file`, or TIDEGATE_KEY/);
    const wrong = check(`${config}timeout_ms = 5\n`, { TIDEGATE_KEY: "x" });
    assert.match(wrong.stderr, /milter\.toml: `timeout_ms` must be 100 to 9000/);
  } finally {
    remove(folder);
  }
  assert.match(spawnSync(program(), ["--help"], { encoding: "utf8" }).stdout, /--check-config/);
});

test("a daemon that is to stop answers the message under way", async () => {
  const milter = await startMilter(world);
  const own = await startPostfix({
    tcp: [`smtpd_milters=${milter.address}`, "milter_default_action=tempfail"],
  });
  try {
    const session = await SmtpSession.open(own.ports.tcp);
    await session.say("MAIL FROM:<a@contoso.com>");
    await session.say("RCPT TO:<b@gw.test>");
    const stopped = milter.stop();
    assert.equal(await session.data(header("blocked")), smtpLine("blocked"));
    await stopped;
    assert.equal(milter.status(), 0);
    await session.end();
  } finally {
    await own.stop();
    await milter.stop();
  }
});
