/**
 * Whatever answers in Tidegate's place, a harmless message is accepted unless a decision says otherwise: every status from
 * 100 to 599, each with a body that would reject in the gateway's dialect, and empty, cut, wrong and endless answers. No
 * gateway goes where a redirect leads, and none forgets to believe the one answer that is a decision.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startExim } from "./support/exim.mjs";
import { startHaraka } from "./support/haraka.mjs";
import { startKumo } from "./support/kumomta.mjs";
import { startMilter } from "./support/milter.mjs";
import { startNginx } from "./support/nginx.mjs";
import { startOpenSmtpd } from "./support/opensmtpd.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { startOnly, startRule } from "./support/rspamd.mjs";
import { freePort, HOST } from "./support/servers.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import {
  ENDLESS_ANSWERS,
  JSON_DECISION,
  NO_JSON_DECISIONS,
  ODD_ANSWERS,
  REJECTED,
  STATUSES,
  startUpstream,
} from "./support/upstream.mjs";
import { header } from "./support/world.mjs";

/** Whatever a gateway's time limit is: no message waits longer. */
const LONGEST_MS = 8_000;
/** Messages of one SMTP session; OpenSMTPD ends it after a hundred. */
const SESSION_MESSAGES = 50;
const SESSIONS = 4;
const KEY = "tg_1_secret";

/** @typedef {Awaited<ReturnType<typeof startUpstream>>} Upstream */

/**
 * @typedef {object} Running
 * @property {() => Promise<{ ask: (to: string) => Promise<string>, end: () => Promise<void> }>} open a session in which
 *   messages are handed over; `ask` resolves to the reply that says what becomes of one
 * @property {() => Promise<unknown>} stop
 */

/**
 * @typedef {object} Gateway
 * @property {import("./support/upstream.mjs").Decision} decision in its dialect: reject
 * @property {Record<string, string>} bodies that are no decision in it
 * @property {RegExp} accepted
 * @property {string} rejected the reply to what the decision is about
 * @property {boolean} [redirects] false: its HTTP client follows them by itself
 * @property {(upstream: Upstream) => Promise<Running>} start
 */

/** Of a patched Exchange server's message, so that the gateway asks. */
const harmless = () => header("current");

/** A session with a mail server. @param {number} port */
async function openSmtp(port) {
  const session = await SmtpSession.open(port);
  return { ask: (/** @type {string} */ to) => session.send(harmless(), to), end: () => session.end() };
}

/** @param {{ stop: () => Promise<unknown> }[]} servers */
const stopAll = async (servers) => {
  for (const server of servers) await server.stop();
};

/** @param {(upstream: Upstream) => Promise<{ port: number, stop: () => Promise<unknown> }>} start */
const overSmtp = (start) => async (/** @type {Upstream} */ upstream) => {
  const server = await start(upstream);
  return { open: () => openSmtp(server.port), stop: server.stop };
};

/** Postfix with a milter. @param {{ stop: () => Promise<unknown> }} milter @param {string} address */
async function behindPostfix(milter, address) {
  try {
    // whatever the milter cannot do itself would be seen
    const postfix = await startPostfix({
      own: [`smtpd_milters={ ${address}, default_action=tempfail, content_timeout=20s }`],
    });
    return { port: postfix.ports.own, stop: () => stopAll([postfix, milter]) };
  } catch (error) {
    await milter.stop();
    throw error;
  }
}

/** rspamd's own parser takes two objects for one. */
const { twice: _, ...UCL } = NO_JSON_DECISIONS;

const POSTFIX_OK = /^250 2\.0\.0 Ok: queued as \w+$/;

const NO_REPLY = `no reply within ${2 * LONGEST_MS} ms`;

/** What comes of it, in words, in twice the longest time. @param {Promise<string | void>} promise @returns {Promise<string>} */
async function within(promise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, 2 * LONGEST_MS, NO_REPLY);
  });
  const said = await Promise.race([promise.catch((error) => `${error}`), late]);
  clearTimeout(timer);
  return `${said}`;
}

