/**
 * What must be true once nothing fails any more and nothing is under way: all that was acknowledged is counted once, KV
 * holds what the objects hold, and edges and ledger derive the same from it.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { at, event, received, rfc3339, until } from "../../support/client.mjs";
import { lower, note, pausedDays, stageOf, Violation } from "./model.mjs";
import { RATE } from "./rate.mjs";

/** @typedef {import("./world.mjs").World} World */

/** What is collected leaves by then, and has been taken in by then, unless it failed. */
const [COLLECTED_MS, SENT_MS] = [900 / RATE, 1_300 / RATE];
/** Looks into files and into KV come so far apart. */
const LOOK_MS = 40;
/** KV's changes are seen everywhere by then. */
const SEEN_SECONDS = 61;
const PUMP = "ex3.contoso.com";

/** @param {World} world */
export async function beQuiet(world) {
  await world.mend();
  await recorded(world);
  await world.pass(SEEN_SECONDS);
  // whatever is due by this clock is done first, and told to KV
  for (const name of world.tenants.keys()) await world.clients[0].servers(name, { now: world.now });
  await published(world);
  await keysFollowed(world);
  await world.pass(SEEN_SECONDS);
  await pumped(world); // the objects see KV by the first edge's cache
  await sameEverywhere(world);
  await pausesKept(world);
  const { statuses } = await world.kv.stats();
  // when it put a key last is not known to an object that begins again: KV then refuses once, and is told a second later
  const isWithin = (statuses["429"] ?? 0) <= world.justTold;
  world.check("KV is asked for no more than it allows", isWithin, () => ({
    statuses,
    justTold: world.justTold,
  }));
  for (const tenant of world.tenants.values()) {
    tenant.policies = [tenant.policy];
    for (const pause of tenant.pauses) pause.isSettled = true;
  }
  world.ceilings = world.ceilings.slice(-1);
}

/**
 * Waits until all that was acknowledged is counted, and nothing is on its way to the ledgers: of each edge and tenant a
 * message has arrived behind all others.
 * @param {World} world
 */
export async function sent(world) {
  const start = performance.now();
  let [pumps, again, wait] = [await pumped(world), start + SENT_MS, SENT_MS];
  let last = /** @type {any} */ (undefined);
  const isSent = async () => {
    for (const { servers } of world.tenants.values()) {
      for (const server of servers.values()) server.expectLater();
    }
    last = underWay(pumps, await world.edge.worker.ways());
    // nothing follows what cannot be written down
    if (!last && performance.now() - start < COLLECTED_MS && pumps.some(({ isRecorded }) => !isRecorded))
      last = { pumps };
    last ??= [...world.tenants.keys()].reduce(
      (/** @type {any} */ found, name) => found ?? missing(world, name),
      undefined,
    );
    if (last && performance.now() > again) {
      // a batch that failed is sent again by a later request; a busy machine needs longer to take all of them in
      await world.pass(1);
      pumps = await pumped(world);
      wait *= 2;
      again = performance.now() + wait;
      return false;
    }
    return !last;
  };
  await until("all that was acknowledged is counted", isSent, { ms: world.patience, every: LOOK_MS }).catch(
    () => {
      throw new Violation("what was acknowledged is counted", last);
    },
  );
}

/**
 * @param {Pump[]} pumps
 * @param {Awaited<ReturnType<import("../../support/workerd.mjs").Workerd["ways"]>>} ways
 */
function underWay(pumps, ways) {
  const behind = pumps.find(({ tenant, at }) => {
    const due = pumps.filter((pump) => pump.tenant === tenant && pump.isRecorded);
    return ways.filter((way) => way.tenant === tenant && way.latest >= at).length < due.length;
  });
  return behind ?? ways.find(({ isHad }) => !isHad);
}

/**
 * As `sent`, and holds what is counted against what may be.
 * @param {World} world
 */
async function recorded(world) {
  await sent(world);
  for (const name of world.tenants.keys()) {
    const over = await stays(() => exceeding(world, name));
    world.check("nothing is counted twice", !over, () => over ?? {});
    const split = await stays(() => unequal(world, name));
    world.check("hours, days and months count the same", !split, () => split ?? {});
    for (const [id, server] of world.tenant(name).servers)
      server.settle(countsOf(world, name).get(id) ?? NONE);
  }
}

/** What is found twice, a moment apart: a file may be read while it is written. @template T @param {() => T} find */
async function stays(find) {
  if (!find()) return undefined;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return find();
}

const NONE = { accept: 0, defer: 0, reject: 0 };

/** @typedef {{ tenant: string, at: number, isRecorded: boolean }} Pump `isRecorded`: a batch will bring it */

/**
 * A message for each tenant at each edge: what failed before is sent along.
 * @param {World} world
 * @returns {Promise<Pump[]>}
 */
