/**
 * The first admin key is a secret of the deployment: it is replaced without a gap, and a short one is warned of.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startEdge } from "../support/edge.mjs";

const [LONG, NEXT] = ["0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2)];

/** @type {import("../support/edge.mjs").Edge[]} */
const edges = [];
after(() => Promise.all(edges.map((edge) => edge.stop())));

/** @param {Record<string, string>} vars */
async function edgeWith(vars) {
  const edge = await startEdge({ vars, ledger: true });
  edges.push(edge);
  return edge.client;
}

test("while an admin key is replaced, both work and nothing else does", async () => {
  const client = await edgeWith({ ADMIN_KEY: LONG, ADMIN_KEY_NEXT: NEXT });
  const status = async (/** @type {string} */ key) => (await client.ask("GET", "/v1/keys", { key })).status;
  assert.deepEqual(
    await Promise.all([LONG, NEXT, `${LONG}0`, NEXT.slice(1), ""].map(status)),
    [200, 200, 401, 401, 401],
  );
  assert.deepEqual((await client.ask("GET", "/v1/health")).json.warnings, []);
});

test("a short admin key still works, and health says that the next release refuses it", async () => {
  for (const [vars, name] of /** @type {[Record<string, string>, string][]} */ ([
    [{ ADMIN_KEY: "short" }, "ADMIN_KEY"],
    [{ ADMIN_KEY: LONG, ADMIN_KEY_NEXT: "short" }, "ADMIN_KEY_NEXT"],
  ])) {
    const client = await edgeWith(vars);
    assert.equal((await client.ask("GET", "/v1/keys", { key: "short" })).status, 200);
    const { warnings } = (await client.ask("GET", "/v1/health")).json;
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], new RegExp(`^${name} is shorter than 32 octets`));
  }
});
