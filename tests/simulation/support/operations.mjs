/**
 * What may happen to a deployment, as lists drawn by chance: each operation stands for itself, so that a list with some
 * of them left out is a list, too.
 */

/** Seconds. */
const [MINUTE, HOUR, DAY] = [60, 3600, 24 * 3600];

/**
 * `after`: seconds since the operation before.
 * @typedef {object} Mail
 * @property {string} tenant
 * @property {string} server
 * @property {string} build
 * @property {number} edge 0 or 1
 * @property {boolean} sync
 * @property {boolean} fresh reads KV whatever the isolate holds
 * @property {boolean} [named] under an event id
 * @property {boolean} [queued] stamped two hours ago
 * @property {boolean} [again] the tenant's last message from this server once more, under the same event id if any
 * @property {boolean} [toPostmaster]
 */
/**
 * @typedef {{ after: number } & (
 *   | { do: "mail", mails: Mail[] }
 *   | { do: "kill", mails: Mail[] }
 *   | { do: "upgrade" }
 *   | { do: "policy", tenant: string, policy: number, edge: number }
 *   | { do: "pause", tenant: string, days: number, ahead: number | null, edge: number }
 *   | { do: "unpause", tenant: string, edge: number }
 *   | { do: "exempt", tenant: string, server: string, days: number, edge: number }
 *   | { do: "unexempt", tenant: string, server: string, edge: number }
 *   | { do: "key", name: string, edge: number }
 *   | { do: "revoke", name: string, edge: number }
 *   | { do: "brake", mode: "off" | "report" | "enforce", edge: number }
 *   | { do: "catalog", edge: number }
 *   | { do: "fault", of: "ledger" | "operator" | "kv", mode: string, calls: number }
 *   | { do: "rest", seconds: number }
 *   | { do: "quiet" }
 * )} Operation
 */

/** Messages and changes between two moments in which nothing is under way, and in which all is held against the model. */
const [REST_EVERY, QUIET_EVERY] = [45, 130];

/** Tenants: `plain` keeps the policy that it begins with, `changed` has several, `auto` has none. */
export const TENANTS = ["plain", "changed", "auto"];

const ladder = (/** @type {[number | null, number, number][]} */ stages) =>
  stages.map(([days, throttle_minutes, block_minutes]) => ({
    ...(days === null ? {} : { days }),
    throttle_minutes,
    block_minutes,
  }));
const SHORT = ladder([
  [7, 0, 0],
  [4, 20, 0],
  [4, 20, 20],
  [null, 0, 60],
]);
const GENTLE = ladder([
  [10, 0, 0],
  [20, 10, 0],
  [null, 20, 20],
]);
const STEEP = ladder([
  [1, 0, 0],
  [null, 0, 60],
]);

/** The first one is every tenant's that has one. */
export const POLICIES = [
  { mode: "enforce", ladder: SHORT },
  { mode: "enforce", ladder: SHORT, baseline: "exploited" },
  { mode: "enforce", ladder: GENTLE },
  { mode: "report", ladder: SHORT },
  { mode: "off", ladder: SHORT },
  { mode: "enforce", ladder: SHORT, baseline: "strict" },
  { mode: "enforce", ladder: STEEP },
].map((policy) => ({ baseline: "microsoft", pause_days_per_year: 10, ...policy }));

/** The builds that a server's machines show; `patched` goes from the first to the second. */
const SERVERS = /** @type {Record<string, { builds: string[], weight: number, patched?: boolean }>} */ ({
  "ex1.contoso.com": { builds: ["15.1.2507.39"], weight: 4 },
  "ex2.contoso.com": { builds: ["15.0.1497.48"], weight: 3 },
  "ex3.contoso.com": { builds: ["15.1.2507.61"], weight: 1 },
  "ex4.contoso.com": { builds: ["15.2.1748.39"], weight: 1 },
  "ex5.contoso.com": { builds: ["15.2.1748.26", "15.2.1748.39"], weight: 4, patched: true },
  "ex6.contoso.com": { builds: ["15.1.2507.39", "15.1.2507.61"], weight: 1 },
  "ex7.contoso.com": { builds: ["15.2.2562.17"], weight: 2 },
});

const FAULTS = {
  ledger: [
    "throw",
    "throw",
    "unanswered",
    "unanswered",
    "unconfirmed",
    "unconfirmed",
    "twice",
    "twice",
    "late",
    "error",
    "truncated",
    "hold",
  ],
  operator: ["throw", "unanswered", "error"],
  kv: ["500", "unconfirmed"],
};

/**
 * How lists begin: what was out of date from the beginning on has come to a stage of throttling and blocking, and mail
 * comes in each sixth part of the hour, more than half of which is closed.
 * @type {Operation[]}
 */
const PROLOGUE = [
  { after: MINUTE, do: "rest", seconds: 12 * DAY },
  ...Array.from({ length: 6 }, (_, part) => ({
    after: 10 * MINUTE,
    do: /** @type {const} */ ("mail"),
    mails: [
      { ...out("plain", "ex1.contoso.com", "15.1.2507.39"), edge: part % 2, sync: part % 3 === 0 },
      { ...out("changed", "ex2.contoso.com", "15.0.1497.48"), edge: part % 2, sync: part % 3 !== 0 },
    ],
  })),
];

/** @param {string} tenant @param {string} server @param {string} build */
function out(tenant, server, build) {
  return { tenant, server, build, fresh: true };
}

/**
 * @param {() => number} random
 * @param {number} count messages and changes, at least
 * @returns {Operation[]}
 */
