/**
 * A KV service for bare workerd, in a process of its own, with KV's real limits and faults on demand.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { adopt, endProcess } from "./processes.mjs";

const PROCESS = fileURLToPath(new URL("./kv-process.mjs", import.meta.url));

/**
 * What the service does with a request:
 * `ok`; `refuse`: nothing listens; `hang`: never answers; `500`; `truncated`: 200 and the first half of the body, as if
 * it were all; `cut`: 200, then the connection breaks half-way; `slow`: answers after `ms`; `unconfirmed`: does what is
 * asked, and answers as if it had failed; `forgotten` (of tests of tests): answers as if it had done what is asked.
 * @typedef {import("./kv-process.mjs").Mode} Mode
 */

/** @typedef {import("./kv-protocol.mjs").Kind} Kind */

/**
 * @typedef {object} Stats
 * @property {number} total
 * @property {Record<Kind, number>} requests
 * @property {Record<string, number>} statuses answers by status
 * @property {number} unanswered requests left hanging
 */

/**
 * @typedef {object} KvService
 * @property {number} port
 * @property {number} pid
 * @property {(mode: Mode, options?: { ms?: number, kinds?: Kind[], requests?: number }) => Promise<void>} setMode `kinds`:
 *   only these requests meet the fault (not with `refuse`); `requests`: only so many
 * @property {(seed: number) => Promise<{ port: number }>} second the way of a second edge: from now on both see each
 *   change up to a minute of `setClock`'s clock later, either in its own time
 * @property {(seconds: number) => Promise<void>} setClock
 * @property {(rate: number) => Promise<void>} setRate its second between two writes of a key is so many times shorter
 * @property {() => Promise<Stats>} stats since the start or the last `reset`
 * @property {() => Promise<import("./kv-process.mjs").LogEntry[]>} log the last 1,000 requests
 * @property {() => Promise<void>} reset empties counters and log
 * @property {() => Promise<{ name: string, value: string, metadata: unknown, expiration?: number }[]>} keys all that is
 *   stored, in order
 * @property {(key: string, value: string | null, metadata?: unknown) => Promise<void>} put stores (null: deletes) past
 *   all limits and counters
 * @property {() => Promise<void>} stop
 */

/**
 * @returns {Promise<KvService>}
 */
export async function startKv() {
  const child = fork(PROCESS, { execArgv: [] });
  adopt(child);
  const call = caller(child);
  const port = await call("start");
  return {
    port,
    pid: /** @type {number} */ (child.pid),
    setMode: (mode, { ms = 0, kinds, requests } = {}) =>
      call("fault", { mode, ms, kinds: kinds ?? null, requests: requests ?? null }),
    second: async (seed) => ({ port: await call("second", seed) }),
    setClock: (seconds) => call("clock", seconds),
    setRate: (rate) => call("rate", rate),
    stats: () => call("stats"),
    log: () => call("log"),
    reset: () => call("reset"),
    keys: () => call("keys"),
    put: (key, value, metadata) => call("put", { key, value, metadata }),
    stop: () => endProcess(child),
  };
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {(command: string, argument?: unknown) => Promise<any>}
 */
function caller(child) {
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const open = new Map();
  let last = 0;
  child.on("message", (/** @type {{ id: number, result?: unknown, error?: string }} */ message) => {
    const call = open.get(message.id);
    open.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result);
    else call?.reject(new Error(message.error));
  });
  child.on("exit", (code, signal) => {
    for (const call of open.values()) call.reject(new Error(`the KV service ended (${signal ?? code})`));
    open.clear();
  });
  return (command, argument) =>
    new Promise((resolve, reject) => {
      last += 1;
      open.set(last, { resolve, reject });
      child.send({ id: last, command, argument }, (error) => error && reject(error));
    });
}
