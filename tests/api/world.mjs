/**
 * A running worker with keys of every role, tenants with servers in all conditions, and faults on demand.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, startEdge } from "../support/edge.mjs";

const DAY = 24 * 3600;
const START = BLOCKED - 95 * DAY;

/** The clock of every request that does not set another one. */
export const NOW = BLOCKED;

/** A server in stage 8, one that was patched, and one that has always been current; `seed` makes them. */
export const BLOCKED_SERVER = "ex01.contoso.com";
export const PATCHED_SERVER = "ex02.contoso.com";
export const CURRENT_SERVER = "ex03.contoso.com";

/**
 * What a caller sends.
 * @typedef {object} Call
 * @property {string} path with its query
 * @property {BodyInit | object} [body]
 * @property {Record<string, string>} [headers]
 * @property {number} [now]
 * @property {number} [announced] octets of a body that never comes, in place of `body`
 */

/** @typedef {"metrics" | "gateway" | "viewer" | "operator" | "admin"} Role */

/** In the order of what they may do; what a gateway may is beside that. @type {Role[]} */
export const ROLES = ["metrics", "gateway", "viewer", "operator", "admin"];

export class World {
  /** @type {Map<string, Promise<any>>} */
  #keys = new Map();
  #names = 0;

  /** @param {import("../support/edge.mjs").Edge} edge */
  constructor(edge) {
    this.edge = edge;
  }

  static async start() {
    return new World(await startEdge({ patient: true }));
  }

  stop() {
    return this.edge.stop();
  }

  /** A name that no call has got before. @param {string} prefix */
  name(prefix) {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }

  /**
   * Asks past the isolate's cache: what was changed a moment ago holds.
   * @param {string} method
   * @param {Call} call
   * @param {string | null} [key] default: the deployment's admin key
   */
  ask(method, { path, announced, ...options }, key) {
    if (announced !== undefined) return this.#announce(method, path, announced, key ?? this.edge.client.key);
    return this.edge.client.ask(method, path, { now: NOW, fresh: true, key, ...options });
  }