/** @type {Record<string, Gateway>} */
const GATEWAYS = {
  "tidegate-milter behind Postfix": {
    decision: JSON_DECISION,
    bodies: NO_JSON_DECISIONS,
    accepted: POSTFIX_OK,
    rejected: REJECTED,
    start: overSmtp(async ({ url }) => {
      const milter = await startMilter({ url, key: KEY });
      return behindPostfix(milter, milter.address);
    }),
  },
  "Postfix's policy delegation": {
    decision: { type: "text/plain", body: `action=${REJECTED}\n\n` },
    bodies: {
      empty: "",
      dunno: "action=DUNNO",
      ok: "action=OK\n\n",
      hold: "action=HOLD x y\n\n",
      json: JSON_DECISION.body,
      class: "action=550 4.7.230 x\n\n",
      success: "action=250 2.0.0 x\n\n",
      bare: "action=550\n\n",
      discard: "action=DISCARD 5.7.1 x\n\n",
    },
    accepted: /^250 2\.1\.5 Ok$/,
    rejected: "550 5.7.230 <status-200@gw.test>: Recipient address rejected: out of date",
    start: async ({ url }) => {
      const policy = `inet:${HOST}:${await freePort()}`;
      const daemon = await startMilter({ url, key: KEY }, { lines: [`policy = "${policy}"`] });
      const postfix = await startPostfix({
        own: [
          `smtpd_recipient_restrictions=reject_unauth_destination, check_policy_service { ${policy}, timeout=20s, try_limit=1 }`,
        ],
      });
      const open = async () => {
        const session = await SmtpSession.open(postfix.ports.own);
        const ask = async (/** @type {string} */ to) => {
          await session.say("MAIL FROM:<a@contoso.com>");
          const reply = await session.say(`RCPT TO:<${to}>`);
          await session.say("RSET");
          return reply;
        };
        return { ask, end: () => session.end() };
      };
      return { open, stop: () => stopAll([postfix, daemon]) };
    },
  },
  Haraka: {
    decision: JSON_DECISION,
    bodies: NO_JSON_DECISIONS,
    accepted: /^250 queued \([\w.-]+\)$/,
    rejected: REJECTED,
    start: overSmtp(({ url }) =>
      startHaraka({
        plugin: "tidegate",
        files: { "tidegate.ini": `url=${url}\n[skip]\nprivate=false\n` },
        env: { TIDEGATE_KEY: KEY },
      }),
    ),
  },
  "rspamd's rule behind Postfix": {
    decision: JSON_DECISION,
    bodies: UCL,
    accepted: POSTFIX_OK,
    rejected: REJECTED.replace("550", "554 5.7.1"),
    start: overSmtp(async ({ url }) => {
      const rspamd = await startRule({ url, key: KEY });
      return behindPostfix(rspamd, rspamd.milter);
    }),
  },
  "an rspamd that only asks Tidegate, behind Postfix": {
    decision: JSON_DECISION,
    bodies: UCL,
    accepted: POSTFIX_OK,
    rejected: REJECTED.replace("550", "554 5.7.1"),
    start: overSmtp(async ({ url }) => {
      const rspamd = await startOnly({ url, key: KEY });
      return behindPostfix(rspamd, rspamd.milter);
    }),
  },
  Exim: {
    decision: { type: "text/plain", body: `reject ${REJECTED}\n` },
    bodies: {
      empty: "",
      bare: "reject\n",
      class: "reject 450 4.7.230 x\n",
      "other-class": "defer 550 5.7.230 x\n",
      discard: `discard ${REJECTED}\n`,
      json: JSON_DECISION.body,
      "two-lines": `reject ${REJECTED}\r\n250 2.0.0 fine\n`,
      behind: `<html>\n\nreject ${REJECTED}\n`,
      before: `reject ${REJECTED}\n\naccept\n`,
    },
    accepted: /^250 OK id=\S+$/,
    rejected: REJECTED,
    start: overSmtp(async ({ url }) => {
      const nginx = await startNginx("exim/nginx.conf", { url });
      const exim = await startExim({ socket: `inet:${HOST}:${nginx.port}`, key: KEY });
      return { port: exim.port, stop: () => stopAll([exim, nginx]) };
    }),
  },
  "OpenSMTPD 6.8": {
    decision: JSON_DECISION,
    bodies: NO_JSON_DECISIONS,
    accepted: /^250 2\.0\.0 \w+ Message accepted for delivery$/,
    rejected: REJECTED,
    start: overSmtp(({ url }) => startOpenSmtpd({ url, key: KEY }, { args: "--long-lines reject" })),
  },
  "OpenSMTPD 7": {
    decision: JSON_DECISION,
    bodies: NO_JSON_DECISIONS,
    accepted: /^250 2\.0\.0 \w+ Message accepted for delivery$/,
    rejected: REJECTED,
    start: overSmtp(({ url }) => startOpenSmtpd({ url, key: KEY }, { release: "opensmtpd-7" })),
  },
  "KumoMTA's policy": {
    decision: JSON_DECISION,
    bodies: NO_JSON_DECISIONS,
    accepted: /^250 OK ids=\w+$/,
    rejected: REJECTED,
    redirects: false,
    start: async ({ url }) => ({
      // one interpreter has one message at a time
      open: async () => {
        const kumo = await startKumo(`{ url = '${url}', key = { key_data = '${KEY}' } }`);
        const ask = async (/** @type {string} */ to) => {
          const data = `${harmless()}Subject: hello\r\n\r\nA short body.\r\n`;
          return (await kumo.receive({ to: [to], data })).reply;
        };
        return { ask, end: kumo.stop };
      },
      stop: async () => {},
    }),
  },
};

