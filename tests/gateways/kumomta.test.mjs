/**
 * The policy for KumoMTA asks over HTTP and rejects with what was decided, word for word; mail flows when Tidegate is gone
 * or slow, whatever it answers.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { startKumo } from "./support/kumomta.mjs";
import { HOST, remove, scratch } from "./support/servers.mjs";
import { header, REPLIES, smtpLine, startWorld } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"open" | "closed", import("./support/kumomta.mjs").Kumo>} */
let kumo;
/** @type {string} */
let folder;

before(async () => {
  world = await startWorld();
  folder = scratch("key");
  const file = join(folder, "key");
  writeFileSync(file, `${world.key}\n`);
  kumo = {
    open: await startKumo(`{ url = '${world.url}/', key = '${file}' }`),
    closed: await startKumo(
      `{ url = '${world.url}', key = { key_data = '${world.key}' }, fail = 'tempfail' }`,
    ),
  };
});
after(async () => {
  await Promise.all(Object.values(kumo ?? {}).map((one) => one.stop()));
  await world?.stop();
  if (folder) remove(folder);
});
afterEach(() => world.front.set("pass"));

/** A message's data. @param {string} header with CRLF */
function message(header) {
  return `${header}From: <a@contoso.com>\r\nSubject: hello\r\n\r\nA short body.\r\n`;
}

/** @param {import("./support/kumomta.mjs").Told} told */
function accepted({ reply, warned }) {
  assert.match(reply, /^250 OK ids=\w+$/, warned);
}

for (const kind of KINDS) {
  const line = smtpLine(kind);
  test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
    const told = await kumo.open.receive({ data: message(header(kind)) });
    if (line) assert.equal(told.reply, line);
    else accepted(told);
    assert.equal(told.warned, "");
  });
}

test("what is asked is the Received fields, the recipients, the client's address and nothing else", async () => {
  const out = header("throttled");
  await kumo.open.receive({
    id: "0a1b2c",
    to: ["b@gw.test", "c@gw.test"],
    meta: { received_from: "[2001:db8::7]:4711" },
    data: message(out),
  });
  const asked = kumo.open.asked();
  assert.equal(asked?.url, `${world.url}/v1/decide`);
  assert.equal(asked?.headers.Authorization, `Bearer ${world.key}`);
  assert.deepEqual(JSON.parse(asked?.body ?? ""), {
    event_id: "0a1b2c",
    client: { ip: "2001:db8::7" },
    own_hops: 0,
    envelope: { to: ["b@gw.test", "c@gw.test"] },
    // as the sender wrote it
    header: [["Received", out.slice("Received:".length).trimEnd()]],
  });
});

test("whatever a sender wrote, its message is decided on", async () => {
  const out = header("throttled");
  const told = async (/** @type {string} */ data, meta = {}) =>
    (await kumo.closed.receive({ data: Buffer.from(data, "latin1"), to: ["\u00fc@gw.test"], meta })).reply;
  const dirt = 'from "\\\xff\xfe\x01 by x \xc3';
  for (const data of [
    message(`${out}Received: ${dirt}\r\nX-\xff: ${dirt}\r\n`),
    message(`${out}no colon\r\n`),
    message(`${out}\rX: a CR alone at a line's start\r\n`),
    message(` a blank first\r\n${out}`),
    message(`${dirt}\r\n${out}`),
    message(out).replaceAll("\r\n", "\n"),
    message(`${out}${`Received: ${"x".repeat(5_000)}\r\n`.repeat(500)}`),
    message(`${out}X: y\r\n${" z\r\n".repeat(100_000)}`),
    message(`${out}Received: x\r\n${" z\r\n".repeat(50_000)}`),
  ]) {
    assert.equal(await told(data), smtpLine("throttled"), data.slice(0, 200));
  }
  for (const received_from of ["", "unix", "127.0.0.1", "[fe80::1%3]:25"]) {
    assert.equal(await told(message(out), { received_from }), smtpLine("throttled"), received_from);
  }
});

test("a message without a header, or that KumoMTA cannot show, is accepted even where mail is to wait", async () => {
  for (const data of [
    "\r\nbody\r\n",
    " a blank first\r\n",
    "\xfcber\r\n\r\nbody\r\n",
    "\r",
    "",
    "\0\0\r\n",
  ]) {
    accepted(await kumo.closed.receive({ data: Buffer.from(data, "latin1") }));
  }
  const told = await kumo.closed.receive({ data: "", unreadable: true });
  assert.match(told.reply, /^250 OK ids=/);
  assert.match(told.warned, /^tidegate: .*, accepted$/);
});

