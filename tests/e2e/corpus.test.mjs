/**
 * Every block of data/received-samples.txt as a gateway would post it. The engine's own tests know it in more detail.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, event } from "../support/client.mjs";
import { startEdge } from "../support/edge.mjs";
import { samples } from "../support/samples.mjs";

/** The day for which the file says what each block yields. */
const NOW = "2026-11-22T12:00:00Z";

/** @type {import("../support/edge.mjs").Edge} */
let edge;
/** @type {Client} */
let client;

before(async () => {
  edge = await startEdge({ ledger: true });
  client = new Client(edge);
  await client.putPolicy("strict", { baseline: "strict" }, { now: NOW });
});
after(() => edge.stop());

for (const kind of new Set(samples().map((sample) => sample.kind))) {
  test(`real header fields are judged right: ${kind}`, async () => {
    for (const { n, header, yields } of samples().filter((sample) => sample.kind === kind)) {
      for (const baseline of ["microsoft", "strict"]) {
        const decision = await client.decide(event({ tenant: baseline, header }), { now: NOW });
        const { server, standing, evidence, action, degraded } = decision;
        const what = `block ${n}, ${baseline}: ${decision.why}`;
        assert.deepEqual([action, degraded], ["accept", false], what);
        const judged = yields.finding === "server";
        assert.equal(`${standing.state}:${standing.reason}`, judged ? yields[baseline] : yields.state, what);
        if (!judged) {
          assert.equal(server, null, what);
          continue;
        }
        const showsBuild = ["update", "lane"].includes(yields.shown);
        assert.deepEqual(
          server,
          {
            id: yields.by.toLowerCase(),
            name: yields.by,
            build: showsBuild ? yields.build : null,
            product: yields.product ?? null,
            cu: yields.cu ?? null,
            su: yields.su ?? null,
          },
          what,
        );
        assert.deepEqual([evidence.field, evidence.component], [0, yields.component], what);
      }
    }
  });
}
