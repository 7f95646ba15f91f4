/**
 * Cloudflare's KV as workerd's binding speaks to it, and as strict as the real one: the runtime alone checks no limits.
 *
 *   GET    /{key}?urlencoded=true[&cache_ttl=s]       value, metadata in CF-KV-Metadata; 404 without one
 *   PUT    /{key}?urlencoded=true[&expiration=s][&expiration_ttl=s]
 *   DELETE /{key}?urlencoded=true
 *   GET    /?[key_count_limit=n][&prefix=p][&cursor=c]
 *   POST   /bulk/get  {"keys": [..], "type": "text" | "json", "cacheTtl": "s", "withMetadata": true}
 */

import { now } from "./day.mjs";

export const LIMITS = {
  bulkKeys: 100,
  listKeys: 1000,
  keyBytes: 512,
  valueBytes: 25 * 1024 * 1024,
  metadataBytes: 1024,
  cacheTtlSeconds: 30,
  expirationSeconds: 60,
  writeIntervalMs: 1000,
  /** Within which a change is seen everywhere. */
  visibleSeconds: 60,
};

const EXPIRATION = "CF-Expiration";
const METADATA = "CF-KV-Metadata";

/** @typedef {"get" | "put" | "delete" | "list" | "bulk"} Kind */
/** @typedef {{ value: Buffer, metadata?: string, expiration?: number }} Entry `metadata` as JSON text, times in seconds */
/** @typedef {{ at: number, entry?: Entry }} Version when a key became what; without an entry it was deleted */
/** @typedef {{ status: number, headers?: Record<string, string>, body?: Buffer | string }} Answer */
/** @typedef {{ kind: Kind, keys: string[], cacheTtl?: number, run: () => Answer }} Operation */

/** What a request reads and writes: all of KV, or what of it one edge sees. @typedef {Pick<KvStore, "read" | "write" | "names">} Seen */

