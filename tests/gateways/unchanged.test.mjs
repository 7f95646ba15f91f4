/**
 * A message that is accepted is delivered as the mail server alone would deliver it, octet for octet, whatever a sender
 * wrote: no gateway cuts a line, drops a dot, or has an opinion of its own on what it does not understand.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startExim } from "./support/exim.mjs";
import { startHaraka } from "./support/haraka.mjs";
import { startMilter } from "./support/milter.mjs";
import { startNginx } from "./support/nginx.mjs";
import { startOpenSmtpd } from "./support/opensmtpd.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { startOnly, startRule } from "./support/rspamd.mjs";
import { HOST, remove, scratch } from "./support/servers.mjs";
import { startSink } from "./support/sink.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { JSON_ACCEPT, startUpstream } from "./support/upstream.mjs";
import { header } from "./support/world.mjs";

const KEY = "tg_1_secret";
const EIGHT_BIT = Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index)).toString("latin1");

/** What is behind the header of a message by an Exchange server, or a whole message. @type {Record<string, string>} */
const BODIES = {
  short: "A short body.\r\n",
  nothing: "",
  dots: ".\r\n..\r\n...\r\n.x\r\n. \r\n",
  "one line of 3,000 octets": `${"b".repeat(3_000)}\r\n`,
  "one line of 60,000 octets": `${"b".repeat(60_000)}\r\n`,
  "8 bit": `${EIGHT_BIT}\r\n\xff\xfe\r\n`,
  bars: "a|b||c|\r\n|\r\nfilter-dataline|1|2|x\r\nregister|ready\r\n",
  "percent and quotes": "%s %n %% $1 $run{x} \"'`\\ \r\n",
  blanks: "x \t \r\n \t\r\n\t\r\n",
  "CR alone": "a\rb\r\n\r\r\n",
  NUL: "a\0b\r\n\0\r\n",
  controls: "\x01\x02\x1b[2J\x7f\x08\r\n",
  large: `${"b".repeat(70)}\r\n`.repeat(15_000),
};
/** @type {Record<string, (own: string) => string>} */
const HEADERS = {
  "a field of 3,000 octets": (own) => `${own}X-Long: ${"x".repeat(3_000)}\r\n\r\nbody\r\n`,
  "a Received field of 3,000 octets": (own) => `Received: ${"x".repeat(3_000)}\r\n${own}\r\nbody\r\n`,
  "fields of 8 bit": (own) => `${own}X-\xfc: \xff\r\nSubject: ${EIGHT_BIT}\r\n\r\nbody\r\n`,
  "a line without a colon": (own) => `${own}no colon\r\n\r\nbody\r\n`,
  "dots in the header": (own) => `..x: y\r\n.z: y\r\n${own}\r\nbody\r\n`,
  "no body": (own) => own,
  "no header": () => "\r\nbody\r\n",
  "no header and no empty line": () => "only\r\ntext\r\n",
  "a blank first": (own) => ` x\r\n${own}\r\nbody\r\n`,
  "nothing at all": () => "",
};

/** Of a patched Exchange server's message: the gateway asks, and no mail server adds a field that is missing. */
const harmless = () =>
  `${header("current")}From: <a@contoso.com>\r\nTo: <b@gw.test>\r\nDate: Thu, 1 Oct 2026 10:00:00 +0000\r\nMessage-ID: <1@contoso.com>\r\n`;

/** @type {[string, Buffer][]} */
const CONTENTS = [
  ...Object.entries(BODIES).map(([name, body]) => [name, `${harmless()}\r\n${body}`]),
  ...Object.entries(HEADERS).map(([name, whole]) => [name, whole(harmless())]),
].map(([name, text]) => [name, Buffer.from(text, "latin1")]);

/**
 * @typedef {object} Running
 * @property {number} port with the gateway
 * @property {number} plain without it
 * @property {(to: string, reply: string) => Promise<Buffer>} [message] where not the sink has it
 * @property {() => Promise<unknown>} stop
 */

/** @typedef {{ url: string, sink: number }} Around */

/** @param {{ stop: () => Promise<unknown> }[]} servers */
const stopAll = async (servers) => {
  for (const server of servers) await server.stop();
};

/** @param {(around: Around) => Promise<{ stop: () => Promise<unknown>, address: string }>} start a milter */
const behindPostfix = (start) => async (/** @type {Around} */ around) => {
  const milter = await start(around);
  const postfix = await startPostfix(
    { own: [`smtpd_milters={ ${milter.address}, default_action=tempfail }`], plain: [] },
    "",
    { sink: around.sink },
  );
  const { own: port, plain } = postfix.ports;
  return { port, plain, stop: () => stopAll([postfix, milter]) };
};

/** @type {Record<string, { decision?: import("./support/upstream.mjs").Decision, start: (around: Around) => Promise<Running>,
 *   refused?: Record<string, RegExp> }>} `refused`: what is not accepted for its content, and the reply to it */
