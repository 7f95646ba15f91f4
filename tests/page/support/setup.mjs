/**
 * What runs once before all test files of this folder (`--test-global-setup`): the demo's 120 days are lived, and their
 * state is kept for each file to begin with a copy of it.
 */
import { rmSync } from "node:fs";
import { fillDemo } from "./demo.mjs";

export async function globalSetup() {
  process.env.TIDEGATE_DEMO_STATE = await fillDemo();
}

export function globalTeardown() {
  rmSync(process.env.TIDEGATE_DEMO_STATE ?? "", { recursive: true, force: true });
}
