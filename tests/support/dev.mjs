/**
 * Runs the built worker as `make dev` does: wrangler's proxy, workerd, local KV and Durable Objects, and the clock of the
 * tests' day, which requests may set.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { nowMs } from "./day.mjs";
import { PATIENCE } from "./edge.mjs";
import { endProcess } from "./processes.mjs";

const HOST = "127.0.0.1";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The script ends wrangler in steps of its own before it goes. */
const GRACE_MS = 15_000;
/** How much of the server's own output is kept. */
const OUTPUT_LINES = 500;

export const ADMIN_KEY = "test-admin-key";

/**
 * @typedef {object} Dev
 * @property {string} url such as `http://127.0.0.1:40123`, without a slash at its end
 * @property {number} port
 * @property {string} key the admin key
 * @property {string} stateDir
 * @property {() => string} output what server and worker have written so far
 * @property {(options?: { keepState?: boolean }) => Promise<void>} stop `keepState`: another one takes over `stateDir`
 */

/**
 * @param {{ stateDir?: string, vars?: Record<string, string> }} [options] `vars`: further variables of tools/dev.sh
 * @returns {Promise<Dev>}
 */
export async function startDev({ stateDir, vars = {} } = {}) {
  const state = stateDir ?? mkdtempSync(join(tmpdir(), "tidegate-dev-"));
  const port = await freePort();
  // It ends by itself once this process is gone, and everything that it started with it.
  const child = spawn("bash", [join(ROOT, "tools/dev.sh")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PORT: String(port),
      STATE_DIR: state,
      ADMIN_KEY,
      TEST_CLOCK: new Date(nowMs()).toISOString(),
      EXIT_WITH_PARENT: "1",
      DEADLINE_FACTOR: String(PATIENCE),
      ...vars,
    },
  });
  /** @type {string[]} */
  const lines = [];
  const ready = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        lines.splice(0, lines.length - OUTPUT_LINES);
        if (line.startsWith("Tidegate listens on ")) resolve(undefined);
      });
    }
    child.once("exit", () => reject(new Error(`the server did not start:\n${lines.join("\n")}`)));
  });
  const remove = () => rmSync(state, { recursive: true, force: true });
  try {
    await ready;
  } catch (error) {
    remove();
    throw error;
  }
  return {
    url: `http://${HOST}:${port}`,
    port,
    key: ADMIN_KEY,
    stateDir: state,
    output: () => lines.join("\n"),
    stop: async ({ keepState = false } = {}) => {
      await endProcess(child, { graceMs: GRACE_MS });
      if (!keepState) remove();
    },
  };
}

/** A port that nothing listens on right now. */
async function freePort() {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}
