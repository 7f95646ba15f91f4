/**
 * A worker that stands between the edge and its ledger and fails on demand. Its Durable Objects pass each request on to
 * the real ledger of the same name; `PUT /{mode}` on the worker itself switches how, `GET /` tells how many requests
 * there were since. Batches are kept as they were passed on: `GET /batches` tells the latest, `POST /{tenant}` hands
 * one to that tenant's real ledger. Object and worker share an isolate.
 */
import { DurableObject } from "cloudflare:workers";

const BATCHES_KEPT = 1000;

let mode = "ok";
/** Rises with every switch. */
let turn = 0;
let asked = 0;
/** Whether this turn has held a batch back. */
let holds = false;
/** @type {string[]} the bytes of batches, in the order in which the ledger got them */
let batches = [];

/** @typedef {{ pass: () => Promise<Response>, isBatch: boolean }} Asked */

/** @type {Record<string, (asked: Asked) => Promise<Response>>} */
const MODES = {
  ok: ({ pass }) => pass(),
  throw: async () => {
    throw new Error("the ledger failed on demand");
  },
  // A promise that nothing can resolve would be found out and cancelled: a timer keeps it alive.
  hang: () =>
    new Promise((resolve) => setTimeout(() => resolve(new Response(null, { status: 504 })), 120_000)),
  error: async () => new Response("the ledger failed on demand", { status: 500 }),
  truncated: async ({ pass }) => {
    const answer = await pass();
    const text = await answer.text();
    return new Response(text.slice(0, text.length / 2), answer);
  },
  drop: async ({ pass, isBatch }) => {
    const answer = await pass();
    return isBatch ? MODES.hang({ pass, isBatch }) : answer;
  },
  hold: async ({ pass, isBatch }) => {
    if (isBatch && !holds) {
      holds = true;
      for (const mine = turn; turn === mine; ) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return pass();
  },
};

export class Ledger extends DurableObject {
  /** @param {Request} request */
  async fetch(request) {
    asked += 1;
    const body = await request.text();
    const isBatch = JSON.parse(body).call.record !== undefined;
    const pass = () => {
      if (isBatch) batches = [...batches.slice(1 - BATCHES_KEPT), body];
      return hand(this.env.REAL, this.ctx.id.name, body);
    };
    return MODES[mode]({ pass, isBatch });
  }
}

/**
 * @param {any} real
 * @param {string | undefined} name
 * @param {string} body
 * @returns {Promise<Response>}
 */
function hand(real, name, body) {
  return real.get(real.idFromName(name)).fetch("https://ledger/", { method: "POST", body });
}

export default {
  /**
   * @param {Request} request
   * @param {{ REAL: any }} env
   */
  async fetch(request, env) {
    const wanted = new URL(request.url).pathname.slice(1);
    if (request.method === "GET" && wanted === "") return Response.json(asked);
    if (request.method === "GET" && wanted === "held") return Response.json(holds);
    if (request.method === "GET" && wanted === "batches") return Response.json(batches);
    if (request.method === "POST") return hand(env.REAL, wanted, await request.text());
    if (request.method !== "PUT" || !Object.hasOwn(MODES, wanted))
      return new Response("no such mode", { status: 404 });
    mode = wanted;
    turn += 1;
    asked = 0;
    holds = false;
    return new Response(null, { status: 204 });
  },
};
