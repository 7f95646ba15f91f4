/**
 * How old the catalog is: without new releases in it, servers that lag behind count as up to date.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, rfc3339 } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const DAY = 24 * 3600;

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** What the operator was told by then, newest first. @param {number} now */
async function told(now) {
  const tick = await client.ask("POST", "/v1/test/tick", { now });
  assert.equal(tick.status, 204, tick.text);
  const { json } = await client.ask("GET", "/v1/notifications", { now });
  return json.items.map((/** @type {any} */ { at, kind, text }) => `${at} ${kind}: ${text}`);
}

test("the operator is told of a catalog without a release of the last 45 days, and again every 30 days", async () => {
  const { catalog, newest_release } = (
    await client.ask("GET", "/v1/catalog", { now: "2026-10-02T12:00:00Z" })
  ).json;
  const { build, release_date } = newest_release;
  const dates = catalog.releases.map((/** @type {any} */ release) => release.release_date).sort();
  assert.equal(release_date, dates.at(-1));
  assert.ok(catalog.releases.some((/** @type {any} */ release) => release.build === build));

  const stale = at(`${release_date}T00:00:00Z`) + 45 * DAY;
  assert.deepEqual(await told(stale - 1), []);
  const [first, ...others] = await told(stale);
  assert.deepEqual(others, []);
  assert.ok(first.startsWith(`${rfc3339(stale)} catalog.stale: `) && first.includes("45 days ago"), first);
  assert.deepEqual(await told(stale + 30 * DAY - 1), [first]);
  assert.equal((await told(stale + 30 * DAY)).length, 2);

  const later = (await client.ask("GET", "/v1/catalog", { now: stale })).json;
  assert.equal(later.newest_release.age_days, 45);
  const metrics = await client.ask("GET", "/metrics", { now: stale });
  assert.match(metrics.text, /^tidegate_catalog_newest_release_age_days 45$/m);
});

test("a release that is put at run time makes the catalog young again", async () => {
  const now = at("2027-06-01T12:00:00Z");
  const { catalog } = (await client.ask("GET", "/v1/catalog", { now })).json;
  const newer = { ...catalog.releases.at(-1), build: "15.2.2562.999", release_date: "2027-05-31" };
  const body = { ...catalog, releases: [...catalog.releases, newer] };
  const put = await client.ask("PUT", "/v1/catalog", { now, body });
  assert.equal(put.status, 200, put.text);
  const { newest_release } = (await client.ask("GET", "/v1/catalog", { now })).json;
  assert.deepEqual(newest_release, { build: "15.2.2562.999", release_date: "2027-05-31", age_days: 1 });
  const before = await told(now);
  assert.deepEqual(await told(now + 40 * DAY), before);
  assert.equal((await told(now + 44 * DAY + DAY)).length, before.length + 1);
});
