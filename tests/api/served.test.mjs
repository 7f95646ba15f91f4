/**
 * The worker's own document, as anyone gets it who asks the worker.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Client } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";
import { assertDeclared, FILE } from "./document.mjs";

/** @type {import("../support/dev.mjs").Dev} */
let dev;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
});
after(() => dev?.stop());

test("who has no key yet can read what the API is", async () => {
  const answer = await new Client(dev).ask("GET", "/openapi.json", { key: null });
  assert.equal(answer.text, readFileSync(FILE, "utf8"));
  assertDeclared("getOpenapi", answer);
});
