/** axe-core's judgement of a page: what would keep people out who see little, hear little or use the keyboard alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** @param {import("playwright-core").Page} page */
export async function assertAccessible(page) {
  // evaluated by the debugger, which the page's security policy does not bind
  await page.evaluate(SOURCE);
  const found = await page.evaluate(async () => {
    // @ts-expect-error axe is there now
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map((/** @type {any} */ { id, help, nodes }) => ({
      id,
      help,
      where: nodes.map((/** @type {any} */ node) => node.target.join(" ")).slice(0, 5),
    }));
  });
  assert.deepEqual(found, []);
}
