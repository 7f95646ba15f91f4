/**
 * What a deployment ought to know and do, told in plain terms from what was asked of it and what it answered; and the
 * engine itself, as the npm package has it, for what a header shows and how it stands.
 */
import * as engine from "../../../pkg/node.js";
import { rfc3339 } from "../../support/client.mjs";
import { POLICIES } from "./operations.mjs";

export const DAY = 24 * 3600;
const MODES = ["off", "report", "enforce"];
/** Within which a message that comes again under its event id counts once, less a margin. */
const REPEATED_SECONDS = 9 * 60;
/** A batch may bear the clock of the first request whose message it carries. */
const BATCH_SECONDS = 3600;
export const ACTIONS = /** @type {const} */ (["accept", "defer", "reject"]);

/** A broken invariant. */
export class Violation extends Error {
  /**
   * @param {string} invariant
   * @param {unknown} details
   */
  constructor(invariant, details) {
    super(`${invariant}: ${JSON.stringify(details)}`);
    this.invariant = invariant;
  }
}

/**
 * @param {string} invariant
 * @param {boolean} holds
 * @param {() => unknown} details
 */
export function check(invariant, holds, details) {
  if (!holds) throw new Violation(invariant, details());
}

/** @typedef {{ accept: number, defer: number, reject: number }} Sums */
/** @typedef {{ from: number, until: number }} Time */

/** What a server's record may say, and what its tenant asked for it. */
export class Server {
  /** How many messages must be counted by now, and how many may. @type {Sums} */
  least = { accept: 0, defer: 0, reject: 0 };
  /** Those of which nobody knows whether they count, and how. */
  doubtful = 0;
  /** Those of them since it was quiet last. */
  doubtfulSince = 0;
  /** Answered, and sent to the ledger later: they count unless the worker is killed before. @type {{ action: keyof Sums, message: Message }[]} */
  later = [];
  /** When the first message was sent that was out of date by any policy in force then. @type {number | null} */
  firstFailed = null;
  /** The last message whose build met all and that was written down: as edges know it, and as the ledger does. */
  met = { at: Number.NEGATIVE_INFINITY, build: "" };
  metLately = this.met;
  /** Whether it ever showed a build that met the requirement. */
  hasMet = false;
  /** @type {Message | null} */
  last = null;
  /** @type {(Time & { isSettled: boolean })[]} */
  exemptions = [];

  /** @param {Sums} counted what is in the ledger's file */
  misses(counted) {
    return ACTIONS.some((action) => counted[action] < this.least[action]);
  }

  /** @param {Sums} counted */
  exceeds(counted) {
    const over = ACTIONS.map(
      (action) =>
        counted[action] - this.least[action] - this.later.filter((later) => later.action === action).length,
    );
    return over.reduce((sum, more) => sum + Math.max(more, 0), 0) > this.doubtful;
  }

  /** What is still on its way and comes again counts as the one or the other that comes first. @param {Message} message */
  doubtLater(message) {
    const others = this.later.filter((later) => later.message !== message);
    this.doubt(this.later.length - others.length);
    this.later = others;
  }

  /** @param {number} messages */
  doubt(messages) {
    this.doubtful += messages;
    this.doubtfulSince += messages;
  }

  /** The worker is gone: what it had not sent yet may be lost. */
  forgetLater() {
    this.doubt(this.later.length);
    this.later = [];
  }

  /** All that was sent has been taken in. */
  expectLater() {
    for (const { action } of this.later) this.least[action] += 1;
    this.later = [];
  }

  /**
   * Takes what is counted for what is so. What is doubtful now may still be counted, since nobody waits for it; what
   * was so the last time will not any more.
   * @param {Sums} counted
   */
  settle(counted) {
    for (const action of ACTIONS) {
      // a file that is read while it is written may show the past
      const more = Math.max(counted[action] - this.least[action], 0);
      this.least[action] += more;
      this.doubtful = Math.max(this.doubtful - more, 0);
    }
    this.doubtful = Math.min(this.doubtful, this.doubtfulSince);
    this.doubtfulSince = 0;
    this.met = this.metLately;
    for (const exemption of this.exemptions) exemption.isSettled = true;
  }
}

export class Tenant {
  /** Those that may be in force at some edge, the last one put last. */
  policies = [POLICIES[0]];
  /** @type {Map<string, Server>} */
  servers = new Map();
  /** @type {(Time & { id: number, isSettled: boolean })[]} */
  pauses = [];
  /** Whether all that stopped the clocks is known for certain. */
  isExact = true;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
    if (name === "auto") this.policies = [{ ...POLICIES[0], mode: "report" }];
  }

  /** @param {string} id */
  server(id) {
    const known = this.servers.get(id) ?? new Server();
    this.servers.set(id, known);
    return known;
  }

  get policy() {
    return /** @type {typeof POLICIES[0]} */ (this.policies.at(-1));
  }
}

/** The lower one. @param {string} one @param {string} other */
export function lower(one, other) {
  return MODES[Math.min(MODES.indexOf(one), MODES.indexOf(other))];
}

/**
 * How a message stands under a baseline by the engine.
 * @param {any} event
 * @param {string} baseline
 * @param {number} now
 * @returns {any}
 */
export function standing(event, baseline, now) {
  return engine.decide(event, { policy: { baseline }, now: rfc3339(now) }).standing;
}

/**
 * The stage of a server that has shown one build all its life, under a policy that never changed, by the engine.
 * @param {any} event
 * @param {any} policy
 * @param {{ detectedAt: string, pauses: Time[], exemptions: Time[], now: number }} past
 * @returns {any}
 */
