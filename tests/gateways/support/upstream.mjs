/**
 * What stands in Tidegate's place and answers what no Tidegate should: every status from 100 to 599, and what is no answer
 * at all. A message's recipient names what its question is answered, so that hundreds of them can be under way at once;
 * what names nothing is answered the decision.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { HOST } from "./servers.mjs";

/** How long the pause between two octets of an answer without end is. */
const DRIBBLE_MS = 50;
const HUGE = 10 * 1024 * 1024;
/** Of what is sent as fast as it is taken. */
const BLOCK = 64 * 1024;

/** Names of statuses, as recipients have them. */
export const STATUSES = Array.from({ length: 500 }, (_, index) => `status-${100 + index}`);

/**
 * A decision in the words of one dialect, which rejects whatever it is about.
 * @typedef {{ type: string, body: string }} Decision
 */

const REPLY = { code: 550, enhanced: "5.7.230", text: "out of date" };
/** The reply that {@link JSON_DECISION} says. */
export const REJECTED = "550 5.7.230 out of date";

/** @type {Decision} of `POST /v1/decide` */
export const JSON_DECISION = {
  type: "application/json",
  body: JSON.stringify({ action: "reject", reply: REPLY }),
};

/** @type {Decision} of `POST /v1/decide`, that changes nothing */
export const JSON_ACCEPT = {
  type: "application/json",
  body: JSON.stringify({ action: "accept", reply: null, would: "accept" }),
};

/** Bodies of status 200 that are no decision in JSON. @type {Record<string, string>} */
export const NO_JSON_DECISIONS = Object.fromEntries(
  Object.entries({
    null: null,
    number: 7,
    string: "reject",
    array: [{ action: "reject", reply: REPLY }],
    object: {},
    discard: { action: "discard", reply: REPLY },
    listed: { action: ["reject"], reply: REPLY },
    bare: { action: "reject" },
    "null-reply": { action: "reject", reply: null },
    "number-reply": { action: "reject", reply: 550 },
    "list-reply": { action: "reject", reply: [550, "5.7.230", "out of date"] },
    "defer-550": { action: "defer", reply: REPLY },
    "reject-450": { action: "reject", reply: { ...REPLY, code: 450, enhanced: "4.7.230" } },
    "class-of-enhanced": { action: "reject", reply: { ...REPLY, enhanced: "4.7.230" } },
    "two-part-enhanced": { action: "reject", reply: { ...REPLY, enhanced: "5.7" } },
    "code-250": { action: "reject", reply: { ...REPLY, code: 250 } },
    "code-5500": { action: "reject", reply: { ...REPLY, code: 5500 } },
    "code-of-digits": { action: "reject", reply: { ...REPLY, code: "5\u0665\u0660" } },
    "enhanced-of-digits": { action: "reject", reply: { ...REPLY, enhanced: "5.\u0667.\u0662" } },
    "code-null": { action: "reject", reply: { ...REPLY, code: null } },
    "no-text": { action: "reject", reply: { ...REPLY, text: undefined } },
    "list-text": { action: "reject", reply: { ...REPLY, text: ["x"] } },
  }).map(([name, body]) => [name, JSON.stringify(body)]),
);
Object.assign(NO_JSON_DECISIONS, {
  empty: "",
  blank: " \r\n",
  html: "<html>Welcome</html>",
  deep: "[".repeat(60_000),
  "deep-object": '{"action":'.repeat(6_000),
  twice: JSON_DECISION.body + JSON_DECISION.body,
  nul: `\0${JSON_DECISION.body}`,
});

/** @typedef {import("node:net").Socket} Socket */

