/**
 * Exim asks with `${readsocket}` from its DATA ACL: the SMTP client sees the reply that was decided, and mail flows when
 * Tidegate is gone or slow. Exim breaks a long reply at blanks into lines, each with the code and the enhanced code.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/client.mjs";
import { startExim } from "./support/exim.mjs";
import { startNginx } from "./support/nginx.mjs";
import { HOST, logged } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { header, smtpLine, startWorld } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {import("./support/exim.mjs").Exim} */
let exim;

before(async () => {
  world = await startWorld();
  exim = await startExim({ socket: `inet:${HOST}:${world.front.port}`, key: world.key });
});
after(async () => {
  await exim?.stop();
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** The reply of one line that Exim was told to give. @param {string} reply */
function unbroken(reply) {
  const lines = reply.split("\n");
  const [, code, enhanced] = /^(\d{3})[ -](\d\.\d+\.\d+) /.exec(lines[0]) ?? [];
  assert.ok(code, reply);
  const texts = lines.map((line, index) => {
    const start = `${code}${index === lines.length - 1 ? " " : "-"}${enhanced} `;
    assert.ok(line.startsWith(start), `${start} in ${reply}`);
    return line.slice(start.length);
  });
  return `${code} ${enhanced} ${texts.join(" ")}`;
}

/** @param {string} reply @param {string} [transcript] */
function accepted(reply, transcript) {
  assert.match(reply, /^250 OK id=\S+$/, transcript);
}

for (const kind of KINDS) {
  const line = smtpLine(kind);
  test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
    const sent = await send(exim.port, { header: header(kind) });
    if (line) assert.equal(unbroken(sent.reply), line);
    else accepted(sent.reply, sent.transcript);
  });
}

test("several messages of one session are each decided on by themselves", async () => {
  const session = await SmtpSession.open(exim.port);
  for (const kind of /** @type {Kind[]} */ (["throttled", "current", "blocked", "other", "throttled"])) {
    const reply = await session.send(header(kind));
    const line = smtpLine(kind);
    if (line) assert.equal(unbroken(reply), line);
    else accepted(reply);
  }
  await session.end();
});

test("postmaster hears from a blocked server", async () => {
  accepted((await send(exim.port, { header: header("blocked"), to: "postmaster@gw.test" })).reply);
});

test("a message with a long header and a large body is decided on", async () => {
  const long = `${header("throttled")}${`X-Long: ${"x".repeat(900)}\r\n`.repeat(700)}`;
  const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
  const sent = await send(exim.port, { header: long, body });
  assert.equal(unbroken(sent.reply), smtpLine("throttled"));
});

test("while Tidegate is gone mail flows", async () => {
  await world.front.set("gone");
  for (const kind of KINDS) {
    const sent = await send(exim.port, { header: header(kind) });
    accepted(sent.reply, sent.transcript);
    assert.ok(sent.ms < 2_000, `${sent.ms}`);
  }
  await logged(() => exim.log(), /Warning: tidegate failed: no answer, accepted/);
  await world.front.set("pass");
  assert.equal(unbroken((await send(exim.port, { header: header("blocked") })).reply), smtpLine("blocked"));
});

test("while Tidegate answers after 10 s mail flows after 2 s", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const sent = await send(exim.port, { header: header("blocked") });
  accepted(sent.reply, sent.transcript);
  assert.ok(sent.ms > 1_900 && sent.ms < 8_000, `${sent.ms}`);
  await world.front.set("pass");
  assert.equal(unbroken((await send(exim.port, { header: header("blocked") })).reply), smtpLine("blocked"));
});

test("mail waits for a Tidegate that is gone where that is asked for", async () => {
  const closed = await startExim({
    socket: `inet:${HOST}:${world.front.port}`,
    key: world.key,
    failDefer: true,
  });
  try {
    assert.equal(
      unbroken((await send(closed.port, { header: header("blocked") })).reply),
      smtpLine("blocked"),
    );
    accepted((await send(closed.port, { header: header("current") })).reply);
    await world.front.set("gone");
    const { reply } = await send(closed.port, { header: header("current") });
    assert.equal(reply, "451 4.3.0 Policy service unavailable, try again later");
    await logged(() => closed.log(), /temporarily rejected after DATA: tidegate failed: no answer/);
  } finally {
    await closed.stop();
  }
});

