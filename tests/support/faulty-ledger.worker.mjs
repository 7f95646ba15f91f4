/**
 * A worker that stands between the edge and its Durable Objects and fails on demand. Its objects pass each request on to
 * the real ones of the same name; `PUT /{ledger|operator}/{mode}[?ms=n][&calls=n][&name=n]` on the worker itself switches
 * how, for one object or all and for so many calls, `GET /{ledger|operator}` tells how many requests there were since.
 * Batches are kept as they were passed on: `GET /ledger/batches` tells the latest, `POST /{ledger|operator}/{name}` hands a
 * call to the real object; `GET /operator/brakes` tells how the brake was set in one that plays the release before; `GET
 * /ledger/ways` tells of the latest that bear a number. Objects and worker share an isolate.
 */
import { DurableObject } from "cloudflare:workers";

const BATCHES_KEPT = 1000;
/** Modes for batches that bear a number alone: nothing else may come twice, and nothing else is sent again. */
const OF_NUMBERED = new Set(["unconfirmed", "twice", "renumbered"]);
/** Later than an answer that waits for its receipt. */
const LATE_MS = 350;
/** Who sends a batch waits for its answer for longer; and who had none has sent it again by then. */
const [SOON_MS, AGAIN_MS] = [1_500, 5_000];

/** `turn` rises with every switch; `holds`: of which objects this turn has held a batch back. */
const newRelay = () => ({
  mode: "ok",
  ms: 0,
  calls: Number.POSITIVE_INFINITY,
  /** The one object that is concerned. @type {string | null} */
  only: null,
  turn: 0,
  asked: 0,
  holds: new Set(),
  /** @type {string[]} */
  brakes: [],
});
/** @typedef {ReturnType<typeof newRelay>} Relay */
/** @type {Record<string, Relay>} */
const relays = { ledger: newRelay(), operator: newRelay() };
/** @type {string[]} the bytes of batches, in the order in which the ledger got them */
let batches = [];
/**
 * The latest batch of each isolate to each object. `latest`: when its last message came, by the clock of requests; `ms`:
 * what its answer took; `isWhole`: that was one; `isHad`: its sender has it, and goes on to the next one.
 * @typedef {{ tenant: string, sequence: number, latest: number, mode: string, start: number, isWhole: boolean, ms?: number }} Way
 */
/** @type {Map<string, Way>} */
const ways = new Map();

/**
 * @typedef {object} Asked
 * @property {(call?: any) => Promise<Response>} pass with another call in its place
 * @property {any} call
 * @property {boolean} isBatch
 * @property {Relay} relay
 * @property {string} [name]
 */

