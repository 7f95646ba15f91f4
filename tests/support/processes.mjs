/**
 * Child processes that tests start: each is ended by its process id and none outlives the test run.
 */
import { rmSync } from "node:fs";

/** Milliseconds between TERM and KILL. */
const GRACE_MS = 2000;

/** @type {Map<import("node:child_process").ChildProcess, string[]>} children and the folders to remove with them */
const live = new Map();

/**
 * Ends `child`, and removes `folders`, should this process end before `endProcess` was called.
 * @param {import("node:child_process").ChildProcess} child
 * @param {...string} folders
 */
export function adopt(child, ...folders) {
  if (live.size === 0) watchOwnEnd();
  live.set(child, folders);
}

/**
 * Ends a child: TERM, then KILL when it has not gone after two seconds. Resolves once it is gone.
 * @param {import("node:child_process").ChildProcess} child
 * @param {{ graceMs?: number }} [options] `graceMs: 0` kills at once
 * @returns {Promise<void>}
 */
export async function endProcess(child, { graceMs = GRACE_MS } = {}) {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    if (graceMs > 0) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await gone;
    clearTimeout(timer);
  }
  removeFolders(child);
}

/** @param {import("node:child_process").ChildProcess} child */
function removeFolders(child) {
  for (const folder of live.get(child) ?? []) rmSync(folder, { recursive: true, force: true });
  live.delete(child);
  if (live.size === 0) unwatchOwnEnd();
}

function killAll() {
  for (const child of [...live.keys()]) {
    child.kill("SIGKILL");
    removeFolders(child);
  }
}

/** @param {NodeJS.Signals} signal */
function onSignal(signal) {
  killAll();
  // Without a handler of ours the signal now has its usual effect, unless the program has one of its own.
  process.kill(process.pid, signal);
}

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

function watchOwnEnd() {
  process.on("exit", killAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function unwatchOwnEnd() {
  process.off("exit", killAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