export async function pumped(world) {
  const mails = [...world.tenants.keys()].flatMap((tenant) =>
    [0, 1].map((edge) => ({ tenant, server: PUMP, build: "15.1.2507.61", edge, sync: false, fresh: true })),
  );
  const at = world.now;
  const pump = async (/** @type {import("./operations.mjs").Mail} */ mail) => {
    const answer = await world.mail(mail);
    return { tenant: mail.tenant, at, isRecorded: answer.mode !== "off" && !answer.degraded };
  };
  return Promise.all(mails.map(pump));
}

/** @param {World} world @param {string} tenant */
function countsOf(world, tenant) {
  return world.ledgers.of(tenant)?.counts ?? new Map();
}

/** @param {World} world @param {string} tenant */
function missing(world, tenant) {
  const counts = countsOf(world, tenant);
  for (const [id, server] of world.tenant(tenant).servers) {
    const counted = counts.get(id) ?? NONE;
    if (server.misses(counted)) return { tenant, id, counted, least: server.least };
  }
  return undefined;
}

/** @param {World} world @param {string} tenant */
function exceeding(world, tenant) {
  for (const [id, counted] of countsOf(world, tenant)) {
    const server = world.tenant(tenant).server(id);
    if (server.exceeds(counted))
      return { tenant, id, counted, least: server.least, doubtful: server.doubtful };
  }
  return undefined;
}

/** @param {World} world @param {string} tenant */
function unequal(world, tenant) {
  const [daily, ...others] = world.ledgers.of(tenant)?.sums ?? [];
  return others.every((other) => isDeepStrictEqual(daily, other)) ? undefined : { tenant, daily, others };
}

/** Waits until KV holds the policy and the phases that each ledger holds. @param {World} world */
async function published(world) {
  /** @type {unknown} */
  let last;
  const isPublished = async () => {
    const kept = new Map((await world.kv.keys()).map(({ name, value }) => [name, value]));
    last = [...world.tenants.keys()].reduce(
      (/** @type {unknown} */ found, name) => found ?? unpublished(world, name, kept),
      undefined,
    );
    const control = JSON.parse(kept.get("control/mode") ?? "{}");
    if ((control.mode ?? "enforce") !== world.ceilings.at(-1)) last ??= { key: "control/mode", control };
    return !last;
  };
  await until("KV holds what the objects hold", isPublished, { ms: world.patience, every: LOOK_MS }).catch(
    () => {
      throw new Violation("KV holds what the objects hold once it is quiet", last);
    },
  );
}

/** @param {World} world @param {string} tenant @param {Map<string, string>} kept */
function unpublished(world, tenant, kept) {
  const ledger = world.ledgers.of(tenant);
  if (!ledger) return { tenant, ledger };
  for (const [key, json] of ledger.published) {
    const found = kept.get(key);
    if (found === json) continue;
    if (!found || !isDeepStrictEqual(known(found), known(json))) return { key, held: json, found };
  }
  const due = new Map(ledger.published);
  const extra = [...kept.keys()].find((key) => key.startsWith(`phase/${tenant}/`) && !due.has(key));
  return extra && { key: extra, held: null };
}

/** A document without what the next release knows of it alone. @param {string} json */
function known(json) {
  return JSON.parse(json, (name, value) => (name === "next" ? undefined : value));
}

/** Waits until both edges know each key that lives, and none that was revoked. @param {World} world */
async function keysFollowed(world) {
  /** @type {unknown} */
  let last;
  const isFollowed = async () => {
    last = undefined;
    for (const [name, { key, edge: made, isPublished, isRevoked }] of world.keys) {
      for (const [edge, client] of world.clients.entries()) {
        const body = event({ tenant: "plain", header: "Subject: none\r\n" });
        const answer = await client.ask("POST", "/v1/decide", { body, key, now: world.now, fresh: true });
        const { status, json } = answer;
        // an edge that was not told of its end doubts it for 90 s of the real clock
        const letsIn = status === 200 && !json.degraded;
        // who made a key believes in it for 90 s of the real clock, until KV has it
        const isBelieved = edge === made && !isPublished;
        if (isRevoked ? letsIn && !isBelieved : status !== 200) last = { name, edge, isRevoked, status };
      }
    }
    if (last) await world.pass(10);
    return !last;
  };
  await until("both edges know the keys", isFollowed, { ms: world.patience, every: 200 }).catch(() => {
    throw new Violation("a key that lives works at both edges, and a revoked one at none", last);
  });
  for (const key of world.keys.values()) key.isPublished ||= !key.isRevoked;
}

/** Asks both edges and the ledger where each server stands. @param {World} world */
async function sameEverywhere(world) {
  await Promise.all([...world.tenants.values()].map((tenant) => sameOf(world, tenant)));
}

/** @param {World} world @param {import("./model.mjs").Tenant} tenant */
async function sameOf(world, tenant) {
  const items = await world.clients[0].servers(tenant.name, { now: world.now });
  const mode = lower(tenant.policy.mode, /** @type {string} */ (world.ceilings.at(-1)));
  const one = async (/** @type {any} */ shown) => {
    const build = shown.build ?? "15.1.2507.39";
    const decisions = await Promise.all(
      [0, 1].map((edge) => probe(world, tenant, { server: shown.id, build, edge })),
    );
    for (const decision of decisions) compare(world, tenant, { shown, decision, mode });
    if (mode !== "off") againstEngine(world, tenant, shown, build);
  };
  await Promise.all(items.map(one));
}