/** A request that KV refuses. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class KvStore {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, number>} when a key was last written, in milliseconds */
  #written = new Map();
  /** @type {Map<string, Version[]>} what a key was, oldest first; kept as soon as there is a clock */
  #versions = new Map();
  /** Seconds of the clock by which edges see what was written; null: at once. @type {number | null} */
  clock = null;
  /** How many times as fast as the machine's the clock of writes runs. */
  rate = 1;

  /**
   * @param {string} key
   * @returns {Entry | undefined}
   */
  read(key) {
    return unexpired(this.#entries.get(key));
  }

  /**
   * What one edge sees: each change of a key after a delay of its own, by chance from nothing to `most` seconds of the
   * clock, and never an older one after a newer one.
   * @param {() => number} random
   * @param {number} most
   * @returns {Seen}
   */
  seenFrom(random, most = LIMITS.visibleSeconds) {
    /** @type {WeakMap<Version, number>} */
    const seenAt = new WeakMap();
    const isSeen = (/** @type {Version} */ version) => {
      const at = seenAt.get(version) ?? version.at + Math.floor(random() * (most + 1));
      seenAt.set(version, at);
      return this.clock === null || at <= this.clock;
    };
    const read = (/** @type {string} */ key) => {
      const versions = this.#versions.get(key);
      if (this.clock === null || !versions) return this.read(key);
      return unexpired(versions.findLast(isSeen)?.entry);
    };
    return {
      read,
      write: (key, entry) => this.write(key, entry),
      names: () => sorted([...this.#versions.keys(), ...this.#entries.keys()]).filter(read),
    };
  }

  /**
   * @param {string} key
   * @param {Entry | undefined} entry undefined deletes
   */
  write(key, entry) {
    const ms = performance.now();
    const last = this.#written.get(key);
    if (last !== undefined && ms - last < LIMITS.writeIntervalMs / this.rate) {
      throw new Refusal(429, `Too Many Requests: ${key} was written ${Math.round(ms - last)} ms ago`);
    }
    this.#written.set(key, ms);
    this.put(key, entry);
  }

  /**
   * Writes outside KV's limits, for the test's own preparation.
   * @param {string} key
   * @param {Entry | undefined} entry
   */
  put(key, entry) {
    if (this.clock !== null) {
      const at = this.clock;
      const before = this.#versions.get(key) ?? [
        { at: Number.NEGATIVE_INFINITY, entry: this.#entries.get(key) },
      ];
      const settled = before.findLastIndex((version) => version.at <= at - LIMITS.visibleSeconds);
      this.#versions.set(key, [...before.slice(Math.max(settled, 0)), { at, entry }]);
    }
    if (entry) this.#entries.set(key, entry);
    else this.#entries.delete(key);
  }

  /** The names of all keys, in KV's order. */
  names() {
    return sorted([...this.#entries.keys()]).filter((name) => this.read(name));
  }
}

/** @param {Entry | undefined} entry */
function unexpired(entry) {
  return entry?.expiration !== undefined && entry.expiration <= now() ? undefined : entry;
}

/** Each name once. @param {string[]} names */
function sorted(names) {
  return [...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/**
 * What a request asks for. Nothing happens before `run`, which throws a `Refusal` where KV refuses.
 * @param {Seen} store
 * @param {{ method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: Buffer }} request
 * @returns {Operation}
 */
export function operation(store, { method, url, headers, body }) {
  const { pathname, searchParams: query } = new URL(url, "http://kv");
  if (method === "POST" && pathname === "/bulk/get") return bulk(store, body);
  if (method === "GET" && pathname === "/") return list(store, query);
  const raw = pathname.slice(1);
  const key = query.get("urlencoded") === "true" ? decodeURIComponent(raw) : raw;
  const keys = [key];
  switch (method) {
    case "GET": {
      const cacheTtl = query.has("cache_ttl") ? Number(query.get("cache_ttl")) : undefined;
      return { kind: "get", keys, cacheTtl, run: () => get(store, key, cacheTtl) };
    }
    case "PUT":
      return { kind: "put", keys, run: () => put(store, key, query, headers, body) };
    case "DELETE":
      return { kind: "delete", keys, run: () => remove(store, key) };
    default:
      throw new Error(`not a request of the KV binding: ${method} ${url}`);
  }
}

/**
 * @param {Seen} store
 * @param {string} key
 * @param {number | undefined} cacheTtl
 * @returns {Answer}
 */
function get(store, key, cacheTtl) {
  checkKey(key);
  checkCacheTtl(cacheTtl);
  const entry = store.read(key);
  if (!entry) throw new Refusal(404, "Not Found");
  /** @type {Record<string, string>} */
  const headers = {};
  if (entry.expiration !== undefined) headers[EXPIRATION] = String(entry.expiration);
  // Header bytes travel one by one as Latin-1 characters, here and in `metadataOf`.
  if (entry.metadata !== undefined) headers[METADATA] = Buffer.from(entry.metadata).toString("latin1");
  return { status: 200, headers, body: entry.value };
}

/**
 * @param {Seen} store
 * @param {string} key
 * @param {URLSearchParams} query
 * @param {import("node:http").IncomingHttpHeaders} headers
 * @param {Buffer} value
 * @returns {Answer}
 */
function put(store, key, query, headers, value) {
  checkKey(key);
  if (value.length > LIMITS.valueBytes) {
    throw new Refusal(413, `Value length of ${value.length} exceeds limit of ${LIMITS.valueBytes}.`);
  }
  store.write(key, { value, metadata: metadataOf(headers), expiration: expirationOf(query) });
  return { status: 200 };
}

/**
 * @param {Seen} store
 * @param {string} key
 * @returns {Answer}
 */
function remove(store, key) {
  checkKey(key);
  store.write(key, undefined);
  return { status: 200 };
}

/**
 * @param {Seen} store
 * @param {URLSearchParams} query
 * @returns {Operation}
 */
function list(store, query) {
  const run = () => {
    const limit = Number(query.get("key_count_limit") ?? LIMITS.listKeys);
    if (!(limit >= 1 && limit <= LIMITS.listKeys))
      throw new Refusal(400, `Invalid key_count_limit of ${limit}.`);
    const prefix = query.get("prefix") ?? "";
    if (Buffer.byteLength(prefix) > LIMITS.keyBytes) throw new Refusal(414, "The prefix is too long.");
    const names = store.names().filter((name) => name.startsWith(prefix));
    const cursor = query.get("cursor");
    const start = cursor ? names.indexOf(Buffer.from(cursor, "base64url").toString()) + 1 : 0;
    const page = names.slice(start, start + limit);
    const complete = start + limit >= names.length;
    const keys = page.map((name) => {
      const entry = store.read(name);
      // The binding expects metadata as JSON in a string here.
      return { name, expiration: entry?.expiration, metadata: entry?.metadata };
    });
    const next = complete ? {} : { cursor: Buffer.from(page[page.length - 1]).toString("base64url") };
    return json({ keys, list_complete: complete, ...next, cacheStatus: null });
  };
  return { kind: "list", keys: [], run };
}

/**
 * @param {Seen} store
 * @param {Buffer} body
 * @returns {Operation}
 */
function bulk(store, body) {
  const { keys, type = "text", cacheTtl: ttl, withMetadata = false } = JSON.parse(body.toString());
  const cacheTtl = ttl === undefined ? undefined : Number(ttl);
  const run = () => {
    if (type !== "text" && type !== "json") throw new Refusal(400, `"${type}" is not a valid type.`);
    if (keys.length < 1) throw new Refusal(400, "You must request a minimum of 1 key");
    if (keys.length > LIMITS.bulkKeys) {
      throw new Refusal(400, `You can request a maximum of ${LIMITS.bulkKeys} keys`);
    }
    checkCacheTtl(cacheTtl);
    keys.forEach(checkKey);
    let size = 0;
    const found = keys.map((/** @type {string} */ key) => {
      const entry = store.read(key);
      if (!entry) return [key, null];
      size += entry.value.length;
      const value = bulkValue(entry, type);
      return [key, withMetadata ? { value, metadata: JSON.parse(entry.metadata ?? "null") } : value];
    });
    if (size > LIMITS.valueBytes) throw new Refusal(413, "Total size of request exceeds the limit of 25MB");
    return json(Object.fromEntries(found));
  };
  return { kind: "bulk", keys, cacheTtl, run };
}

/**
 * @param {Entry} entry
 * @param {"text" | "json"} type
 */
function bulkValue(entry, type) {
  const text = entry.value.toString();
  if (type === "text") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "At least one of the requested keys corresponds to a non-json value");
  }
}

/** @param {string} key */
function checkKey(key) {
  if (key === "" || key === "." || key === "..") throw new Refusal(400, `Illegal key name "${key}".`);
  const length = Buffer.byteLength(key);
  if (length > LIMITS.keyBytes) {
    throw new Refusal(
      414,
      `UTF-8 encoded length of ${length} exceeds key length limit of ${LIMITS.keyBytes}.`,
    );
  }
}

/** @param {number | undefined} ttl */
function checkCacheTtl(ttl) {
  if (ttl !== undefined && !(ttl >= LIMITS.cacheTtlSeconds)) {
    throw new Refusal(
      400,
      `Invalid cache_ttl of ${ttl}. Cache TTL must be at least ${LIMITS.cacheTtlSeconds}.`,
    );
  }
}

/** @param {import("node:http").IncomingHttpHeaders} headers */
function metadataOf(headers) {
  const metadata = headers[METADATA.toLowerCase()];
  if (typeof metadata !== "string") return undefined;
  const length = Buffer.byteLength(metadata, "latin1");
  if (length > LIMITS.metadataBytes) {
    throw new Refusal(413, `Metadata length of ${length} exceeds limit of ${LIMITS.metadataBytes}.`);
  }
  return Buffer.from(metadata, "latin1").toString();
}

/** @param {URLSearchParams} query */
function expirationOf(query) {
  const ttl = query.get("expiration_ttl");
  const at = query.get("expiration");
  if (ttl === null && at === null) return undefined;
  const expiration = ttl === null ? Number(at) : now() + Number(ttl);
  if (!(expiration >= now() + LIMITS.expirationSeconds)) {
    throw new Refusal(
      400,
      `Invalid expiration. It must be at least ${LIMITS.expirationSeconds} seconds ahead.`,
    );
  }
  return expiration;
}

/** @param {unknown} value */
function json(value) {
  return { status: 200, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) };
}
