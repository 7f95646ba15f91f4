/**
 * What Prometheus is told.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, received } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const NEWEST_RELEASE = "tidegate_catalog_newest_release_age_days";
const NOW = at("2026-10-01T12:00:00Z");

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** The sums by series. */
async function sums() {
  const { status, text, headers } = await client.ask("GET", "/metrics");
  assert.equal(status, 200, text);
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = text.trimEnd().split("\n");
  return new Map(
    lines
      .filter((line) => !line.startsWith("#"))
      .map((line) => {
        assert.match(line, /^tidegate_[a-z_]+(\{[a-z]+="[a-z0-9_]+"\})? \d+$/);
        const [series, sum] = line.split(" ");
        return /** @type {[string, number]} */ ([series, Number(sum)]);
      }),
  );
}

test("decisions, refused keys and requests are counted, and no tenant is named", async () => {
  const before = await sums();
  const tenant = "nameless";
  const message = event({ tenant, header: received({ host: "EX01.contoso.com", now: NOW }) });
  for (let index = 0; index < 3; index += 1) await client.decide(message, { now: NOW });
  const batch = await client.ask("POST", "/v1/decide/batch", { body: [message, message, {}], now: NOW });
  assert.equal(batch.status, 200);
  assert.equal((await client.ask("POST", "/v1/decide", { body: message, key: "wrong" })).status, 401);
  assert.equal((await client.ask("GET", "/v1/nothing")).status, 404);
  const after = await sums();
  const grown = (/** @type {string} */ series) => Number(after.get(series)) - Number(before.get(series));
  assert.equal(grown('tidegate_decisions_total{action="accept"}'), 5);
  assert.equal(grown("tidegate_keys_refused_total"), 1);
  assert.equal(grown('tidegate_requests_total{status="4xx"}'), 2);
  assert.equal(
    grown('tidegate_requests_total{status="2xx"}'),
    5,
    "the batch and the request before among them",
  );
  assert.equal(grown("tidegate_observations_dropped_total"), 0);
  const { text } = await client.ask("GET", "/metrics");
  assert.ok(!text.includes(tenant));
  for (const name of new Set([...after.keys()].map((series) => series.split("{")[0]))) {
    const type = name === NEWEST_RELEASE ? "gauge" : "counter";
    assert.ok(text.includes(`# HELP ${name} `) && text.includes(`# TYPE ${name} ${type}\n`), name);
  }
});

test("sums survive a restart, and are an admin's to see", async () => {
  const before = await sums();
  await dev.stop({ keepState: true });
  dev = await startDev({ stateDir: dev.stateDir, vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
  const accepted = 'tidegate_decisions_total{action="accept"}';
  assert.equal((await sums()).get(accepted), before.get(accepted));
  const { json } = await client.ask("POST", "/v1/keys", {
    body: { role: "operator", tenant: null, name: "x" },
    now: NOW,
  });
  assert.equal((await client.ask("GET", "/metrics", { key: json.key })).status, 403);
  assert.equal((await client.ask("GET", "/metrics", { key: null })).status, 401);
  assert.equal((await client.ask("POST", "/metrics")).status, 405);
});
