/** Tenants of a test's own, with a past up to now. */
import { event, received, until } from "../../support/client.mjs";
import { now as testsNow } from "../../support/day.mjs";

export const HOUR = 3600;
export const DAY = 24 * HOUR;

/** Seconds since 1970, so many days ago. @param {number} days */
export function ago(days) {
  return Math.floor(testsNow() - days * DAY);
}

/**
 * @typedef {object} Machine
 * @property {string} host
 * @property {string} [build] none: it shows none
 * @property {number} [days] how long ago its first message came
 * @property {string} [address]
 */

/**
 * On which days before now a machine has sent a message: its first two, each of the last thirty, and now and then between.
 * @param {number} days
 */
function daysOfMail(days) {
  const all = Array.from({ length: days }, (_, index) => days - index);
  return all.filter((day, index) => index < 2 || day <= 30 || day % 7 === 0);
}

/**
 * Makes a tenant under `policy` whose machines have sent mail for so many days, up to now.
 * @param {import("../../support/client.mjs").Client} client
 * @param {string} tenant
 * @param {{ policy?: object, machines: Machine[] }} life
 */
export async function live(client, tenant, { policy = { mode: "enforce" }, machines }) {
  const longest = Math.max(...machines.map(({ days = 3 }) => days));
  await client.putPolicy(tenant, policy, { now: ago(longest + 1) });
  for (const { host, build, days = 3, address } of machines) {
    for (const day of daysOfMail(days)) {
      const now = ago(day) + HOUR;
      const header = received({ host, now, address, ...(build ? { build } : { kind: "no_build" }) });
      await until("the message is written down", async () => {
        const { recorded } = await client.decide(
          event({ tenant, event_id: `${host}-${day}`, record: "sync", header }),
          {
            now,
          },
        );
        return recorded;
      });
    }
  }
  await client.tick(tenant, { now: ago(0) });
}
