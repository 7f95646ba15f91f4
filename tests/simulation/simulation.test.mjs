/**
 * Any order of mail, changes and faults: two edges that see KV in their own time, objects that are killed, calls that are
 * lost, doubled and overtaken. Lists that failed once are kept and lived first.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { simulate, tried } from "./simulate.mjs";

const OPERATIONS = Number(process.env.OPERATIONS || 2_000);
const KEPT = new URL("./kept/", import.meta.url);

for (const name of readdirSync(KEPT).filter((name) => name.endsWith(".json"))) {
  const { seed, list } = JSON.parse(readFileSync(new URL(name, KEPT), "utf8"));
  test(`what failed once holds: ${name}`, async () => {
    assert.deepEqual((await tried(list, seed)).failure, undefined);
  });
}

test(`${OPERATIONS} messages, changes and faults in any order break no rule`, async (t) => {
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 32));
  t.diagnostic(`SEED=${seed}`);
  const { done, refused, failures } = await simulate({
    count: OPERATIONS,
    seed,
    say: (text) => t.diagnostic(text),
  });
  t.diagnostic(`${done} operations, ${refused} messages refused`);
  assert.deepEqual(
    failures.map(({ invariant, seed }) => ({ invariant, seed })),
    [],
  );
  assert.ok(refused > 0, "some mail was refused");
});
