/**
 * The worker's two builds: as it is deployed, and with what tests move (the feature `test-hooks`).
 */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

export const RELEASED = fileURLToPath(new URL("build", ROOT));
export const WITH_HOOKS = fileURLToPath(new URL("target/worker-with-hooks", ROOT));