/** @param {Decision} decision @param {number} [status] @param {string} [fields] */
function whole({ type, body }, status = 200, fields = "") {
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${fields}\r\n${body}`;
}

/**
 * Writes again and again until the other side has gone.
 * @param {Socket} socket
 * @param {string | Buffer} piece
 * @param {number} [ms] between two of them; none: as fast as they are taken
 */
function forever(socket, piece, ms) {
  if (ms !== undefined) {
    const timer = setInterval(() => socket.write(piece), ms);
    socket.once("close", () => clearInterval(timer));
    return;
  }
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

const CHUNKED = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const block = Buffer.from(`10000\r\n${" ".repeat(BLOCK)}\r\n`);

/**
 * What is no answer, or never comes to its end.
 * @type {Record<string, (socket: Socket, decision: Decision) => void>}
 */
const ODD = {
  nothing: (socket) => socket.end(),
  reset: (socket) => socket.resetAndDestroy(),
  garbage: (socket) => socket.end(Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 7) % 256))),
  headless: (socket, { body }) => socket.end(body),
  smtp: (socket) => socket.end("220 mx.example ESMTP\r\n"),
  "cut-status": (socket) => socket.end("HTTP/1.1 20"),
  "cut-head": (socket, decision) => socket.end(whole(decision).split("\r\n\r\n")[0]),
  "cut-body": (socket, decision) => socket.end(whole(decision).slice(0, -decision.body.length / 2)),
  "cut-end": (socket, decision) => socket.end(whole(decision).slice(0, -1)),
  "cut-chunk": (socket, { body }) =>
    socket.end(`${CHUNKED}${body.length.toString(16)}\r\n${body.slice(0, -1)}`),
  "reset-body": (socket, decision) =>
    socket.write(whole(decision).slice(0, -1), () => socket.resetAndDestroy()),
  huge: (socket, { type, body }) => socket.end(whole({ type, body: " ".repeat(HUGE) + body })),
  "huge-head": (socket, decision) => socket.end(whole(decision, 200, `X-Long: ${"x".repeat(HUGE)}\r\n`)),
};

/** What ends by the gateway's own time limit alone. @type {typeof ODD} */
const ENDLESS = {
  silence: () => {},
  "endless-body": (socket) => {
    socket.write(CHUNKED);
    forever(socket, "1\r\n \r\n", DRIBBLE_MS);
  },
  "endless-head": (socket) => {
    socket.write("HTTP/1.1 200 X\r\n");
    forever(socket, "X-More: x\r\n", DRIBBLE_MS);
  },
  "endless-line": (socket) => {
    socket.write("HTTP/1.1 200 X\r\nX-More: ");
    forever(socket, "x", DRIBBLE_MS);
  },
  "endless-interim": (socket) => forever(socket, "HTTP/1.1 100 Continue\r\n\r\n", DRIBBLE_MS),
  "flood-body": (socket) => {
    socket.write(CHUNKED);
    forever(socket, block);
  },
  "flood-head": (socket) => {
    socket.write("HTTP/1.1 200 X\r\n");
    forever(socket, "X-More: x\r\n".repeat(1_000));
  },
};

/** Their names, as recipients have them. */
export const ODD_ANSWERS = Object.keys(ODD).map((name) => `odd-${name}`);
export const ENDLESS_ANSWERS = Object.keys(ENDLESS).map((name) => `odd-${name}`);

/**
 * @param {object} options
 * @param {Decision} options.decision what each answer with a body says, whatever its status
 * @param {Record<string, string>} [options.bodies] of status 200 that are no decision, by their names
 * @param {boolean} [options.redirects] whether answers of 3xx name another place
 */
export async function startUpstream({ decision, bodies = {}, redirects = true }) {
  let elsewhere = 0;
  const other = await listen((socket) => {
    elsewhere += 1;
    socket.end(whole(decision));
  });
  const location = redirects ? `Location: http://${HOST}:${other.port}/v1/decide\r\n` : "";
  /** @type {WeakSet<Socket>} those whose client said that it wants one answer */
  const closes = new WeakSet();
  /** @type {Map<string, number>} */
  const asked = new Map();

  /** @param {Socket} socket @param {string} name */
  function answer(socket, name) {
    asked.set(name, (asked.get(name) ?? 0) + 1);
    const [, kind, what] = /^(status|body|odd)-(.+)$/.exec(name) ?? [];
    const done = () => closes.has(socket) && socket.end();
    if (kind === "odd") return (ODD[what] ?? ENDLESS[what])(socket, decision);
    if (kind === "body") return socket.write(whole({ ...decision, body: bodies[what] }), done);
    const status = Number(what);
    // what has no body by its status: of the first kind there is nothing behind it
    if (status < 200) socket.end(`HTTP/1.1 ${status} X\r\n${status === 101 ? "Upgrade: x\r\n" : ""}\r\n`);
    else if ([204, 205, 304].includes(status)) socket.write(`HTTP/1.1 ${status} X\r\n\r\n`, done);
    else socket.write(whole(decision, status, location), done);
  }

  const own = await listen((socket) => {
    let read = "";
    socket.on("data", (chunk) => {
      read += chunk.toString("latin1");
      if (/^connection: *close/im.test(read)) closes.add(socket);
      const request = taken(read);
      if (request === undefined) return;
      const name = /((?:status|body|odd)-[a-z0-9-]+)@gw\.test/.exec(read)?.[1] ?? "status-200";
      read = read.slice(request);
      answer(socket, name);
    });
  });
  return {
    url: `http://${HOST}:${own.port}`,
    port: own.port,
    bodies: Object.keys(bodies).map((name) => `body-${name}`),
    /** How often what has that name was asked for. @param {string} name */
    asked: (name) => asked.get(name) ?? 0,
    /** How many connections were made to where redirects lead. */
    elsewhere: () => elsewhere,
    stop: () => Promise.all([own.stop(), other.stop()]),
  };
}

/** Octets of the first request, once it is whole. @param {string} read */
function taken(read) {
  const end = read.indexOf("\r\n\r\n") + 4;
  if (end < 4) return undefined;
  const head = read.slice(0, end);
  if (/^transfer-encoding: *chunked/im.test(head)) {
    const last = read.indexOf("\r\n0\r\n\r\n", end - 2);
    return last < 0 ? undefined : last + 7;
  }
  const length = end + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  return read.length < length ? undefined : length;
}

/** @param {(socket: Socket) => void} serve */
async function listen(serve) {
  /** @type {Set<Socket>} */
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, HOST);
  await once(server, "listening");
  return {
    port: /** @type {import("node:net").AddressInfo} */ (server.address()).port,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