test("over nginx only a Tidegate whose certificate an authority vouches for is talked to", async () => {
  const tls = await startTls(world.front.port);
  const [trusting, wary, misnamed] = await Promise.all([
    startNginx("exim/nginx.conf", tls),
    startNginx("exim/nginx.conf", { url: tls.url }),
    startNginx("exim/nginx.conf", { ...tls, url: tls.url.replace("localhost", "another.test") }),
  ]);
  const ways = await Promise.all(
    [trusting, wary, misnamed].map(({ port }) =>
      startExim({ socket: `inet:${HOST}:${port}`, key: world.key }),
    ),
  );
  try {
    const [own, unknown, another] = ways;
    assert.equal(unbroken((await send(own.port, { header: header("blocked") })).reply), smtpLine("blocked"));
    for (const { port } of [unknown, another]) {
      const sent = await send(port, { header: header("blocked") });
      accepted(sent.reply, sent.transcript);
    }
    await world.front.set("gone");
    const gone = await send(own.port, { header: header("blocked") });
    accepted(gone.reply, gone.transcript);
  } finally {
    await Promise.all([...ways, trusting, wary, misnamed].map((server) => server.stop()));
    await tls.stop();
  }
});

test("an answer that is none delays nothing, and is logged", async () => {
  const tidegate = await startListener();
  const own = await startExim({ socket: `inet:${HOST}:${tidegate.port}`, key: "tg_1_secret" });
  const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
  try {
    for (const [answer, logged] of [
      ["HTTP/1.1 401 Unauthorized\r\n\r\n{}", "HTTP/1.1 401 Unauthorized"],
      ["HTTP/1.1 500 Oops\r\n\r\ndefer 450 4.7.230 no\n", "HTTP/1.1 500 Oops"],
      [`${ok}defer\n`, "HTTP/1.1 200 OK"],
      [`${ok}defer 550 5.7.230 a class that is not the verb's\n`, "HTTP/1.1 200 OK"],
      [`${ok}reject 550 5.7.230 two\r\n250 2.0.0 lines\n`, "HTTP/1.1 200 OK"],
      ["", "no answer"],
      ["\0\0\0", "no answer"],
    ]) {
      tidegate.answer(answer);
      const sent = await send(own.port, { header: header("blocked") });
      accepted(sent.reply, sent.transcript);
      const id = sent.reply.split("=")[1];
      const line = new RegExp(`Warning: tidegate failed: ${logged}, accepted`);
      await until("it is logged", async () => line.test(own.log()) && own.log().includes(id));
    }
    tidegate.answer(`${ok}reject 550 5.7.230 $primary_hostname \${run{/bin/true}} 100\\n\n`);
    const sent = await send(own.port, { header: header("blocked") });
    assert.equal(sent.reply, `550 5.7.230 $primary_hostname \${run{/bin/true}} 100\\n`);
  } finally {
    await own.stop();
    await tidegate.stop();
  }
});

test("what is asked names client, message and recipients", async () => {
  const tidegate = await startListener();
  const own = await startExim({ socket: `inet:${HOST}:${tidegate.port}`, key: "tg_1_secret" });
  try {
    tidegate.answer("HTTP/1.1 200 OK\r\n\r\naccept\n");
    const mail = header("throttled");
    const sent = await send(own.port, { header: mail, to: "b@gw.test,c@gw.test" });
    accepted(sent.reply, sent.transcript);
    const [head, body] = tidegate.asked().split("\r\n\r\n");
    assert.deepEqual(head.split("\r\n"), [
      "POST /gateways/exim HTTP/1.0",
      "Host: tidegate.test",
      "Authorization: Bearer tg_1_secret",
      "Connection: close",
      `IP: ${HOST}`,
      `Queue-Id: ${sent.reply.split("=")[1]}`,
      "Rcpt: b@gw.test, c@gw.test",
      "Content-Type: message/rfc822-headers",
      `Content-Length: ${body.length}`,
    ]);
    // its own field is on top, the sender's are as they came, but for the line ends
    assert.match(body, /^Received: from \[127\.0\.0\.1\] \(helo=ex01\.contoso\.com\)\n\tby gw\.test with/);
    assert.ok(body.includes(mail.replaceAll("\r\n", "\n")), body);
  } finally {
    await own.stop();
    await tidegate.stop();
  }
});

/** Something in Tidegate's place that keeps what it is asked and answers as it is told. */
async function startListener() {
  let [asked, answer] = ["", ""];
  const server = createServer((socket) => {
    asked = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      asked += chunk;
      const length = Number(/^Content-Length: (\d+)/m.exec(asked)?.[1]);
      if (asked.length - asked.indexOf("\r\n\r\n") - 4 >= length) socket.end(answer);
    });
  });
  server.listen(0, HOST);
  await once(server, "listening");
  return {
    port: /** @type {import("node:net").AddressInfo} */ (server.address()).port,
    asked: () => asked,
    answer: (/** @type {string} */ text) => {
      answer = text;
    },
    stop: async () => {
      server.close();
      await once(server, "close");
    },
  };
}