/**
 * What is said to one message for each name, in a few sessions side by side.
 * @param {Running} running
 * @param {string[]} names
 * @param {{ each?: number, sessions?: number }} [options] `each`: messages of a session
 * @returns {Promise<{ name: string, reply: string, ms: number }[]>}
 */
async function replies(running, names, { each = SESSION_MESSAGES, sessions = SESSIONS } = {}) {
  const left = [...names];
  const said = [];
  const some = async () => {
    while (left.length > 0) {
      const session = await running.open();
      for (let count = 0; count < each && left.length > 0; count += 1) {
        const name = /** @type {string} */ (left.shift());
        const start = performance.now();
        const reply = await within(session.ask(`${name}@gw.test`));
        said.push({ name, reply, ms: performance.now() - start });
        if (reply === NO_REPLY) break;
      }
      await within(session.end());
    }
  };
  await Promise.all(Array.from({ length: sessions }, some));
  return said;
}

for (const [name, gateway] of Object.entries(GATEWAYS)) {
  test(`${name}: nothing but a decision keeps a message from being accepted`, async () => {
    const { decision, bodies, redirects, accepted, rejected } = gateway;
    const upstream = await startUpstream({ decision, bodies, redirects });
    /** @type {Running | undefined} */
    let running;
    try {
      running = await gateway.start(upstream);
      const quick = [...STATUSES, ...upstream.bodies, ...ODD_ANSWERS];
      const said = await replies(running, quick);
      // side by side, or each would cost its time
      said.push(...(await replies(running, ENDLESS_ANSWERS, { each: 1, sessions: ENDLESS_ANSWERS.length })));
      const decided = said.find((one) => one.name === "status-200");
      assert.equal(decided?.reply, rejected);
      const others = said.filter((one) => one !== decided);
      assert.deepEqual(
        others.filter(({ reply }) => !accepted.test(reply)).map(({ name, reply }) => `${name}: ${reply}`),
        [],
      );
      const slow = others.filter(({ ms }) => ms > LONGEST_MS);
      assert.deepEqual(slow, []);
      for (const one of STATUSES) assert.ok(upstream.asked(one) > 0, `${one} was asked for`);
      assert.equal(upstream.elsewhere(), 0, "no redirect was followed");
      // and it is asked on, as if nothing had been
      assert.equal((await replies(running, ["status-200"]))[0].reply, rejected);
    } finally {
      await running?.stop();
      await upstream.stop();
    }
  });
}
