/**
 * A tenant that is as large as tenants get: further servers are answered and not written down, known ones go on.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { event, received } from "../support/client.mjs";
import { makeCrowd } from "../support/crowded-ledger.mjs";
import { BLOCKED, KEY, startEdge } from "../support/edge.mjs";

const TENANT = "crowded";
const SERVERS = 25_000;

/** @type {string} */
let stateDir;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-crowd-"));
  // one is missing
  const crowd = { stateDir, tenant: TENANT, key: KEY, servers: SERVERS - 1, now: BLOCKED };
  await makeCrowd(crowd);
  edge = await startEdge({ patient: true, stateDir });
  await edge.client.tick(TENANT, { now: BLOCKED });
});
after(async () => {
  await edge.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** @param {string} host */
async function recorded(host) {
  const header = received({ host, now: BLOCKED });
  const decision = await edge.client.decide(event({ tenant: TENANT, record: "sync", header }), {
    now: BLOCKED,
  });
  assert.equal(decision.degraded, false, decision.why);
  return decision.recorded;
}

test("a tenant has room for 25,000 servers, and those count on when it is full", async () => {
  assert.equal(await recorded("EX99999.contoso.com"), true);
  assert.equal(await recorded("ONE-TOO-MANY.contoso.com"), false);
  assert.equal(await recorded("EX00017.contoso.com"), true);
  assert.equal(await recorded("EX99999.contoso.com"), true);
  const { json } = await edge.client.ask("GET", `/v1/tenants/${TENANT}`, { now: BLOCKED });
  const { current, out_of_date, unknown } = json.servers;
  assert.equal(current + out_of_date + unknown, SERVERS);
  assert.equal(json.last_day.accept + json.last_day.defer + json.last_day.reject, 3);
});

test("that there is no room is told once a day, with the name of the first that has none", async () => {
  const told = async () => {
    const path = `/v1/tenants/${TENANT}/notifications?limit=1000`;
    const { items } = (await edge.client.ask("GET", path)).json;
    return items.filter((/** @type {any} */ { kind }) => kind === "bound.servers");
  };
  const [first] = await told();
  assert.match(first.text, /25000 servers.* one-too-many\.contoso\.com/);
  assert.equal(await recorded("ANOTHER-TOO-MANY.contoso.com"), false);
  assert.equal((await told()).length, 1);
  const { text } = await edge.client.ask("GET", "/metrics");
  assert.match(text, /^tidegate_unrecorded_total\{bound="servers"\} 2$/m);
  assert.match(edge.worker.output(), /bound\.servers: /);
});

test("the room that a server leaves is there for another one", async () => {
  const path = `/v1/tenants/${TENANT}/servers/ex00017.contoso.com`;
  assert.equal((await edge.client.ask("DELETE", path, { now: BLOCKED })).status, 204);
  assert.equal(await recorded("ONE-TOO-MANY.contoso.com"), true);
  assert.equal(await recorded("TWO-TOO-MANY.contoso.com"), false);
});
