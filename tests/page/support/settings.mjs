/** Tenants that the tests of settings make for themselves, with servers that have a past up to now. */
import assert from "node:assert/strict";
import { at, event, received, rfc3339, until } from "../../support/client.mjs";
import { ago, live } from "./lives.mjs";
import { world } from "./world.mjs";

/** The UTC day, so many from today. @param {number} [days] */
export function dayFromNow(days = 0) {
  return rfc3339(ago(-days)).slice(0, 10);
}

/** As the page writes it. @param {string} day such as `2026-12-01` */
export function shown(day) {
  const options = /** @type {const} */ ({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  return new Intl.DateTimeFormat("en-GB", options).format(at(`${day}T00:00:00Z`) * 1000);
}

/**
 * A tenant under `policy`, whose servers have been seen daily since `days` ago.
 * @param {string} tenant
 * @param {object} policy
 * @param {Record<string, { build: string, days?: number }>} [servers]
 */
export async function makeTenant(tenant, policy, servers = {}) {
  const { client } = await world();
  const machines = Object.entries(servers).map(([host, about]) => ({ host, ...about }));
  if (machines.length === 0) await client.putPolicy(tenant, policy, { now: ago(1) });
  else await live(client, tenant, { policy, machines });
}

/**
 * @param {string} tenant
 * @param {string} host
 * @param {string} build
 * @param {number} now
 */
export async function handOver(tenant, host, build, now) {
  const { client } = await world();
  const header = received({ host, build, now });
  const mail = event({ tenant, record: "sync", event_id: `${host}-${now}`, header });
  return until("the message is written down", async () => {
    const answer = await client.decide(mail, { now });
    return answer.recorded && answer;
  });
}

/**
 * The tests' key for a tenant.
 * @param {string} tenant
 * @param {"viewer" | "operator"} role
 * @returns {Promise<string>}
 */
export function keyOf(tenant, role) {
  const name = `${role} of ${tenant}`;
  const key = keys.get(name) ?? makeKey({ role, tenant, name });
  keys.set(name, key);
  return key;
}

/** @type {Map<string, Promise<string>>} */
const keys = new Map();

/** @param {{ role: string, tenant: string, name: string }} body */
async function makeKey(body) {
  const { client } = await world();
  const answer = await client.ask("POST", "/v1/keys", { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.key;
}

/**
 * Its text, blanks as one.
 * @param {import("playwright-core").Locator} locator
 */
export async function textOf(locator) {
  return ((await locator.first().textContent()) ?? "").replace(/\s+/g, " ").trim();
}