export function operations(random, count) {
  const draw = new Draw(random);
  const list = [...PROLOGUE];
  for (let size = sizeOf(list); size < count; ) {
    const operation = draw.operation(size);
    list.push(operation);
    size += "mails" in operation ? operation.mails.length : 1;
  }
  return list;
}

/** How many messages and changes there are in a list. @param {Operation[]} list */
export function sizeOf(list) {
  return list.reduce((sum, operation) => sum + ("mails" in operation ? operation.mails.length : 1), 0);
}

class Draw {
  /** @type {Set<string>} tenant and server, once patched */
  #patched = new Set();
  /** @type {string[]} */
  #keys = [];
  #made = 0;
  #quietAt = 0;
  #restedAt = 0;
  #kills = 0;
  #isBraked = false;

  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
  }

  /** @param {number} count */
  any(count) {
    return Math.floor(this.random() * count);
  }

  /** @template T @param {T[]} items */
  one(items) {
    return items[this.any(items.length)];
  }

  /** @param {number} share */
  chance(share) {
    return this.random() < share;
  }

  /**
   * @param {number} at how many there are before
   * @returns {Operation}
   */
  operation(at) {
    if (at - this.#quietAt > QUIET_EVERY) {
      this.#quietAt = at;
      this.#restedAt = at;
      return { after: MINUTE, do: "quiet" };
    }
    if (at - this.#restedAt > REST_EVERY) {
      this.#restedAt = at;
      return { after: MINUTE, do: "rest", seconds: this.any(this.chance(0.3) ? 6 * HOUR : 7 * DAY) };
    }
    const after = this.any(30);
    const edge = this.any(2);
    const tenant = this.one(TENANTS);
    const dice = this.random();
    if (dice < 0.8) return { after, do: "mail", mails: this.mails() };
    if (dice < 0.86) return { after, ...this.fault() };
    if (dice < 0.89)
      return { after, do: "policy", tenant: "changed", policy: this.any(POLICIES.length), edge };
    if (dice < 0.91) return { after, ...this.pause(tenant, edge) };
    if (dice < 0.93) return { after, ...this.exemption(tenant, edge) };
    if (dice < 0.96) return { after, ...this.key(edge) };
    if (dice < (this.#isBraked ? 0.975 : 0.965)) return { after, do: "brake", mode: this.brake(), edge };
    if (dice < 0.98) return { after, do: "catalog", edge };
    if (at > 60 * (this.#kills + 1) * (this.#kills + 1)) {
      this.#kills += 1;
      return this.chance(0.7) ? { after, do: "kill", mails: this.mails() } : { after, do: "upgrade" };
    }
    return { after, do: "mail", mails: this.mails() };
  }

  mails() {
    return Array.from({ length: 1 + (this.chance(0.3) ? this.any(8) : 0) }, () => this.mail());
  }

  /** @returns {Mail} */
  mail() {
    const tenant = this.one(TENANTS);
    const server = this.one(
      Object.entries(SERVERS).flatMap(([name, { weight }]) => Array(weight).fill(name)),
    );
    const mail = { tenant, server, build: this.build(tenant, server), edge: this.any(2) };
    const how = { sync: this.chance(0.5), fresh: this.chance(0.7), named: this.chance(0.6) };
    if (this.chance(0.08)) return { ...mail, ...how, again: true };
    if (this.chance(0.08)) return { ...mail, ...how, queued: true };
    if (this.chance(0.04)) return { ...mail, ...how, toPostmaster: true };
    return { ...mail, ...how };
  }

  /**
   * @param {string} tenant
   * @param {string} server
   */
  build(tenant, server) {
    const { builds, patched } = SERVERS[server];
    if (!patched) return this.one(builds);
    const name = `${tenant}/${server}`;
    if (this.chance(0.03)) {
      if (!this.#patched.delete(name)) this.#patched.add(name);
    }
    return builds[this.#patched.has(name) ? 1 : 0];
  }

  /** What was set below enforce is released by the next turn: a brake that is on for long would hide the rest. */
  brake() {
    this.#isBraked = !this.#isBraked;
    return this.#isBraked ? this.one(/** @type {("report" | "off")[]} */ (["report", "off"])) : "enforce";
  }

  /** @returns {any} */
  fault() {
    const of = this.one(
      /** @type {("ledger" | "operator" | "kv")[]} */ (["ledger", "ledger", "ledger", "operator", "kv"]),
    );
    return { do: "fault", of, mode: this.one(FAULTS[of]), calls: 1 + this.any(3) };
  }

  /** @param {string} tenant @param {number} edge @returns {any} */
  pause(tenant, edge) {
    if (this.chance(0.4)) return { do: "unpause", tenant, edge };
    const ahead = this.chance(0.5) ? null : this.any(20);
    return { do: "pause", tenant, days: 1 + this.any(4), ahead, edge };
  }

  /** @param {string} tenant @param {number} edge @returns {any} */
  exemption(tenant, edge) {
    const server = this.one(["ex1.contoso.com", "ex2.contoso.com", "ex5.contoso.com"]);
    if (this.chance(0.4)) return { do: "unexempt", tenant, server, edge };
    return { do: "exempt", tenant, server, days: 1 + this.any(9), edge };
  }

  /** @param {number} edge @returns {any} */
  key(edge) {
    if (this.#keys.length > 0 && this.chance(0.5)) {
      const [name] = this.#keys.splice(this.any(this.#keys.length), 1);
      return { do: "revoke", name, edge };
    }
    this.#made += 1;
    this.#keys.push(`key-${this.#made}`);
    return { do: "key", name: `key-${this.#made}`, edge };
  }
}
