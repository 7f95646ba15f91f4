/**
 * A worker that stands between the edge and its Durable Objects and fails on demand. Its objects pass each request on to
 * the real ones of the same name; `PUT /{ledger|operator}/{mode}` on the worker itself switches how,
 * `GET /{ledger|operator}` tells how many requests there were since. Objects and worker share an isolate.
 */
import { DurableObject } from "cloudflare:workers";

/** @type {Record<string, { mode: string, asked: number }>} */
const relays = { ledger: { mode: "ok", asked: 0 }, operator: { mode: "ok", asked: 0 } };

/** @type {Record<string, (pass: () => Promise<Response>) => Promise<Response>>} */
const MODES = {
  ok: (pass) => pass(),
  throw: async () => {
    throw new Error("the ledger failed on demand");
  },
  // A promise that nothing can resolve would be found out and cancelled: a timer keeps it alive.
  hang: () =>
    new Promise((resolve) => setTimeout(() => resolve(new Response(null, { status: 504 })), 120_000)),
  error: async () => new Response("the ledger failed on demand", { status: 500 }),
  truncated: async (pass) => {
    const answer = await pass();
    const text = await answer.text();
    return new Response(text.slice(0, text.length / 2), answer);
  },
};

/**
 * @param {DurableObject} object
 * @param {{ mode: string, asked: number }} relay
 * @param {any} real the namespace of the real objects
 * @param {Request} request
 */
function pass(object, relay, real, request) {
  relay.asked += 1;
  return MODES[relay.mode](() => real.get(real.idFromName(object.ctx.id.name)).fetch(request));
}

export class Ledger extends DurableObject {
  /** @param {Request} request */
  fetch(request) {
    return pass(this, relays.ledger, this.env.REAL_LEDGER, request);
  }
}

export class Operator extends DurableObject {
  /** @param {Request} request */
  fetch(request) {
    return pass(this, relays.operator, this.env.REAL_OPERATOR, request);
  }
}

export default {
  /** @param {Request} request */
  async fetch(request) {
    const [, name, mode] = new URL(request.url).pathname.split("/");
    const relay = Object.hasOwn(relays, name) ? relays[name] : undefined;
    if (relay && request.method === "GET" && mode === undefined) return new Response(String(relay.asked));
    if (!relay || request.method !== "PUT" || !Object.hasOwn(MODES, mode))
      return new Response("no such mode", { status: 404 });
    Object.assign(relay, { mode, asked: 0 });
    return new Response(null, { status: 204 });
  },
};
