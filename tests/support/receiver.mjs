/**
 * A receiver of webhooks that checks signatures by itself, and fails on demand. It listens on this machine; workerd's
 * option `outbound` brings every request of the worker here, whatever its host.
 */
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { until } from "./client.mjs";
import { now } from "./day.mjs";

/** Seconds by which a receiver's clock and the timestamp may differ: Standard Webhooks' own value. */
const TOLERANCE = 300;

/**
 * @typedef {object} Delivery
 * @property {string} url host and path
 * @property {string} id
 * @property {any} body
 * @property {boolean} taken whether it was answered with 204
 */

/** @typedef {number | "hang" | "reset"} Mode a status, no answer, or a broken connection */

export class Receiver {
  /** @type {Delivery[]} */
  deliveries = [];
  /** By host and path. @type {Map<string, Mode>} */
  #modes = new Map();
  /** By host and path. @type {Map<string, string>} */
  #secrets = new Map();
  /** @type {unknown[]} what was wrong with a delivery */
  faults = [];
  /** Deliveries under way, by host and path; more than one at a time is a fault. @type {Map<string, number>} */
  #open = new Map();

  #server = createServer(async (request, response) => {
    const url = `${request.headers.host}${request.url}`;
    this.#open.set(url, (this.#open.get(url) ?? 0) + 1);
    try {
      const body = Buffer.concat(await request.toArray()).toString();
      this.#take(url, request, body, response);
    } catch (error) {
      this.faults.push(error);
      response.writeHead(500).end();
    } finally {
      response.once("close", () => this.#open.set(url, (this.#open.get(url) ?? 0) - 1));
    }
  });

  static async start() {
    const receiver = new Receiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get port() {
    return /** @type {import("node:net").AddressInfo} */ (this.#server.address()).port;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /**
   * How deliveries to `url` are answered from now on.
   * @param {string} url https://…
   * @param {Mode} mode
   */
  answer(url, mode) {
    this.#modes.set(url.replace("https://", ""), mode);
  }

  /**
   * @param {string} url https://…
   * @param {string} secret as it was shown
   */
  trust(url, secret) {
    this.#secrets.set(url.replace("https://", ""), secret);
  }

  /** What came for `url`. @param {string} url https://… */
  of(url) {
    return this.deliveries.filter((delivery) => delivery.url === url.replace("https://", ""));
  }

  /** What `url` has taken. @param {string} url */
  taken(url) {
    return this.of(url).filter(({ taken }) => taken);
  }

  /**
   * Waits until `url` has taken so many.
   * @param {string} url
   * @param {number} count
   * @param {{ ms?: number }} [options]
   */
  takes(url, count, options) {
    const enough = async () => this.taken(url).length >= count && this.taken(url);
    return until(`${url} takes ${count}`, enough, options);
  }

  /**
   * @param {string} url
   * @param {import("node:http").IncomingMessage} request
   * @param {string} body
   * @param {import("node:http").ServerResponse} response
   */
  #take(url, request, body, response) {
    const mode = this.#modes.get(url) ?? 204;
    const taken = typeof mode === "number" && mode >= 200 && mode < 300;
    const id = String(request.headers["webhook-id"]);
    this.deliveries.push({ url, id, body: JSON.parse(body), taken });
    assert.equal(request.method, "POST");
    assert.equal(this.#open.get(url), 1, `${url}: one delivery at a time`);
    const secret = this.#secrets.get(url);
    if (secret) assert.ok(isSigned(secret, request.headers, body), `${url}: ${id} is signed`);
    if (mode === "hang") return;
    if (mode === "reset") return void response.destroy();
    response.writeHead(mode, mode >= 300 && mode < 400 ? { location: "https://elsewhere.example.com/" } : {});
    response.end(mode === 204 ? undefined : "nobody reads this");
  }
}

/**
 * Standard Webhooks, symmetric signatures.
 * @param {string} secret
 * @param {import("node:http").IncomingHttpHeaders} headers
 * @param {string} body
 */
export function isSigned(secret, headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headers;
  if (Math.abs(now() - Number(timestamp)) > TOLERANCE) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  return String(signature)
    .split(" ")
    .some((one) => {
      const [version, text] = one.split(",");
      const given = Buffer.from(text, "base64");
      return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
    });
}
