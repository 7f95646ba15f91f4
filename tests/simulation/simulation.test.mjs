/**
 * Lists of mail, changes and faults that failed once: two edges that see KV in their own time, objects that are killed,
 * calls that are lost, doubled and overtaken. `make simulate` lives any order of them, as many as asked.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { tried } from "./simulate.mjs";

const KEPT = new URL("./kept/", import.meta.url);

for (const name of readdirSync(KEPT).filter((name) => name.endsWith(".json"))) {
  const { seed, list } = JSON.parse(readFileSync(new URL(name, KEPT), "utf8"));
  test(`what failed once holds: ${name}`, async () => {
    assert.deepEqual((await tried(list, seed)).failure, undefined);
  });
}
