/**
 * OpenSMTPD asks by filter-tidegate: the SMTP client sees the reply that was decided, word for word, and mail flows when
 * Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "../support/client.mjs";
import { adopt, endProcess } from "../support/processes.mjs";
import { FILTER, startOpenSmtpd } from "./support/opensmtpd.mjs";
import { logged, needs, scratch } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { startStub } from "./support/stub.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { JSON_DECISION, REJECTED, startUpstream } from "./support/upstream.mjs";
import { header, smtpLine, startWorld, TENANT } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */
/** @typedef {import("./support/opensmtpd.mjs").OpenSmtpd} OpenSmtpd */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"open" | "closed" | "new", OpenSmtpd>} */
let servers;
/** This OpenSMTPD cuts long lines of what a filter sees: messages that have one are rejected. */
const OLD = { args: "--long-lines reject" };

before(async () => {
  world = await startWorld();
  const [open, closed, recent] = await Promise.all([
    startOpenSmtpd(world, OLD),
    startOpenSmtpd(world, { args: `${OLD.args} --fail defer --ask all` }),
    startOpenSmtpd(world, { release: "opensmtpd-7" }),
  ]);
  servers = { open, closed, new: recent };
});
after(async () => {
  await Promise.all(Object.values(servers ?? {}).map((server) => server.stop()));
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** @param {import("./support/swaks.mjs").Sent} sent */
function accepted({ reply, transcript }) {
  assert.match(reply, /^250 2\.0\.0 \w+ Message accepted for delivery$/, transcript);
}

for (const kind of KINDS) {
  const line = smtpLine(kind);
  test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
    const sent = await send(servers.open.port, { header: header(kind) });
    if (line) assert.equal(sent.reply, line);
    else accepted(sent);
    const recent = await send(servers.new.port, { header: header(kind) });
    if (line) assert.equal(recent.reply, line);
    else accepted(recent);
  });
}

test("a message with a line that this OpenSMTPD would cut is rejected, and passes where none is asked about", async () => {
  const body = `${"b".repeat(1_998)}\r\n`;
  const sent = await send(servers.open.port, { header: header("current"), body });
  assert.equal(sent.reply, "554 5.6.0 A line of this message is too long for this server");
  await logged(() => servers.open.output(), /\w{8}: rejected: smtpd 6\.8\.\w+ cuts a line of it/);
  accepted(await send(servers.open.port, { header: header("current"), body: `${"b".repeat(1_997)}\r\n` }));
  assert.equal(
    (await send(servers.new.port, { header: header("blocked"), body })).reply,
    smtpLine("blocked"),
  );
  const passing = await startOpenSmtpd(world);
  try {
    accepted(await send(passing.port, { header: header("blocked"), body }));
    await logged(() => passing.output(), /smtpd 6\.8\.\w+ cuts long lines .* nothing is asked/);
  } finally {
    await passing.stop();
  }
});

test("answers that never end take nothing from those that come after", async () => {
  const upstream = await startUpstream({ decision: JSON_DECISION });
  const server = await startOpenSmtpd({ url: upstream.url, key: "tg_1_secret" }, OLD);
  try {
    // more than there are threads
    const sessions = [];
    while (sessions.length < 70) sessions.push(await SmtpSession.open(server.port));
    const endless = sessions.map((session) => session.send(header("current"), "odd-endless-body@gw.test"));
    for (const reply of await Promise.all(endless)) assert.match(reply, /^250 2\.0\.0 \w+ Message accepted/);
    for (const session of sessions) await session.end();
    const session = await SmtpSession.open(server.port);
    assert.equal(await session.send(header("current"), "status-200@gw.test"), REJECTED);
    await session.end();
  } finally {
    await server.stop();
    await upstream.stop();
  }
});

test("several messages of one session are each decided on by themselves, over one connection", async () => {
  const connections = world.front.connections();
  const session = await SmtpSession.open(servers.open.port);
  for (const kind of /** @type {Kind[]} */ (["throttled", "current", "blocked", "other", "throttled"])) {
    const reply = await session.send(header(kind));
    const line = smtpLine(kind);
    if (line) assert.equal(reply, line);
    else assert.match(reply, /^250 2\.0\.0 \w+ Message accepted/);
    await session.say("RSET");
  }
  await session.end();
  assert.ok(world.front.connections() <= connections + 1);
});

test("a large body passes, and a long header is no obstacle", async () => {
  const long = `${header("throttled")}${`X-Long: ${"x".repeat(900)}\r\n`.repeat(60)}`;
  const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
  assert.equal((await send(servers.open.port, { header: long, body })).reply, smtpLine("throttled"));
  accepted(await send(servers.open.port, { header: header("current"), body }));
});

test("postmaster hears from a blocked server", async () => {
  accepted(await send(servers.open.port, { header: header("blocked"), to: "postmaster@gw.test" }));
});

