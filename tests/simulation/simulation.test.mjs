/**
 * Mail, changes and faults in an order drawn by chance: two edges that see KV in their own time, objects that are killed,
 * calls that are lost, doubled and overtaken. And lists of them that failed once. `make simulate` lives as many as asked.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { simulate, tried } from "./simulate.mjs";

const KEPT = new URL("./kept/", import.meta.url);
const OPERATIONS = 2_000;
const SEED = Number(process.env.SEED || 1);

test(`${OPERATIONS} operations by chance break nothing (SEED=${SEED})`, async () => {
  const { done, leastRefused, failures } = await simulate({
    count: OPERATIONS,
    seed: SEED,
    say: console.log,
  });
  assert.deepEqual(failures, []);
  assert.ok(done >= OPERATIONS);
  assert.ok(leastRefused > 0, "in each list mail is refused");
});

describe("what failed once holds", { concurrency: true }, () => {
  for (const name of readdirSync(KEPT).filter((name) => name.endsWith(".json"))) {
    const { seed, list } = JSON.parse(readFileSync(new URL(name, KEPT), "utf8"));
    test(name, async () => {
      assert.deepEqual((await tried(list, seed)).failure, undefined);
    });
  }
});
