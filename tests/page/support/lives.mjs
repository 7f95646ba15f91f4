/** Tenants of a test's own, with a past up to now. */
import { event, received, until } from "../../support/client.mjs";

export const HOUR = 3600;
export const DAY = 24 * HOUR;

/** Seconds since 1970, so many days ago. @param {number} days */
export function ago(days) {
  return Math.floor(Date.now() / 1000 - days * DAY);
}

/**
 * @typedef {object} Machine
 * @property {string} host
 * @property {string} [build] none: it shows none
 * @property {number} [days] how long ago its first message came
 * @property {string} [address]
 */

/**
 * Makes a tenant under `policy` whose machines have sent a message a day, up to now.
 * @param {import("../../support/client.mjs").Client} client
 * @param {string} tenant
 * @param {{ policy?: object, machines: Machine[] }} life
 */
export async function live(client, tenant, { policy = { mode: "enforce" }, machines }) {
  const longest = Math.max(...machines.map(({ days = 3 }) => days));
  await client.putPolicy(tenant, policy, { now: ago(longest + 1) });
  for (const { host, build, days = 3, address } of machines) {
    for (let day = days; day > 0; day -= 1) {
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
