/**
 * The process of the KV service: an HTTP server on 127.0.0.1 that fails as its parent tells it to.
 * Started by kv-service.mjs; commands and their answers go over the channel between parent and child.
 */
import { createServer } from "node:http";
import { KvStore, operation, Refusal } from "./kv-protocol.mjs";
import { randomFrom } from "./random.mjs";

/** @typedef {"ok" | "refuse" | "hang" | "500" | "unconfirmed" | "forgotten" | "truncated" | "cut" | "slow"} Mode */
/**
 * `at`: milliseconds since 1970; a status of null: never answered.
 * @typedef {{ kind: string, keys: string[], cacheTtl?: number, at: number, status: number | null }} LogEntry
 */

const HOST = "127.0.0.1";
const LOG_LENGTH = 1000;

const store = new KvStore();
/** @type {{ mode: Mode, ms: number, kinds: string[] | null, requests: number | null }} */
let fault = { mode: "ok", ms: 0, kinds: null, requests: null };
/** @type {LogEntry[]} */
let log = [];
let stats = emptyStats();
let port = 0;
let ofSecond = 0;
/** What the first edge sees, and the second one. @type {import("./kv-protocol.mjs").Seen[]} */
let seen = [store, store];

function emptyStats() {
  return {
    total: 0,
    requests: { get: 0, put: 0, delete: 0, list: 0, bulk: 0 },
    statuses: /** @type {Record<string, number>} */ ({}),
    unanswered: 0,
  };
}

const servers = [0, 1].map((edge) => {
  const server = createServer((request, response) => {
    answer(seen[edge], request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
  // The binding keeps its connections; closing an idle one just as it is used again would look like a fault.
  server.keepAliveTimeout = 0;
  return server;
});
const [server] = servers;

/**
 * @param {import("./kv-protocol.mjs").Seen} edge
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answer(edge, request, response) {
  const body = Buffer.concat(await request.toArray());
  const asked = operation(edge, {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: request.headers,
    body,
  });
  /** @type {LogEntry} */
  const entry = {
    kind: asked.kind,
    keys: asked.keys,
    cacheTtl: asked.cacheTtl,
    at: Date.now(),
    status: null,
  };
  stats.total += 1;
  stats.requests[asked.kind] += 1;
  log = [...log.slice(1 - LOG_LENGTH), entry];

  const { mode, ms } = faultOf(asked.kind);
  if (mode === "hang") {
    stats.unanswered += 1;
    return;
  }
  if (mode === "slow") await new Promise((resolve) => setTimeout(resolve, ms));
  const done = mode === "500" ? failure() : mode === "forgotten" ? { status: 200 } : run(asked);
  const { status, headers = {}, body: full = "" } = mode === "unconfirmed" ? failure() : done;
  entry.status = status;
  stats.statuses[status] = (stats.statuses[status] ?? 0) + 1;
  const bytes = Buffer.from(full);
  const half = bytes.subarray(0, bytes.length / 2);
  const sent = mode === "truncated" ? half : bytes;
  response.writeHead(status, { ...headers, "Content-Length": sent.length });
  if (mode === "cut") response.write(half, () => response.destroy());
  else response.end(sent);
}

/**
 * What a request of this kind meets: one of those that the fault is for.
 * @param {import("./kv-protocol.mjs").Kind} kind
 * @returns {{ mode: Mode, ms: number }}
 */
function faultOf(kind) {
  const isMet = (fault.kinds === null || fault.kinds.includes(kind)) && fault.requests !== 0;
  if (!isMet) return { mode: "ok", ms: 0 };
  if (fault.requests !== null) fault.requests -= 1;
  return fault;
}

/**
 * @param {import("./kv-protocol.mjs").Operation} asked
 * @returns {import("./kv-protocol.mjs").Answer}
 */
function run(asked) {
  try {
    return asked.run();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: error.message };
  }
}

/** @returns {import("./kv-protocol.mjs").Answer} */
function failure() {
  return { status: 500, body: "the KV service fails on demand" };
}

/**
 * @param {import("node:http").Server} one
 * @param {number} at 0: a free port
 * @returns {Promise<number>} the port
 */
function listenAt(one, at) {
  return new Promise((resolve, reject) => {
    one.once("error", reject);
    one.listen(at, HOST, () => {
      one.off("error", reject);
      resolve(/** @type {import("node:net").AddressInfo} */ (one.address()).port);
    });
  });
}

async function listen() {
  port = await listenAt(server, port);
  return port;
}

function closeListener() {
  return new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
}

/** @type {Record<string, (argument: any) => unknown>} */
const COMMANDS = {
  start: listen,
  async fault(/** @type {typeof fault} */ next) {
    // Connections whose request still hangs, or that a fault must reach at once, are of no more use.
    if (server.listening && fault.mode === "hang") server.closeAllConnections();
    if (server.listening && next.mode === "refuse") await closeListener();
    if (!server.listening && next.mode !== "refuse") await listen();
    fault = next;
  },
  /** Opens the second edge's way; from now on either sees changes in its own time. */
  async second(/** @type {number} */ seed) {
    const random = randomFrom(seed);
    seen = [store.seenFrom(random), store.seenFrom(random)];
    ofSecond ||= await listenAt(servers[1], 0);
    return ofSecond;
  },
  clock(/** @type {number} */ seconds) {
    store.clock = seconds;
  },
  rate(/** @type {number} */ rate) {
    store.rate = rate;
  },
  stats: () => stats,
  log: () => log,
  reset() {
    stats = emptyStats();
    log = [];
  },
  keys: () =>
    store.names().map((name) => {
      const { value, metadata, expiration } = /** @type {import("./kv-protocol.mjs").Entry} */ (
        store.read(name)
      );
      return { name, value: value.toString(), metadata: JSON.parse(metadata ?? "null"), expiration };
    }),
  put({ key, value, metadata }) {
    const text = metadata === undefined ? undefined : JSON.stringify(metadata);
    store.put(key, value === null ? undefined : { value: Buffer.from(value), metadata: text });
  },
};

process.on("message", async (/** @type {{ id: number, command: string, argument: unknown }} */ message) => {
  const { id, command, argument } = message;
  try {
    process.send?.({ id, result: await COMMANDS[command](argument) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.on("disconnect", () => process.exit());
