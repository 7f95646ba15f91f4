/**
 * Asks a worker as gateways and operators do, and builds what they post.
 */
import assert from "node:assert/strict";
import { now as testsNow } from "./day.mjs";
import { sample } from "./samples.mjs";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {string} text
 * @property {any} json undefined where the body is none
 * @property {number} ms from the request to the end of the body
 */

/** @typedef {{ accept: number, defer: number, reject: number, would_defer: number, would_reject: number }} Counts */

/**
 * @typedef {object} Circumstances
 * @property {number | string} [now] the clock of this request: seconds since 1970, or RFC 3339
 * @property {boolean} [fresh] reads KV whatever the isolate holds
 * @property {Record<string, string>} [headers]
 * @property {string | null} [key] null sends none
 * @property {AbortSignal} [signal]
 */

export class Client {
  /** @param {{ url: string, key: string }} server */
  constructor({ url, key }) {
    this.url = url;
    this.key = key;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Circumstances & { body?: BodyInit | object | null }} [options] an object is sent as JSON
   * @returns {Promise<Answer>}
   */
  async ask(method, path, { body, now, fresh, headers = {}, key = this.key, signal } = {}) {
    /** @type {Record<string, string>} */
    const sent = { ...headers };
    if (key !== null) sent.authorization ??= `Bearer ${key}`;
    if (now !== undefined) sent["x-tidegate-now"] = typeof now === "number" ? rfc3339(now) : now;
    if (fresh) sent["x-tidegate-fresh"] = "1";
    const start = performance.now();
    const response = await fetch(this.url + path, {
      method,
      headers: sent,
      body: isPlain(body) ? JSON.stringify(body) : body,
      signal,
      // @ts-expect-error streams as bodies need it, and the types do not know it
      duplex: "half",
    });
    const text = await response.text();
    const ms = performance.now() - start;
    const isJson = /^application\/(problem\+)?json\b/.test(response.headers.get("content-type") ?? "");
    const json = isJson && text !== "" ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json, ms };
  }

  /**
   * The decision on a mail event.
   * @param {object | string} event
   * @param {Circumstances} [options]
   */
  async decide(event, options) {
    const answer = await this.ask("POST", "/v1/decide", { ...options, body: event });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /**
   * @param {string} tenant
   * @param {object} policy
   * @param {Circumstances} [options]
   */
  async putPolicy(tenant, policy, options) {
    const answer = await this.ask("PUT", `/v1/tenants/${tenant}/policy`, { ...options, body: policy });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /**
   * @param {string} tenant
   * @param {string} id
   * @param {Circumstances} [options]
   */
  async server(tenant, id, options) {
    const answer = await this.ask("GET", `/v1/tenants/${tenant}/servers/${id}`, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /**
   * @param {string} tenant
   * @param {Circumstances} [options]
   * @returns {Promise<any[]>}
   */
  async servers(tenant, options) {
    const answer = await this.ask("GET", `/v1/tenants/${tenant}/servers`, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.items;
  }

  /**
   * @param {string} tenant
   * @param {Circumstances & { from?: string, to?: string, limit?: number, cursor?: string }} [options]
   */
  async report(tenant, { from, to, limit, cursor, ...options } = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ from, to, limit, cursor })) {
      if (value !== undefined) query.set(name, String(value));
    }
    const answer = await this.ask("GET", `/v1/tenants/${tenant}/report?${query}`, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /**
   * What became of each server's messages, added up over all the days in which tests live.
   * @param {string} tenant
   * @returns {Promise<Map<string, Counts>>}
   */
  async counts(tenant) {
    const sums = new Map();
    for (const year of yearsOfTests()) {
      const { servers } = await this.report(tenant, { ...year, limit: 1_000 });
      for (const { id, ...counts } of servers) {
        const sum = sums.get(id) ?? { accept: 0, defer: 0, reject: 0, would_defer: 0, would_reject: 0 };
        for (const name of Object.keys(sum)) sum[name] += counts[name];
        sums.set(id, sum);
      }
    }
    return sums;
  }

  /**
   * How many messages of a tenant are counted.
   * @param {string} tenant
   */
  async counted(tenant) {
    let sum = 0;
    for (const year of yearsOfTests()) {
      const { totals } = await this.report(tenant, { ...year, limit: 1 });
      sum += totals.accept + totals.defer + totals.reject;
    }
    return sum;
  }

  /**
   * Runs all work of a tenant's ledger that is due by then.
   * @param {string} tenant
   * @param {Circumstances} [options]
   */
  async tick(tenant, options) {
    const answer = await this.ask("POST", `/v1/test/tick?tenant=${tenant}`, options);
    assert.equal(answer.status, 204, answer.text);
  }
}

/**
 * All the days in which tests live, a year at a time: those that tests name, and those up to a month after theirs.
 * @returns {{ from: string, to: string }[]}
 */
function yearsOfTests() {
  const day = 24 * 3600;
  const [last, years] = [Math.max(at("2027-08-31T00:00:00Z"), testsNow() + 30 * day), []];
  for (let from = at("2026-09-01T00:00:00Z"); from <= last; from += 365 * day) {
    years.push({ from: rfc3339(from).slice(0, 10), to: rfc3339(from + 364 * day).slice(0, 10) });
  }
  return years;
}

/** @param {unknown} body */
function isPlain(body) {
  return (
    typeof body === "object" &&
    body !== null &&
    [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(body))
  );
}

/** Seconds since 1970. @param {string} text */
export function at(text) {
  return Date.parse(text) / 1000;
}

/** @param {number} seconds since 1970 */
export function rfc3339(seconds) {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** As mail writes it. @param {number} seconds since 1970 */
export function mailDate(seconds) {
  return new Date(seconds * 1000).toUTCString().replace("GMT", "+0000");
}

/**
 * Real fields, each with a host, build and date to be replaced.
 * smtp, pickup: blocks 20 and 21; no_build: block 49, Exchange 2007's `with mapi` without an id.
 */
const FIELDS = {
  smtp: sample(20).header,
  pickup: sample(21).header,
  no_build: sample(49).header,
};

/**
 * A `Received` field as Exchange stamps it. Another `now` makes another message.
 * @param {{ host: string, now: number, build?: string, kind?: keyof typeof FIELDS, address?: string, from?: string }} stamp
 */
export function received({
  host,
  now,
  build = "15.1.2507.39",
  kind = "smtp",
  address = "10.53.40.201",
  from = "mbx-essen-01.secunet.de",
}) {
  const field = FIELDS[kind]
    .replace(/\bby\s+\S+/, `by ${host}`)
    .replace("10.53.40.201", address)
    .replace("mbx-essen-01.secunet.de (", `${from} (`)
    .replace(/\bid\s+15\.[\d.]+/, `id\r\n ${build}`)
    .replace(/;[^;]*$/, `; ${mailDate(now)}\r\n`);
  assert.ok(field.includes(`by ${host}`) && field.includes(mailDate(now)), field);
  return field;
}

/**
 * A mail event. Members given here replace the usual ones.
 * @param {{ tenant: string, header: string | [string, string][] } & Record<string, unknown>} event
 */
export function event(event) {
  return {
    connector: "on_premises",
    client: { ip: "203.0.113.7", helo: "ex01.contoso.com" },
    envelope: { from: "a@contoso.com", to: ["b@example.org"] },
    ...event,
  };
}

/**
 * `check`'s first result that is neither undefined nor false; fails once `ms` have passed.
 * @template T
 * @param {string} what
 * @param {() => Promise<T | undefined | false>} check
 * @param {{ ms?: number, every?: number }} [options]
 * @returns {Promise<T>}
 */
export async function until(what, check, { ms = 5_000, every = 25 } = {}) {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    assert.ok(performance.now() < deadline, `within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