const GATEWAYS = {
  "tidegate-milter behind Postfix": {
    start: behindPostfix(({ url }) => startMilter({ url, key: KEY })),
  },
  "rspamd's rule behind Postfix": {
    start: behindPostfix(async ({ url }) => {
      const rspamd = await startRule({ url, key: KEY }, { more: "answer_by_header = true;" });
      return { ...rspamd, address: rspamd.milter };
    }),
  },
  "an rspamd that only asks Tidegate, behind Postfix": {
    start: behindPostfix(async ({ url }) => {
      const rspamd = await startOnly({ url, key: KEY });
      return { ...rspamd, address: rspamd.milter };
    }),
  },
  Haraka: {
    start: async ({ url }) => {
      const sink = scratch("kept");
      const files = { "tidegate.ini": `url=${url}\n[skip]\nprivate=false\n` };
      const own = await startHaraka({ plugin: "tidegate", files, env: { TIDEGATE_KEY: KEY }, sink });
      const plain = await startHaraka({ files: {}, sink });
      const stop = async () => {
        await stopAll([own, plain]);
        remove(sink);
      };
      const message = async (/** @type {string} */ to) => readFileSync(join(sink, to.split("@")[0]));
      return { port: own.port, plain: plain.port, message, stop };
    },
  },
  Exim: {
    decision: { type: "text/plain", body: "accept\n" },
    start: async ({ url }) => {
      const nginx = await startNginx("exim/nginx.conf", { url });
      const socket = `inet:${HOST}:${nginx.port}`;
      const own = await startExim({ socket, key: KEY });
      const plain = await startExim({ socket, key: KEY, plain: true });
      const message = async (/** @type {string} */ to, /** @type {string} */ reply) =>
        (to.startsWith("with") ? own : plain).queued(reply.split("id=")[1]);
      return { port: own.port, plain: plain.port, message, stop: () => stopAll([own, plain, nginx]) };
    },
  },
  "OpenSMTPD 6.8, which cuts lines, as the filter is by default": {
    start: ({ url, sink }) => startOpenSmtpd({ url, key: KEY }, { sink }),
  },
  "OpenSMTPD 6.8 with messages rejected that it would cut": {
    start: ({ url, sink }) => startOpenSmtpd({ url, key: KEY }, { sink, args: "--long-lines reject" }),
    refused: Object.fromEntries(
      [
        "one line of 3,000 octets",
        "one line of 60,000 octets",
        "a field of 3,000 octets",
        "a Received field of 3,000 octets",
      ].map((name) => [name, /^554 5\.6\.0 A line of this message is too long for this server$/]),
    ),
  },
  "OpenSMTPD 7": {
    start: ({ url, sink }) => startOpenSmtpd({ url, key: KEY }, { sink, release: "opensmtpd-7" }),
  },
};

/** Without the fields that the mail server has put there itself: they name the message. @param {Buffer} data */
function asHandedOver(data) {
  return data
    .toString("latin1")
    .replace(/^Received:[^\n]*\n(?:[ \t][^\n]*\n)*/i, "")
    .replace(/^Date: (?!Thu, 1 Oct)[^\n]*\n/m, "")
    .replace(/^Message-ID: <[\w.-]+@gw\.test>\r?\n/im, "");
}

for (const [name, { decision = JSON_ACCEPT, start, refused = {} }] of Object.entries(GATEWAYS)) {
  test(`${name}: what is accepted is delivered as it came`, async () => {
    const [sink, upstream] = await Promise.all([startSink(), startUpstream({ decision })]);
    /** @type {Running | undefined} */
    let running;
    try {
      running = await start({ url: upstream.url, sink: sink.port });
      const message = running.message ?? sink.message;
      /** @param {number} port @param {Buffer} data @param {string} to */
      const handOver = async (port, data, to) => {
        const session = await SmtpSession.open(port);
        const reply = await session.sendRaw(data, to);
        await session.end().catch(() => {});
        return reply;
      };
      const accepted = [];
      for (const [index, [what, data]] of CONTENTS.entries()) {
        const [to, alone] = [`with-${index}@gw.test`, `alone-${index}@gw.test`];
        const reply = await handOver(running.port, data, to);
        const without = await handOver(running.plain, data, alone);
        if (refused[what]) assert.match(reply, refused[what], what);
        else if (without.startsWith("250")) assert.match(reply, /^250/, what);
        if (reply.startsWith("250") && without.startsWith("250")) {
          accepted.push({ what, data, both: [() => message(to, reply), () => message(alone, without)] });
        }
      }
      const differing = [];
      for (const { what, data, both } of accepted) {
        const [delivered, expected] = (await Promise.all(both.map((come) => come()))).map(asHandedOver);
        if (delivered !== expected)
          differing.push(`${what}: ${delivered.length} octets, not ${expected.length}`);
        // that the comparison is of the message itself
        if (what === "short") assert.equal(expected.replaceAll(/\r?\n/g, "\r\n"), data.toString("latin1"));
      }
      assert.ok(accepted.length > CONTENTS.length / 2);
      assert.deepEqual(differing, []);
    } finally {
      await running?.stop();
      await Promise.all([sink.stop(), upstream.stop()]);
    }
  });
}
