/**
 * A worker that stands between the edge and its ledger and fails on demand. Its Durable Objects pass each request on to
 * the real ledger of the same name; `PUT /{mode}` on the worker itself switches how, `GET /` tells how many requests
 * there were since. Object and worker share an isolate.
 */
import { DurableObject } from "cloudflare:workers";

let mode = "ok";
let asked = 0;

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

export class Ledger extends DurableObject {
  /** @param {Request} request */
  fetch(request) {
    asked += 1;
    const real = this.env.REAL.get(this.env.REAL.idFromName(this.ctx.id.name));
    return MODES[mode](() => real.fetch(request));
  }
}

export default {
  /** @param {Request} request */
  async fetch(request) {
    const wanted = new URL(request.url).pathname.slice(1);
    if (request.method === "GET" && wanted === "") return new Response(String(asked));
    if (request.method !== "PUT" || !Object.hasOwn(MODES, wanted))
      return new Response("no such mode", { status: 404 });
    mode = wanted;
    asked = 0;
    return new Response(null, { status: 204 });
  },
};