export function stageOf(event, policy, { detectedAt, pauses, exemptions, now }) {
  const frozen = (/** @type {Time[]} */ times) =>
    times
      .filter(({ from, until }) => from < until)
      .map(({ from, until }) => ({ from: rfc3339(from), until: rfc3339(until) }));
  return engine.decide(event, {
    policy,
    detectedAt,
    pauses: frozen(pauses),
    exemptions: frozen(exemptions),
    now: rfc3339(now),
  }).stage;
}

/**
 * The place in the server's hour: below the block's minutes it rejects, below both it defers.
 * @param {string} tenant
 * @param {string} server
 * @param {number} now
 */
export function position(tenant, server, now) {
  let hash = 0xcbf29ce484222325n;
  for (const octet of Buffer.from(`${tenant}\0${server}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(octet)) * 0x100000001b3n);
  }
  return (Math.floor((now % 3600) / 60) + Number(hash % 60n)) % 60;
}

/**
 * What must be true of one answer, whatever failed and whatever of the past an edge has seen.
 * @param {{ tenant: Tenant, server: Server, mail: import("./operations.mjs").Mail, event: any, answer: any, now: number,
 *   ceilings: string[] }} asked `ceilings`: that may be in force at some edge
 */
export function checkAnswer({ tenant, server, mail, event, answer, now, ceilings }) {
  const told = () => ({ at: rfc3339(now), mail, answer });
  const { action, reply, stage } = answer;
  if (action === "accept") {
    check("an accept has no reply", reply === null, told);
    return;
  }
  check("what is degraded is accepted", !answer.degraded, told);
  check("the reply is that of the action", reply?.code === (action === "defer" ? 450 : 550), told);
  const failed = tenant.policies.some(
    ({ baseline }) => standing(event, baseline, now).state === "out_of_date",
  );
  check("mail that meets the requirement is never refused", failed, told);
  const modes = tenant.policies.flatMap(({ mode }) => ceilings.map((ceiling) => lower(mode, ceiling)));
  check("only where the tenant and the operator enforce is mail refused", modes.includes("enforce"), told);
  check("mail to postmaster is accepted", !mail.toPostmaster, told);
  const known = server.firstFailed ?? now;
  const isEarly = now - known < 7 * DAY - BATCH_SECONDS;
  check("nothing is refused within 7 days of the first message that was out of date", !isEarly, told);
  const { met } = server;
  const lately = now - met.at < 7 * DAY && mail.fresh;
  const stillMet = () =>
    tenant.policies.every(
      ({ baseline }) =>
        engine.assess(met.build, { baseline, at: rfc3339(now) }).standing.state !== "out_of_date",
    );
  check(
    "nothing is refused of a name that met the requirement within 7 days",
    !(lately && stillMet()),
    () => ({ met, ...told() }),
  );
  const isIn = (/** @type {Time & { isSettled: boolean }} */ time) =>
    time.isSettled && time.from <= now && now < time.until;
  check("nothing is refused in a pause", !tenant.pauses.some(isIn), told);
  check("nothing is refused of a server that is exempt", !(mail.fresh && server.exemptions.some(isIn)), told);
  check("what was long in a queue is not rejected", !(mail.queued && action === "reject"), told);
  const at = position(mail.tenant, mail.server, now);
  const { block_minutes: block, throttle_minutes: throttle } = stage;
  const closed =
    action === "reject" || mail.queued || mail.again
      ? at < block || (action === "defer" && at < block + throttle)
      : at >= block && at < block + throttle;
  check("what is refused is refused in a closed minute", closed, () => ({ position: at, ...told() }));
}

/**
 * A message on its way; the same one when it comes again.
 * @typedef {object} Message
 * @property {any} event
 * @property {number} at
 * @property {boolean} isCounted for certain
 */

/**
 * Notes what was sent and answered.
 * @param {Tenant} tenant
 * @param {import("./operations.mjs").Mail} mail
 * @param {{ message: Message, isAgain: boolean, now: number, answer: any | undefined }} asked without an answer: it was
 *   killed before
 */
export function note(tenant, mail, { message, isAgain, now, answer }) {
  const server = tenant.server(mail.server);
  const failed = tenant.policies.map(
    ({ baseline }) => standing(message.event, baseline, now).state === "out_of_date",
  );
  if (failed.includes(true)) server.firstFailed = Math.min(server.firstFailed ?? now, now);
  if (failed.includes(false)) server.hasMet = true;
  if (answer?.mode === "off") return;
  const isTaken = answer?.recorded === true;
  const isNamed = message.event.event_id !== undefined;
  const isKnown = isNamed && isAgain && mail.sync && message.isCounted && now - message.at < REPEATED_SECONDS;
  if (isKnown) return;
  if (isAgain && isNamed) server.doubtLater(message);
  if (isAgain) server.doubt(1);
  else if (isTaken) server.least[/** @type {keyof Sums} */ (answer.action)] += 1;
  else if (answer && !mail.sync && !answer.degraded) server.later.push({ action: answer.action, message });
  else server.doubt(1);
  if (!isAgain) message.isCounted = isTaken;
  if (isTaken && !failed.includes(true)) server.metLately = { at: now, build: mail.build };
}

/**
 * How many days of each calendar year pauses touch.
 * @param {Time[]} pauses
 * @returns {Map<number, number>}
 */
export function pausedDays(pauses) {
  const days = new Set();
  for (const { from, until } of pauses) {
    for (let day = from - (from % DAY); day < until; day += DAY) days.add(day);
  }
  const years = new Map();
  for (const day of days) {
    const year = new Date(day * 1000).getUTCFullYear();
    years.set(year, (years.get(year) ?? 0) + 1);
  }
  return years;
}