test("what was decided is recorded", async () => {
  const before = await world.client.counted(TENANT);
  await send(servers.open.port, { header: header("blocked") });
  await until("it is counted", async () => (await world.client.counted(TENANT)) > before);
});

test("a Tidegate that was restarted is asked on a new connection", async () => {
  await send(servers.open.port, { header: header("throttled") });
  world.front.cut();
  assert.equal((await send(servers.open.port, { header: header("throttled") })).reply, smtpLine("throttled"));
});

test("while Tidegate is gone mail flows", async () => {
  await world.front.set("gone");
  for (const kind of KINDS) {
    const sent = await send(servers.open.port, { header: header(kind) });
    accepted(sent);
    assert.ok(sent.ms < 2_000, `${sent.ms}`);
  }
  const closed = await send(servers.closed.port, { header: header("current") });
  assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  await world.front.set("pass");
  assert.equal((await send(servers.closed.port, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("while Tidegate answers after 10 s mail flows, and no session waits for another", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const waiting = Array.from({ length: 8 }, () => send(servers.open.port, { header: header("blocked") }));
  const other = await send(servers.open.port, { header: header("other") });
  accepted(other);
  assert.ok(other.ms < 2_000, `${other.ms}`);
  for (const sent of await Promise.all(waiting)) {
    accepted(sent);
    assert.ok(sent.ms > 2_400 && sent.ms < 8_000, `${sent.ms}`);
  }
  const closed = await send(servers.closed.port, { header: header("blocked") });
  assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  await world.front.set("pass");
  assert.equal((await send(servers.open.port, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("a client that leaves while Tidegate is asked does no harm", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const session = await SmtpSession.open(servers.open.port);
  await session.say("MAIL FROM:<a@contoso.com>");
  await session.say("RCPT TO:<b@gw.test>");
  await session.say("DATA");
  session.socket.write(`${header("blocked")}\r\nBody\r\n.\r\n`);
  session.socket.end();
  accepted(await send(servers.open.port, { header: header("blocked") }));
  await world.front.set("pass");
  assert.equal((await send(servers.open.port, { header: header("blocked") })).reply, smtpLine("blocked"));
});

test("what is no decision lets mail through, and no answer adds a line to a reply", async () => {
  const stub = await startStub();
  const server = await startOpenSmtpd({ url: stub.url, key: "tg_1_secret" }, OLD);
  try {
    for (const answer of stub.NO_DECISIONS) {
      stub.set(answer);
      accepted(await send(server.port, { header: header("blocked") }));
    }
    stub.set({ body: stub.INJECTING });
    assert.equal(
      (await send(server.port, { header: header("blocked") })).reply,
      "450 4.7.230 old 250 2.0.0 injected",
    );
  } finally {
    await Promise.all([server.stop(), stub.stop()]);
  }
});

test("a revoked key lets mail through and is told in the log", async () => {
  const server = await startOpenSmtpd({ url: world.url, key: "tg_none_0123456789abcdef" }, OLD);
  try {
    accepted(await send(server.port, { header: header("blocked") }));
    await logged(() => server.output(), /tidegate: \w{8}: accept: HTTP status 401/);
  } finally {
    await server.stop();
  }
});

test("over TLS only an authority that is trusted is talked to", async () => {
  const tls = await startTls(world.port);
  const [trusting, wary] = await Promise.all([
    startOpenSmtpd({ url: tls.url, key: world.key }, { args: `${OLD.args} --ca-file ${tls.authority}` }),
    startOpenSmtpd({ url: tls.url, key: world.key }, OLD),
  ]);
  try {
    for (let count = 0; count < 3; count += 1) {
      assert.equal((await send(trusting.port, { header: header("blocked") })).reply, smtpLine("blocked"));
    }
    assert.equal(tls.connections(), 1);
    accepted(await send(wary.port, { header: header("blocked") }));
    await logged(() => wary.output(), /CERTIFICATE_VERIFY_FAILED/);
  } finally {
    await Promise.all([trusting.stop(), wary.stop()]);
    await tls.stop();
  }
});

describe("the filter alone", () => {
  /**
   * Hands it lines as smtpd would, and collects its own until there are as many.
   * @param {string[]} lines
   * @param {number} count
   */
  async function talk(lines, count) {
    const folder = scratch("filter");
    const key = join(folder, "key");
    writeFileSync(key, world.key);
    const child = spawn(needs("python3"), [FILTER, "--url", world.url, "--key-file", key], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    adopt(child, folder);
    try {
      child.stdin.write(lines.map((line) => `${line}\n`).join(""));
      const said = [];
      for await (const line of createInterface({ input: child.stdout })) {
        said.push(line);
        if (said.length === count) break;
      }
      return said;
    } finally {
      await endProcess(child);
    }
  }

  /** @param {string} version @param {string[]} reports */
  function session(version, reports) {
    const received = header("blocked").trimEnd().split("\r\n");
    const report = (/** @type {string} */ text) => `report|${version}|1.0|smtp-in|${text}`;
    const own = ["Received: from ex01 (x [203.0.113.7])", "\tby gw.test (OpenSMTPD) with ESMTP id 1a2b3c4d"];
    return {
      lines: [
        "config|smtpd-version|7.6.0p1",
        report("link-connect|s1|ex01|pass|203.0.113.7:2525|192.0.2.1:25"),
        report("link-identify|s1|EHLO|ex01"),
        ...reports.map(report),
        ...[...own, ...received, "", "a|b", "."].map(
          (line) => `filter|${version}|1.0|smtp-in|data-line|s1|t1|${line}`,
        ),
        `filter|${version}|1.0|smtp-in|commit|s1|t1`,
      ],
      count: own.length + received.length + 4,
    };
  }

  /** The last line, of a session with these reports. @param {string} version @param {string[]} reports */
  async function result(version, reports) {
    const { lines, count } = session(version, reports);
    return (await talk(lines, count)).at(-1);
  }

  const rejected = `filter-result|s1|t1|reject|${smtpLine("blocked")}`;
  const proceeds = "filter-result|s1|t1|proceed";

  test("it registers for what it needs, and for nothing where a line that it sees is cut", async () => {
    for (const version of ["7.4.0", "7.5.0", "7.10.0p1", "10.0"]) {
      const said = await talk([`config|smtpd-version|${version}`, "config|ready"], 11);
      assert.deepEqual(said.slice(-3), [
        "register|filter|smtp-in|data-line",
        "register|filter|smtp-in|commit",
        "register|ready",
      ]);
    }
    for (const version of ["6.8.0p2", "7.3.0", "x", ""]) {
      assert.deepEqual(await talk([`config|smtpd-version|${version}`, "config|ready"], 1), [
        "register|ready",
      ]);
    }
    assert.deepEqual(await talk(["config|ready"], 1), ["register|ready"]);
  });

  test("a refused recipient is none, however it is written, and an accepted one is whole", async () => {
    const begin = ["tx-begin|s1|1a2b3c4d"];
    for (const [version, reports, expected] of /** @type {[string, string[], string][]} */ ([
      ["0.7", ["tx-rcpt|s1|1a2b3c4d|ok|postmaster@gw.test"], proceeds],
      ["0.7", ["tx-rcpt|s1|1a2b3c4d|permfail|ok|postmaster@gw.test"], rejected],
      [
        "0.7",
        ["tx-rcpt|s1|1a2b3c4d|ok|postmaster@gw.test", "tx-rcpt|s1|1a2b3c4d|tempfail|ok|y@gw.test"],
        proceeds,
      ],
      ["0.5", ["tx-rcpt|s1|1a2b3c4d|postmaster@gw.test|ok"], proceeds],
      [
        "0.5",
        ["tx-rcpt|s1|1a2b3c4d|postmaster@gw.test|ok", "tx-rcpt|s1|1a2b3c4d|y|ok|x@gw.test|tempfail"],
        proceeds,
      ],
    ])) {
      assert.equal(await result(version, [...begin, ...reports]), expected, reports.join());
    }
  });

  test("it hands each line back as it was", async () => {
    const { lines, count } = session("0.6", []);
    const said = await talk(lines, count);
    assert.deepEqual(
      said.slice(0, -1).map((line) => line.replace("filter-dataline|", "")),
      lines.filter((line) => line.includes("|data-line|")).map((line) => line.split("|data-line|")[1]),
    );
    assert.ok(said.includes("filter-dataline|s1|t1|a|b"));
  });

  test("clients that have logged in are not asked about, in either version of the protocol", async () => {
    const begin = "tx-begin|s1|1a2b3c4d";
    assert.equal(await result("0.6", [begin, "tx-mail|s1|1a2b3c4d|ok|a@b"]), rejected);
    assert.equal(await result("0.7", [begin, "tx-mail|s1|1a2b3c4d|ok|a@b"]), rejected);
    assert.equal(await result("0.6", ["link-auth|s1|bob|pass", begin]), proceeds);
    assert.equal(await result("0.7", ["link-auth|s1|pass|bob", begin]), proceeds);
    assert.equal(await result("0.7", ["link-auth|s1|fail|pass", begin]), rejected);
  });

  test("lines that it does not know end nothing", async () => {
    assert.equal(
      await result("0.6", ["tx-begin|s1|1a2b3c4d", "link-connect", "tx-mail|s2", "tls"]),
      rejected,
    );
  });

  test("a configuration that cannot be used is told at once", () => {
    const start = (/** @type {string[]} */ args) =>
      spawnSync(needs("python3"), [FILTER, ...args], { encoding: "utf8" });
    const plain = start(["--url", "http://tidegate.example.net", "--key-file", "/nowhere"]);
    assert.equal(plain.status, 1);
    assert.match(plain.stderr, /filter-tidegate: --url: https:\/\/ is needed/);
    assert.match(start(["--url", world.url, "--key-file", "/nowhere"]).stderr, /No such file/);
    assert.match(start(["--help"]).stdout, /--fail/);
  });
});
