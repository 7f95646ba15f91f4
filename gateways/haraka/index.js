// Asks Tidegate about each message: what was decided is the reply to the message, code and text.
//
// Only the Received fields, the envelope and the client's address and name are sent. Whatever goes wrong, the message is
// accepted, unless the configuration says `fail = defer`.

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");

const DSN = require("haraka-dsn");

/** What only a field that Exchange wrote can do without: a superset of what Tidegate recognises. */
const EXCHANGE = /microsoft|mapi|shadowredundancy|internet/i;
/** Tidegate reads no longer request; characters, of which JSON makes up to six octets. */
const MAX_HEADER = 128 * 1024;
const MAX_RECIPIENTS = 1000;
/** A decision has about 2 KB. */
const MAX_ANSWER = 64 * 1024;
/** So much earlier than Haraka's own limit for plugins, which defers the message, has ours to be. */
const MARGIN_MS = 250;

exports.register = function () {
  this.load_tidegate_ini();
  if (this.cfg instanceof Error) throw this.cfg;
  this.register_hook("data_post", "ask_tidegate");
};

exports.load_tidegate_ini = function () {
  const ini = this.config.get(
    "tidegate.ini",
    { booleans: ["+skip.authenticated", "+skip.relaying", "+skip.private"] },
    () => this.load_tidegate_ini(),
  );
  let cfg;
  try {
    cfg = exports.settings(ini, this.timeout);
  } catch (error) {
    // what was read first goes on; there is none yet when Haraka starts
    if (this.cfg && !(this.cfg instanceof Error)) return this.logerror(`tidegate.ini: ${error.message}`);
    this.cfg = new Error(`tidegate.ini: ${error.message}`);
    return;
  }
  const agent = this.cfg?.agent;
  this.cfg = cfg;
  agent?.destroy();
};

exports.shutdown = function () {
  this.cfg?.agent?.destroy();
};

/**
 * The configuration, checked. `hook_seconds`: Haraka's limit for a hook of this plugin, 0 for none.
 */