/** @type {Record<string, (asked: Asked) => Promise<Response>>} */
const MODES = {
  ok: ({ pass }) => pass(),
  throw: async () => {
    throw new Error("the object failed on demand");
  },
  // A promise that nothing can resolve would be found out and cancelled: a timer keeps it alive.
  hang: () =>
    new Promise((resolve) => setTimeout(() => resolve(new Response(null, { status: 504 })), 120_000)),
  error: async () => new Response("the object failed on demand", { status: 500 }),
  far: async ({ pass, relay }) => {
    await new Promise((resolve) => setTimeout(resolve, relay.ms));
    return pass();
  },
  truncated: async ({ pass }) => {
    const answer = await pass();
    const text = await answer.text();
    return new Response(text.slice(0, text.length / 2), answer);
  },
  drop: async (asked) => {
    const answer = await asked.pass();
    return asked.isBatch ? MODES.hang(asked) : answer;
  },
  unanswered: async ({ pass }) => {
    await (await pass()).text();
    throw new Error("the answer was lost on demand");
  },
  // An object that still runs the release before: it cannot read what that one did not know.
  before: async ({ pass, call, relay }) => {
    if (call?.to_control !== undefined || call?.copy_ceiling !== undefined) throw new Error("unknown call");
    if (call?.control === undefined) return pass();
    const mode = call.control[1];
    if (mode) relay.brakes.push(mode);
    const shown = JSON.stringify({ mode: mode ?? "enforce", updated_at: null });
    return Response.json({ control: { rev: 0, mode }, shown, version: null });
  },
  // Of what `control` copies: it never comes, or its answer does not.
  uncopied: async ({ pass, call }) => {
    if (call?.copy_ceiling) throw new Error("the copy was lost on demand");
    return pass();
  },
  unanswered_copy: async (asked) => (asked.call?.copy_ceiling ? MODES.unanswered(asked) : asked.pass()),
  late: async ({ pass }) => {
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    return pass();
  },
  unconfirmed: async (asked) => MODES.unanswered(asked),
  twice: async ({ pass }) => {
    const answer = await pass();
    await (await pass()).text();
    return answer;
  },
  renumbered: async ({ pass, call }) => {
    const answer = await pass();
    const sent = { ...call.record.sent, isolate: `${call.record.sent.isolate}-again` };
    await (await pass({ record: { ...call.record, sent } })).text();
    return answer;
  },
  forgotten: async ({ pass, isBatch }) => (isBatch ? Response.json({ phases: [], dropped: null }) : pass()),
  hold: async ({ pass, isBatch, relay, name }) => {
    if (isBatch && !relay.holds.has(name)) {
      relay.holds.add(name);
      for (const mine = relay.turn; relay.turn === mine; )
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return pass();
  },
};

/**
 * @param {DurableObject} object
 * @param {Relay} relay
 * @param {any} real the namespace of the real objects
 * @param {Request} request
 */
async function relayed(object, relay, real, request) {
  const body = await request.text();
  const envelope = JSON.parse(body);
  const isBatch = envelope.call.record !== undefined;
  const pass = (/** @type {any} */ call) => {
    if (isBatch) batches = [...batches.slice(1 - BATCHES_KEPT), body];
    return hand(real, object.ctx.id.name, call ? JSON.stringify({ ...envelope, call }) : body);
  };
  const isMeant = relay.only === null || relay.only === object.ctx.id.name;
  if (isMeant) relay.asked += 1;
  const isMet = isMeant && relay.calls > 0 && (!OF_NUMBERED.has(relay.mode) || envelope.call.record?.sent);
  const mode = isMet ? relay.mode : "ok";
  if (isMet) relay.calls -= 1;
  const { name } = object.ctx.id;
  const answer = () => MODES[mode]({ pass, call: envelope.call, isBatch, relay, name });
  return envelope.call.record?.sent ? watched(name, envelope.call.record, mode, answer) : answer();
}

/**
 * An isolate sends each batch until it has the answer, and only then the next one.
 * @param {string} tenant
 * @param {any} batch
 * @param {string} mode
 * @param {() => Promise<Response>} answered
 */
async function watched(tenant, { sent, items }, mode, answered) {
  const { isolate, sequence } = sent;
  const sights = items.flatMap((/** @type {any} */ item) => item.sights);
  const latest = Math.max(...sights.map((/** @type {any} */ { at }) => at));
  /** @type {Way} */
  const way = { tenant, sequence, latest, mode, start: Date.now(), isWhole: false };
  ways.set(`${tenant} ${isolate}`, way);
  const answer = await answered();
  way.ms = Date.now() - way.start;
  way.isWhole = answer.ok && mode !== "truncated";
  return answer;
}

/** @param {number} rate how many times as fast as this clock the edge's runs */
function told(rate) {
  const isSoon = (/** @type {Way} */ { ms }) => ms !== undefined && ms < SOON_MS / rate;
  const isLongAgo = (/** @type {Way} */ { start }) => Date.now() - start > AGAIN_MS;
  return [...ways.values()].map((way) => ({
    ...way,
    isHad: way.isWhole && (isSoon(way) || isLongAgo(way)),
  }));
}

export class Ledger extends DurableObject {
  /** @param {Request} request */
  fetch(request) {
    return relayed(this, relays.ledger, this.env.REAL_LEDGER, request);
  }
}

export class Operator extends DurableObject {
  /** @param {Request} request */
  fetch(request) {
    return relayed(this, relays.operator, this.env.REAL_OPERATOR, request);
  }
}

/**
 * @param {any} real
 * @param {string | undefined} name
 * @param {string} body
 * @returns {Promise<Response>}
 */
function hand(real, name, body) {
  return real.get(real.idFromName(name)).fetch("https://object/", { method: "POST", body });
}

export default {
  /**
   * @param {Request} request
   * @param {{ REAL_LEDGER: any, REAL_OPERATOR: any, CLOCK_RATE: string }} env
   */
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, name, wanted] = pathname.split("/");
    const calls = Number(searchParams.get("calls") ?? Number.POSITIVE_INFINITY);
    const relay = Object.hasOwn(relays, name) ? relays[name] : undefined;
    if (!relay) return new Response("no such relay", { status: 404 });
    if (request.method === "GET" && wanted === undefined) return Response.json(relay.asked);
    if (request.method === "GET" && wanted === "held") return Response.json([...relay.holds]);
    if (request.method === "GET" && wanted === "brakes") return Response.json(relay.brakes);
    if (request.method === "GET" && wanted === "ways") return Response.json(told(Number(env.CLOCK_RATE)));
    if (request.method === "GET" && wanted === "batches") return Response.json(batches);
    const real = name === "ledger" ? env.REAL_LEDGER : env.REAL_OPERATOR;
    if (request.method === "POST") return hand(real, wanted, await request.text());
    if (request.method !== "PUT" || !Object.hasOwn(MODES, wanted))
      return new Response("no such mode", { status: 404 });
    const ms = Number(searchParams.get("ms"));
    const only = searchParams.get("name");
    Object.assign(relay, {
      mode: wanted,
      ms,
      calls,
      only,
      turn: relay.turn + 1,
      asked: 0,
      holds: new Set(),
      brakes: [],
    });
    return new Response(null, { status: 204 });
  },
};