/**
 * One more message as the server's last ones.
 * @param {World} world
 * @param {import("./model.mjs").Tenant} tenant
 * @param {{ server: string, build: string, edge: number }} of
 */
async function probe(world, tenant, of, tries = 5) {
  const { server, build, edge } = of;
  const { now } = world;
  const asked = event({ tenant: tenant.name, header: stamp(server, build, now - edge) });
  const answer = await world.clients[edge].decide(asked, { now, fresh: true });
  const message = { event: asked, at: now, isCounted: false };
  const mail = { tenant: tenant.name, server, build, edge, sync: false, fresh: true };
  note(tenant, mail, { message, isAgain: false, now, answer });
  // a machine under load is late by itself
  if (answer.degraded && answer.why.includes("in time") && tries > 1)
    return probe(world, tenant, of, tries - 1);
  return answer;
}

/** @param {string} server @param {string} build @param {number} now */
function stamp(server, build, now) {
  return received({
    host: server.replace("ex", "EX"),
    now,
    build,
    address: `10.53.${build.split(".").at(-1)}.1`,
  });
}

/** @param {World} world @param {import("./model.mjs").Tenant} tenant @param {{ shown: any, decision: any, mode: string }} of */
function compare(world, tenant, { shown, decision, mode }) {
  const details = () => ({ tenant: tenant.name, shown, decision, mode });
  world.check("an edge whose stores work is not degraded", !decision.degraded, details);
  world.check(
    "the mode is the lower one of the tenant's and the operator's",
    decision.mode === mode,
    details,
  );
  const isPaused = tenant.pauses.some(({ from, until }) => from <= world.now && world.now < until);
  world.check("edges know of a pause", (decision.paused_until !== null) === isPaused, () => ({
    pauses: tenant.pauses,
    ...details(),
  }));
  if (mode === "off") return;
  if (shown.stage === null) {
    world.check(
      "a server that the ledger accuses of nothing is accepted",
      decision.action === "accept",
      details,
    );
    return;
  }
  const place = (/** @type {any} */ stage) =>
    stage && [stage.number, stage.since, stage.throttle_minutes, stage.block_minutes, stage.next?.at];
  world.check(
    "edge and ledger derive the same stage",
    isDeepStrictEqual(place(decision.stage), place(shown.stage)),
    details,
  );
  const isExempt = (decision.exempt_until ?? null) === (shown.exempt_until ?? null);
  world.check("edge and ledger know the same exemption", isExempt, details);
}

/**
 * Where a server that never was but out of date stands under a policy that never changed, is the engine's to say.
 * @param {World} world
 * @param {import("./model.mjs").Tenant} tenant
 * @param {any} shown
 * @param {string} build
 */
function againstEngine(world, tenant, shown, build) {
  const server = tenant.server(shown.id);
  if (tenant.name !== "plain" || server.hasMet || shown.detected_at === null || !shown.stage) return;
  const asked = event({ tenant: tenant.name, header: stamp(shown.id, build, world.now) });
  const { pauses } = tenant;
  const detected = at(shown.detected_at);
  const times = [
    ...pauses,
    ...world.braked.map((time) => ({ ...time, until: Math.min(time.until, world.now + 1) })),
  ];
  const past = {
    detectedAt: shown.detected_at,
    pauses: times,
    exemptions: server.exemptions,
    now: world.now,
  };
  const stage = stageOf(asked, tenant.policy, past);
  world.check("the ledger's stage is the engine's", stage?.number === shown.stage.number, () => ({
    shown,
    stage,
    past,
    detected,
  }));
}

/** The ledger lists the pauses that were granted, and no more days than may be. @param {World} world */
async function pausesKept(world) {
  for (const [name, { pauses, policy }] of world.tenants) {
    const { status, json } = await world.clients[1].ask("GET", `/v1/tenants/${name}/pauses?limit=100`, {
      now: world.now,
    });
    assert.equal(status, 200);
    world.check("all pauses are listed", json.items.length === pauses.length, () => ({ name, pauses, json }));
    const days = pausedDays(pauses);
    const used = json.budget.years.map((/** @type {any} */ year) => [year.year, year.used]);
    const isSame = used.every(
      (/** @type {[number, number]} */ [year, count]) => (days.get(year) ?? 0) === count,
    );
    world.check("the days that pauses touch are counted", isSame, () => ({
      name,
      at: rfc3339(world.now),
      pauses,
      budget: json.budget,
    }));
    const granted = name === "auto" ? 90 : policy.pause_days_per_year;
    world.check(
      "pauses stay within the budget",
      used.every(([, count]) => count <= granted),
      () => ({ name, used }),
    );
  }
}