exports.settings = (ini, hook_seconds = 0) => {
  const main = ini.main ?? {};
  const url = new URL(main.url ?? "");
  const is_near = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && is_near)) {
    throw new Error("url: https:// is needed, or http:// on this machine");
  }
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/decide`;
  const key = (
    main.key_file ? fs.readFileSync(main.key_file, "utf8") : (process.env.TIDEGATE_KEY ?? "")
  ).trim();
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new Error("no key: set key_file, or TIDEGATE_KEY in the environment");
  const one_of = (name, values) => {
    const value = main[name] ?? values[0];
    if (!values.includes(value)) throw new Error(`${name}: one of ${values.join(", ")}`);
    return value;
  };
  const timeout = Number(main.timeout_ms ?? 2500);
  if (!(timeout >= 100 && timeout <= 30_000)) throw new Error("timeout_ms: 100 to 30000");
  const { Agent, request } = url.protocol === "https:" ? https : http;
  return {
    url,
    key,
    request,
    agent: new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 }),
    timeout_ms:
      hook_seconds > 0 ? Math.min(timeout, Math.max(hook_seconds * 1000 - MARGIN_MS, 100)) : timeout,
    fail: one_of("fail", ["accept", "defer"]),
    ask: one_of("ask", ["exchange", "all"]),
    // Haraka takes an id of digits for a number
    tenant: main.tenant === undefined || main.tenant === "" ? undefined : String(main.tenant),
    connector: main.connector || undefined,
    skip: { authenticated: true, relaying: true, private: true, ...ini.skip },
  };
};

/** Why a message is not asked about; undefined if it is. */
exports.skips = (connection, { skip, ask }) => {
  if (skip.authenticated && connection.notes?.auth_user) return "authenticated";
  if (skip.relaying && connection.relaying) return "relaying";
  if (skip.private && connection.remote.is_private) return "private";
  const received = connection.transaction.header.get_all("received");
  if (ask === "exchange" && !received.some((value) => EXCHANGE.test(value))) return "not_exchange";
  return undefined;
};

/** What is asked about a message. */
exports.question = (connection, { tenant, connector }) => {
  const txn = connection.transaction;
  const header = [];
  let length = 0;
  for (const value of txn.header.get_all("received")) {
    length += value.length;
    if (length > MAX_HEADER) break;
    header.push(["Received", value]);
  }
  // Haraka's own field is on top, unless connection.ini says add_received = false; it names this transaction
  const own_hops = header[0]?.[1].includes(` id ${txn.uuid}`) ? 1 : 0;
  const ip = String(connection.remote.ip ?? "").split("%")[0];
  return {
    tenant,
    connector,
    event_id: txn.uuid,
    own_hops,
    client: { ip: net.isIP(ip) ? ip : undefined, helo: String(connection.hello?.host ?? "") },
    envelope: {
      from: String(txn.mail_from ?? ""),
      // none instead of some: some alone, all postmaster, would be accepted always
      to: txn.rcpt_to.length > MAX_RECIPIENTS ? [] : txn.rcpt_to.map(String),
    },
    header,
  };
};

/** The reply that an answer says: null for an accept. An answer that is none is thrown. */
exports.reply = (answer) => {
  const { action, reply } = JSON.parse(answer);
  if (action === "accept") return null;
  const first = action === "defer" ? 4 : action === "reject" ? 5 : undefined;
  const enhanced = /^([45])\.(\d{1,3})\.(\d{1,3})$/.exec(reply?.enhanced ?? "");
  if (
    !first ||
    Number(enhanced?.[1]) !== first ||
    !Number.isInteger(reply.code) ||
    Math.floor(reply.code / 100) !== first ||
    typeof reply.text !== "string"
  ) {
    throw new Error("the answer is no decision");
  }
  const text = reply.text.replace(/[^ -~]+/g, " ").slice(0, 400);
  const dsn = DSN.create(reply.code, text, Number(enhanced[2]), Number(enhanced[3]));
  return { code: first === 4 ? DENYSOFT : DENY, dsn };
};

exports.ask_tidegate = function (next, connection) {
  const txn = connection.transaction;
  if (!txn) return next();
  const cfg = this.cfg;
  const skip = exports.skips(connection, cfg);
  if (skip) {
    txn.results.add(this, { skip });
    return next();
  }
  ask(cfg, exports.question(connection, cfg))
    .then((answer) => ({ answer: JSON.parse(answer), reply: exports.reply(answer) }))
    .then(
      ({ answer, reply }) => {
        const { action, would, server, degraded } = answer;
        txn.results.add(this, {
          msg: [action, `would=${would}`, server?.id, degraded && "degraded"].filter(Boolean).join(" "),
          emit: reply !== null,
        });
        return reply ? [reply.code, reply.dsn] : [];
      },
      (error) => {
        // Haraka logs it as an error
        txn.results.add(this, { err: `${error.message}: ${cfg.fail}` });
        const unavailable = DSN.create(451, "Policy service unavailable, try again later", 3, 0);
        return cfg.fail === "defer" ? [DENYSOFT, unavailable] : [];
      },
    )
    // outside of the promise: what Haraka does next is none of its errors
    .then((said) => setImmediate(next, ...said));
};

/**
 * Posts a question; the answer's text. A kept connection that Tidegate has closed meanwhile is no failure: a new one is
 * tried, once, within the same time.
 */
async function ask(cfg, question) {
  const signal = AbortSignal.timeout(cfg.timeout_ms);
  const body = Buffer.from(JSON.stringify(question));
  try {
    return await post(cfg, body, cfg.agent, signal);
  } catch (error) {
    if (signal.aborted) throw new Error(`no answer within ${cfg.timeout_ms} ms`);
    if (!error.is_stale) throw error;
  }
  try {
    return await post(cfg, body, false, signal);
  } catch (error) {
    throw signal.aborted ? new Error(`no answer within ${cfg.timeout_ms} ms`) : error;
  }
}

function post({ url, key, request }, body, agent, signal) {
  return new Promise((resolve, reject) => {
    const headers = {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      "Content-Length": body.length,
    };
    const asked = request(url, { method: "POST", agent, headers, signal }, (answer) => {
      const chunks = [];
      let length = 0;
      answer.on("error", reject);
      answer.on("data", (chunk) => {
        length += chunk.length;
        if (length > MAX_ANSWER) asked.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString());
        else reject(new Error(`HTTP status ${answer.statusCode}`));
      });
      answer.on("close", () => reject(new Error("the answer was cut")));
    });
    asked.on("error", (error) => {
      error.is_stale = asked.reusedSocket;
      reject(error);
    });
    asked.end(body);
  });
}
