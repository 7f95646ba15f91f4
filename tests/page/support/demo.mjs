/** A worker that has lived the demo's 120 days, up to the tests' own moment. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rfc3339 } from "../../support/client.mjs";
import { now } from "../../support/day.mjs";
import { startDev } from "../../support/dev.mjs";

const DEMO = fileURLToPath(new URL("../../../tools/demo.mjs", import.meta.url));
const VARS = { LOG_LEVEL: "warn" };

/** Lives the demo. @returns {Promise<string>} the folder of its state, which the caller removes */
export async function fillDemo() {
  const dev = await startDev({ vars: VARS });
  await promisify(execFile)(process.execPath, [DEMO, dev.url, dev.key, rfc3339(now())]);
  await dev.stop({ keepState: true });
  return dev.stateDir;
}

/** Starts a worker on a state of its own: a copy of what was filled before all files, or filled here for one that runs alone. */
export async function startDemo() {
  const filled = process.env.TIDEGATE_DEMO_STATE;
  if (!filled) return startDev({ stateDir: await fillDemo(), vars: VARS });
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-demo-"));
  cpSync(filled, stateDir, { recursive: true });
  return startDev({ stateDir, vars: VARS });
}
