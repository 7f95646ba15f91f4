/** The readers of files and of pasted text, in Node: the page's own modules, and the package as make package builds it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const CHECK = fileURLToPath(new URL("../../../www/src/views/check/", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../../pkg/", import.meta.url));

/** @type {any} as make package builds it */
export const tidegate = await import(`${PACKAGE}node.js`);
/** @type {any} */
const { scanFile } = await import(`${PACKAGE}files/index.js`);

const folder = mkdtempSync(join(tmpdir(), "tidegate-check-"));
after(() => rmSync(folder, { recursive: true, force: true }));

await build({
  stdin: {
    contents: 'export { Run } from "./run";',
    resolveDir: CHECK,
  },
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  alias: { "engine.wasm": `${PACKAGE}tidegate_bg.wasm` },
  // Node fetches no files
  loader: { ".wasm": "dataurl" },
  logLevel: "warning",
});
/** @type {any} the modules have no types here */
const page = await import(join(folder, "stdin.mjs"));

/**
 * @typedef {object} Answer
 * @property {number} messages
 * @property {{ by: string, build: string | null }[]} servers in the order of their names
 * @property {string | null} problem
 * @property {boolean} mended
 * @property {any} header how a single message came
 * @property {number} unreadable
 */

/**
 * Checks a file, or pasted text, as the page does.
 * @param {Uint8Array<ArrayBuffer> | string | Blob} input
 * @returns {Promise<Answer>}
 */
export async function check(input) {
  const blob = input instanceof Blob ? input : new Blob([input]);
  /** @type {any} */
  let last = null;
  const tell = (/** @type {any} */ what) => {
    if (what.tell !== "progress") last = what;
  };
  const run = new page.Run({ id: 1, input: blob, baseline: "microsoft", at: "2026-11-22T12:00:00Z" }, tell);
  /** @type {string | null} */
  let problem = null;
  try {
    await run.read();
  } catch (error) {
    problem = /** @type {any} */ (error).kind ?? /** @type {any} */ (error).constructor.name;
  } finally {
    run.free();
  }
  const { servers = [], messages = 0, unreadable = 0, mended = false } = last?.result ?? {};
  return {
    messages,
    servers: servers
      .map((/** @type {any} */ { name, build }) => ({ by: name, build }))
      .sort((/** @type {any} */ a, /** @type {any} */ b) => (a.by < b.by ? -1 : 1)),
    problem,
    mended,
    header: last?.header ?? null,
    unreadable,
  };
}

/**
 * What the package's scanner makes of text that comes in pieces of that size; without one, of a file.
 * @param {Uint8Array<ArrayBuffer> | string} input
 * @param {number} [size]
 * @returns {Promise<any>}
 */
export async function scan(input, size) {
  const scanner = new tidegate.Scanner({ at: "2026-11-22T12:00:00Z" });
  const octets = Buffer.from(input);
  if (size) {
    for (let at = 0; at < octets.length; at += size) scanner.push(octets.subarray(at, at + size));
    scanner.finish();
  } else {
    for await (const _ of scanFile(new Blob([octets]), scanner));
  }
  const result = scanner.result();
  scanner.free();
  return result;
}
