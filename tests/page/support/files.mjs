/** Files as a reader has them: in a folder of the system's, which goes with the test. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * @param {import("node:test").TestContext} test
 * @returns {string} the folder
 */
export function folder(test) {
  const path = mkdtempSync(join(tmpdir(), "tidegate-page-"));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/**
 * @param {import("node:test").TestContext} test
 * @param {string} name
 * @param {string | Buffer} content
 * @returns {string} where it is
 */
export function file(test, name, content) {
  const path = join(folder(test), name);
  writeFileSync(path, content);
  return path;
}

/**
 * Drags a file from the desktop over the page, and lets it fall.
 * @param {import("playwright-core").Page} page
 * @param {string[]} files
 * @param {() => Promise<void>} over what is to be seen while it hovers
 */
export async function drop(page, files, over = async () => {}) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  const at = { x: 200, y: 300, data };
  await session.send("Input.dispatchDragEvent", { type: "dragEnter", ...at });
  await session.send("Input.dispatchDragEvent", { type: "dragOver", ...at });
  await over();
  await session.send("Input.dispatchDragEvent", { type: "drop", ...at });
  await session.detach();
}