  /**
   * A body that is sent would break the connection of who is refused before all of it is read.
   * @param {string} method
   * @param {string} path
   * @param {number} length
   * @param {string} key
   * @returns {Promise<import("../support/client.mjs").Answer>}
   */
  async #announce(method, path, length, key) {
    const start = performance.now();
    const headers = { authorization: `Bearer ${key}`, "content-length": length };
    const outgoing = request(this.edge.client.url + path, { method, headers });
    try {
      outgoing.on("error", () => {});
      outgoing.flushHeaders();
      const [response] = await once(outgoing, "response", { signal: AbortSignal.timeout(5_000) });
      const text = Buffer.concat(await response.toArray()).toString();
      const ms = performance.now() - start;
      const told = new Headers(/** @type {Record<string, string>} */ (response.headers));
      return { status: response.statusCode, headers: told, text, json: JSON.parse(text), ms };
    } finally {
      outgoing.destroy();
    }
  }

  /**
   * As admin, for what has to succeed. The answer's body.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async admin(method, path, body) {
    const answer = await this.ask(method, { path, body });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /**
   * A key of this role, the same one each time.
   * @param {Role} role
   * @param {string | null} [tenant] null: for all
   * @returns {Promise<string>}
   */
  async key(role, tenant = null) {
    const name = `${role} ${tenant}`;
    const made = this.#keys.get(name) ?? this.newKey({ role, tenant, name: "test" });
    this.#keys.set(name, made);
    return (await made).key;
  }

  /**
   * A new key, once it works.
   * @param {object} wanted
   */
  async newKey(wanted) {
    const made = await this.admin("POST", "/v1/keys", wanted);
    await until("the new key works", async () => (await this.statusOf(made.key)) !== 401);
    return made;
  }

  /** A key that was revoked, once it is. */
  async revokedKey() {
    const made = await this.newKey({ role: "operator", tenant: null, name: this.name("revoked") });
    await this.admin("DELETE", `/v1/keys/${made.id}`);
    await until("the key is revoked", async () => (await this.statusOf(made.key)) === 401);
    return made.key;
  }

  /** What a key gets where only admins get anything. @param {string} key */
  async statusOf(key) {
    return (await this.ask("GET", { path: "/metrics" }, key)).status;
  }

  /**
   * A tenant with a policy that has servers in all conditions.
   * @param {string} tenant
   * @param {object} [policy]
   */
  async seed(tenant, policy = { mode: "enforce" }) {
    const { client } = this.edge;
    await client.putPolicy(tenant, policy, { now: START - DAY });
    for (const day of [0, 1, 20, 40, 60, 80, 94]) {
      await this.send(tenant, BLOCKED_SERVER, START + day * DAY);
    }
    for (const [day, build] of /** @type {[number, string?][]} */ ([[60], [61], [70, "15.1.2507.61"]])) {
      await this.send(tenant, PATCHED_SERVER, START + day * DAY, build);
    }
    await this.send(tenant, CURRENT_SERVER, BLOCKED - DAY, "15.1.2507.61");
  }

  /**
   * One message, written down.
   * @param {string} tenant
   * @param {string} host
   * @param {number} [now]
   * @param {string} [build]
   */
  async send(tenant, host, now = NOW, build) {
    const message = event({ tenant, record: "sync", header: received({ host, now, build }) });
    // a busy machine may be late with one answer
    await until(`${host} is written down`, async () => {
      return (await this.edge.client.decide(message, { now })).recorded;
    });
  }

  /** Ends whatever pauses a tenant now or later. @param {string} tenant */
  async endPauses(tenant) {
    const { items } = await this.admin("GET", `/v1/tenants/${tenant}/pauses`);
    for (const { id, state } of items) {
      if (state !== "ended") await this.admin("DELETE", `/v1/tenants/${tenant}/pauses/${id}`);
    }
  }

  /**
   * Runs `act` while all that the worker stores in fails.
   * @template T
   * @param {() => Promise<T>} act
   * @param {("kv" | "ledger" | "operator")[]} [parts]
   */
  async whileFailing(act, parts = ["kv", "ledger", "operator"]) {
    const { kv, worker } = this.edge;
    const set = async (/** @type {boolean} */ fails) => {
      if (parts.includes("kv")) await kv.setMode(fails ? "500" : "ok");
      if (parts.includes("ledger")) await worker.setLedgerMode(fails ? "throw" : "ok");
      if (parts.includes("operator")) await worker.setOperatorMode(fails ? "throw" : "ok");
    };
    await set(true);
    try {
      return await act();
    } finally {
      await set(false);
    }
  }

  /**
   * All that an admin is shown of a tenant, as it is.
   * @param {string} tenant
   */
  async shownOf(tenant) {
    const at = `/v1/tenants/${tenant}`;
    const servers = `${at}/servers`;
    const { items } = await this.admin("GET", servers);
    const paths = [
      at,
      `${at}/policy`,
      servers,
      `${at}/pauses`,
      `${at}/webhooks`,
      `${at}/report?from=2026-10-01&to=2027-01-04`,
      `${at}/notifications?limit=1000`,
      `${at}/audit?limit=1000`,
      `/v1/keys?tenant=${tenant}&limit=1000`,
      ...items.flatMap((/** @type {{ id: string }} */ { id }) => [
        `${servers}/${encodeURIComponent(id)}`,
        `${servers}/${encodeURIComponent(id)}/exemption`,
      ]),
    ];
    /** @type {Record<string, string>} */
    const shown = {};
    for (const path of paths) {
      const { status, headers, text } = await this.ask("GET", { path });
      // deliveries go on by themselves
      const settled = text.replace(
        /"(pending|failing_since|last_error|off_since|refused)":("[^"]*"|[^,}]*)/g,
        "",
      );
      shown[path] = `${status} ${headers.get("etag")} ${settled}`;
    }
    return shown;
  }
}
