/** What hostile mail costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./support/reader.mjs";

const DATED = "From a@example.com Fri Nov  6 11:10:51 2026\n";

test("what a sender wrote takes time in proportion to its length", async () => {
  const fill = (/** @type {string} */ text) => text.repeat(Math.ceil((2 << 20) / text.length));
  for (const hostile of [
    DATED + fill("\r"),
    DATED + fill("From \n"),
    DATED + fill(DATED),
    DATED + fill("A: 1\n\n\x01\x01\x01\x01\n"),
    `${DATED}A: 1\nContent-Length: 99999999999\n\n${fill(`${DATED}A: 1\n\n`)}`,
    fill("\r"),
    fill("> "),
    fill(">\n"),
    fill(" "),
    fill("Received:"),
    fill("Received:\n\n"),
    fill("Received:\nx\n"),
    fill("Received: a\n\nb\n\n"),
    `Received: a\n\n${fill("b\n\n")}`,
    `Received: ${fill("(")}`,
    `Received: a 1:11 +0000${fill(" ")}`,
    `A${fill("-")}`,
    `A: ${fill("\u00a0")}`,
    fill("["),
    `[${fill('{"name":"Received","value":"x"},')}`,
    `{"a":${fill('{"a":')}`,
  ]) {
    const before = performance.now();
    await check(hostile);
    const took = performance.now() - before;
    assert.ok(took < 10_000, `${took} ms of ${JSON.stringify(hostile.slice(0, 60))}`);
  }
});