test("postmaster hears from a blocked server, and who has logged in is not asked about", async () => {
  accepted(await kumo.open.receive({ data: message(header("blocked")), to: ["postmaster@gw.test"] }));
  const before = kumo.open.asked();
  accepted(await kumo.open.receive({ data: message(header("blocked")), meta: { authn_id: "bob" } }));
  accepted(await kumo.open.receive({ data: "Subject: a message of its own\r\n\r\nbody\r\n" }));
  assert.equal(kumo.open.asked(), before);
});

test("a Tidegate that was restarted is asked on a new connection", async () => {
  for (let round = 0; round < 5; round += 1) {
    await kumo.open.receive({ data: message(header("current")) });
    world.front.cut();
    const told = await kumo.open.receive({ data: message(header("throttled")) });
    assert.equal(told.reply, smtpLine("throttled"), told.warned);
  }
});

test("while Tidegate is gone mail flows, unless it is to wait", async () => {
  await world.front.set("gone");
  for (const kind of KINDS) {
    const told = await kumo.open.receive({ data: message(header(kind)) });
    accepted(told);
    assert.match(told.warned, /^tidegate: error sending request .*, accepted$/);
  }
  const closed = await kumo.closed.receive({ data: message(header("current")) });
  assert.equal(closed.reply, "451 4.3.0 Policy service unavailable, try again later");
  assert.match(closed.warned, /, deferred$/);
  await world.front.set("pass");
  assert.equal((await kumo.closed.receive({ data: message(header("blocked")) })).reply, smtpLine("blocked"));
});

test("while Tidegate answers after 10 s mail flows after 2.5 s", async () => {
  await world.front.set("slow", { ms: 10_000 });
  const told = await kumo.open.receive({ data: message(header("blocked")) });
  accepted(told);
  assert.ok(told.ms > 2_400 && told.ms < 8_000, `${told.ms}`);
});

test("an answer that is none delays nothing, and is logged", async () => {
  let [status, body] = [200, ""];
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(status).end(body));
  }).listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const own = await startKumo(`{ url = 'http://${HOST}:${port}', key = { key_data = 'tg_1_secret' } }`);
  const reply = REPLIES.throttled;
  try {
    for (const answer of [
      "",
      "[]",
      "null",
      "7",
      "{}",
      JSON.stringify({ action: "discard", reply }),
      JSON.stringify({ action: "defer" }),
      JSON.stringify({ action: "defer", reply: 7 }),
      JSON.stringify({ action: "reject", reply }),
      JSON.stringify({ action: "defer", reply: { ...reply, enhanced: "5.7.230" } }),
      JSON.stringify({ action: "defer", reply: { ...reply, code: "x" } }),
      JSON.stringify({ action: "defer", reply: { ...reply, text: {} } }),
    ]) {
      body = answer;
      const told = await own.receive({ data: message(header("throttled")) });
      accepted(told);
      assert.match(told.warned, /^tidegate: .*, accepted$/, answer);
    }
    status = 401;
    body = "no such key";
    const refused = await own.receive({ data: message(header("throttled")) });
    accepted(refused);
    assert.equal(refused.warned, "tidegate: 401 no such key, accepted");
    status = 200;
    body = JSON.stringify({ action: "defer", reply: { ...reply, text: "one\r\n250 two\u00fc" } });
    const told = await own.receive({ data: message(header("throttled")) });
    assert.equal(told.reply, "450 4.7.230 one 250 two ", "no reply has a line of its own making");
  } finally {
    await own.stop();
    server.close();
  }
});

test("a message that Tidegate does not take is not deferred for ever, whatever is to happen in a failure", async () => {
  let status = 0;
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(status).end("too large"));
  }).listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const own = await startKumo(
    `{ url = 'http://${HOST}:${port}', key = { key_data = 'tg_1_secret' }, fail = 'tempfail' }`,
  );
  try {
    for (status of [400, 413, 422]) {
      const told = await own.receive({ data: message(header("throttled")) });
      accepted(told);
      assert.equal(told.warned, `tidegate: ${status} too large, accepted`);
    }
    status = 503;
    const told = await own.receive({ data: message(header("throttled")) });
    assert.match(told.reply, /^451 4\.3\.0 /);
  } finally {
    await own.stop();
    server.close();
  }
});

test("a configuration that cannot be used is told at the start", async () => {
  for (const [configure, expected] of [
    ["{}", /url and key are needed/],
    ["{ url = 'https://x', key = 'y', timeuot = '1s' }", /timeuot cannot be 1s/],
    ["{ url = 7, key = 'y' }", /url cannot be 7/],
    ["{ url = 'https://x', key = 'y', fail = 'open' }", /fail is 'accept' or 'tempfail'/],
  ]) {
    await assert.rejects(startKumo(/** @type {string} */ (configure)), /** @type {RegExp} */ (expected));
  }
});
