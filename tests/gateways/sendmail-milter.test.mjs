/**
 * Sendmail asks through tidegate-milter: the SMTP client sees the reply that was decided, word for word.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { startMilter } from "./support/milter.mjs";
import { startSendmail } from "./support/sendmail.mjs";
import { logged } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { send } from "./support/swaks.mjs";
import { header, smtpLine, startWorld } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */

const TO = "root@localhost";
const ACCEPTED = /^250 2\.0\.0 \w+ Message accepted for delivery$/;

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {import("./support/milter.mjs").Milter} */
let milter;
/** @type {import("./support/sendmail.mjs").Sendmail} */
let sendmail;

before(async () => {
  world = await startWorld();
  milter = await startMilter(world, { lines: ['log = "debug"'] });
  const [, host, port] = milter.address.split(":");
  sendmail = await startSendmail(`S=inet:${port}@${host}`);
});
after(async () => {
  await sendmail?.stop();
  await milter?.stop();
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

for (const kind of /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"])) {
  const line = smtpLine(kind);
  test(`a message of kind ${kind} is ${line ? `answered ${line}` : "accepted"}`, async () => {
    const { reply } = await send(sendmail.port, { header: header(kind), to: TO });
    if (line) assert.equal(reply, line);
    else assert.match(reply, ACCEPTED);
  });
}

test("several messages of one session are each decided on by themselves", async () => {
  const session = await SmtpSession.open(sendmail.port);
  for (const kind of /** @type {Kind[]} */ (["throttled", "current", "blocked", "other", "throttled"])) {
    const reply = await session.send(header(kind), TO);
    const line = smtpLine(kind);
    if (line) assert.equal(reply, line);
    else assert.match(reply, ACCEPTED);
  }
  // without an answer to MAIL Sendmail does not tell that the client took the message back
  await session.say("MAIL FROM:<a@contoso.com>");
  await session.say(`RCPT TO:<${TO}>`);
  await session.say("RSET");
  assert.equal(await session.send(header("blocked"), TO), smtpLine("blocked"));
  await session.end();
});

test("the queue id is Sendmail's own", async () => {
  const { reply } = await send(sendmail.port, { header: header("current"), to: TO });
  const id = /^250 2\.0\.0 (\w+) /.exec(reply)?.[1];
  await logged(() => milter.output(), new RegExp(`"queue_id":"${id}"`));
});

test("mail flows while Tidegate is gone, while it is slow, and without the daemon", async () => {
  const blocked = () => send(sendmail.port, { header: header("blocked"), to: TO });
  await world.front.set("gone");
  assert.match((await blocked()).reply, ACCEPTED);
  await world.front.set("slow", { ms: 10_000 });
  const slow = await blocked();
  assert.match(slow.reply, ACCEPTED);
  assert.ok(slow.ms < 8_000, `${slow.ms}`);
  await world.front.set("pass");
  assert.equal((await blocked()).reply, smtpLine("blocked"));
  await milter.stop();
  assert.match((await blocked()).reply, ACCEPTED);
});
