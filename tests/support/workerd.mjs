/**
 * Runs a built worker on bare workerd, the runtime itself without any development proxy before it.
 */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { embed, toCapnp, VOID } from "./capnp.mjs";
import { adopt, endProcess } from "./processes.mjs";

/** How long workerd may take until its worker has answered for the first time. */
const START_TIMEOUT_MS = 20_000;
/** How much of workerd's own output is kept. */
const OUTPUT_CHARS = 64 * 1024;

const HOST = "127.0.0.1";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FAULTY_LEDGER = fileURLToPath(new URL("./faulty-ledger.worker.mjs", import.meta.url));

/**
 * @typedef {object} WorkerdOptions
 * @property {string} build folder that worker-build wrote: `index.js` and the `.wasm` files beside it, and `entry.js` if it has one
 * @property {Record<string, string>} [vars] text bindings, such as ADMIN_KEY, ENVIRONMENT, AUTO_TENANTS, MODE_CEILING
 * @property {{ port: number }} [kv] the KV service behind the binding STATE; without it there is no such binding
 * @property {boolean} [ledger] binds LEDGER and OPERATOR to the worker's Durable Object classes, with SQLite
 * @property {string} [stateDir] folder of the Durable Objects' data; without it they end with this workerd
 * @property {boolean} [faultyLedger] puts a relay before the objects whose faults `setLedgerMode` and `setOperatorMode`
 *   switch
 * @property {boolean} [secondEdge] runs the worker a second time, in an isolate of its own, before the same objects
 * @property {{ port: number }} [secondKv] the KV service as the second edge sees it; without it as the first one does
 * @property {{ port: number }} [outbound] the server that all of the worker's own requests reach, whatever their host
 * @property {boolean} [shortLived] spares what V8 does for code that runs for long
 * @property {number} [port] a fixed port, for a restart at the same address; else a free one
 * @property {string} [readyPath] path of the first request, which must be answered, with whatever status
 * @property {string} [compatibilityDate] default: that of wrangler.toml
 */

/**
 * What the relay does with what the ledger is asked:
 * `ok`; `throw`; `hang`: never passes on; `error`: 500; `truncated`: passes on, half of the answer comes back; `drop`:
 * passes a batch on, but its answer never comes back; `hold`: holds each tenant's first batch back until the next
 * switch, while everything else passes; `far`: passes on after `ms`; `unanswered`: passes on, and fails; `late`: passes on
 * after longer than a receipt is awaited; `twice`: passes a batch that bears a number on twice; `unconfirmed`: passes such a
 * one on, and fails. And what no network does, for tests of tests: `renumbered`: twice, as if another isolate had sent it
 * too; `forgotten`: answers a batch as taken, and does not pass it on.
 * @typedef {"ok" | "far" | "throw" | "hang" | "error" | "truncated" | "drop" | "hold" | "unanswered" | "late" | "twice" |
 *   "unconfirmed" | "renumbered" | "forgotten" | "before" | "uncopied" | "unanswered_copy"} LedgerMode
 */

/**
 * @typedef {object} Workerd
 * @property {string} url such as `http://127.0.0.1:40123`, without a slash at its end
 * @property {number} port
 * @property {number} pid
 * @property {() => Promise<void>} stop TERM, then KILL after two seconds; removes the temporary folder
 * @property {() => Promise<void>} kill KILL at once, as a crash would
 * @property {() => string} output what workerd and the worker have written so far (the last 64 K)
 * @property {(mode: LedgerMode, options?: { ms?: number, calls?: number, name?: string }) => Promise<void>} setLedgerMode how the
 *   tenants' ledgers, or the one of that name, fail, for so many calls; with `faultyLedger` only
 * @property {() => Promise<number>} ledgerAsked how often they were asked in this mode; with `faultyLedger` only
 * @property {(tenant: string) => Promise<boolean>} ledgerHolds whether mode `hold` has a batch of this tenant to hold; with `faultyLedger` only
 * @property {() => Promise<string[]>} batches the bytes of the latest batches in the order in which the ledger got
 *   them; with `faultyLedger` only
 * @property {() => Promise<(import("./faulty-ledger.worker.mjs").Way & { isHad: boolean })[]>} ways the latest batch that bears a number of each
 *   isolate to each ledger; with `faultyLedger` only
 * @property {(tenant: string, batch: string) => Promise<void>} replay hands a batch to a tenant's ledger, which must
 *   accept it; with `faultyLedger` only
 * @property {(mode: LedgerMode, options?: { calls?: number, name?: string }) => Promise<void>} setOperatorMode the same for
 *   the operator's objects, or the one of that name
 * @property {(name: string, envelope: object) => Promise<any>} askOperator what an operator's object answers to a call, which it
 *   must accept; with `faultyLedger` only
 * @property {() => Promise<number>} operatorAsked
 * @property {() => Promise<string[]>} brakesBefore how the brake was set in an object that plays the release before, since
 *   the last `setOperatorMode`; with `faultyLedger` only
 * @property {string} secondUrl with `secondEdge` only
 */

/**
 * @param {WorkerdOptions} options
 * @returns {Promise<Workerd>}
 */
export async function startWorkerd(options) {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-workerd-"));
  try {
    writeConfig(folder, options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const child = spawn(
    workerdBinary(),
    ["serve", "--experimental", "--control-fd=3", join(folder, "config.capnp")],
    {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, RUST_BACKTRACE: "0" },
    },
  );
  adopt(child, folder);
  const output = collectOutput(child);
  const sockets = ["http"];
  if (options.faultyLedger) sockets.push("ledger-control");
  if (options.secondEdge) sockets.push("second");
  try {
    const ports = await withinStart(child, listening(child, sockets));
    const url = `http://${HOST}:${ports.http}`;
    const first = await withinStart(child, fetch(url + (options.readyPath ?? "/")));
    await first.arrayBuffer();
    const control = relayControl(ports["ledger-control"]);
    return {
      url,
      port: ports.http,
      pid: /** @type {number} */ (child.pid),
      stop: () => endProcess(child),
      kill: () => endProcess(child, { graceMs: 0 }),
      output,
      setLedgerMode: async (mode, options) =>
        void (await control("PUT", `ledger/${mode}${asQuery(options)}`)),
      ledgerAsked: async () => JSON.parse(await control("GET", "ledger")),
      ledgerHolds: async (tenant) => JSON.parse(await control("GET", "ledger/held")).includes(tenant),
      batches: async () => JSON.parse(await control("GET", "ledger/batches")),
      ways: async () => JSON.parse(await control("GET", "ledger/ways")),
      replay: async (tenant, batch) => void (await control("POST", `ledger/${tenant}`, batch)),
      setOperatorMode: async (mode, options) =>
        void (await control("PUT", `operator/${mode}${asQuery(options)}`)),
      askOperator: async (name, envelope) =>
        JSON.parse(await control("POST", `operator/${name}`, JSON.stringify({ name, ...envelope }))),
      operatorAsked: async () => JSON.parse(await control("GET", "operator")),
      brakesBefore: async () => JSON.parse(await control("GET", "operator/brakes")),
      secondUrl: `http://${HOST}:${ports.second}`,
    };
  } catch (error) {
    await endProcess(child);
    throw new Error(`workerd did not start: ${error}\n${output()}`, { cause: error });
  }
}

/** @param {{ ms?: number, calls?: number }} [options] */
function asQuery(options = {}) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** The path of workerd's executable for this platform. */
function workerdBinary() {
  return createRequire(import.meta.url)("workerd").default;
}

/**
 * @param {string} folder
 * @param {WorkerdOptions} options
 */
function writeConfig(folder, options) {
  const build = resolve(options.build);
  const classes = options.ledger || options.faultyLedger ? objectClasses(build) : [];
  const wasm = readdirSync(build).filter((name) => name.endsWith(".wasm"));
  // the first one is the worker's entry point
  const scripts = ["entry.js", "index.js"].filter((name) => existsSync(join(build, name)));
  for (const name of [...scripts, ...wasm]) copyFileSync(join(build, name), join(folder, name));

  const compatibilityDate = options.compatibilityDate ?? wranglerCompatibilityDate();
  const edge = {
    compatibilityDate,
    modules: [
      ...scripts.map((name) => ({ name, esModule: embed(name) })),
      ...wasm.map((name) => ({ name, wasm: embed(name) })),
    ],
    bindings: [
      ...Object.entries(options.vars ?? {}).map(([name, text]) => ({ name, text })),
      ...(options.kv ? [{ name: "STATE", kvNamespace: "kv" }] : []),
      ...objectBindings("", classes, options.faultyLedger ? "faulty-ledger" : "main"),
    ],
    ...(options.outbound ? { globalOutbound: "outbound" } : {}),
  };
  const services = [
    {
      name: "main",
      worker: { ...edge, ...(classes.length > 0 ? durableObjects(classes, { localDisk: "state" }) : {}) },
    },
    // Nothing that a test runs reaches beyond this machine.
    { name: "internet", network: { allow: ["local"] } },
  ];
  const sockets = [socket("http", options.port ?? 0, "main")];
  if (options.outbound) {
    const address = `${HOST}:${options.outbound.port}`;
    services.push({ name: "outbound", external: { address, http: {} } });
  }
  if (options.secondEdge) {
    const bindings = edge.bindings.map((binding) =>
      options.secondKv && binding.name === "STATE" ? { ...binding, kvNamespace: "second-kv" } : binding,
    );
    services.push({ name: "second", worker: { ...edge, bindings } });
    sockets.push(socket("second", 0, "second"));
  }
  if (options.kv)
    services.push({ name: "kv", external: { address: `${HOST}:${options.kv.port}`, http: {} } });
  if (options.secondKv)
    services.push({ name: "second-kv", external: { address: `${HOST}:${options.secondKv.port}`, http: {} } });
  if (classes.length > 0) {
    // On disk in any case: objects in memory have no SQL.
    const path = resolve(options.stateDir ?? join(folder, "state"));
    mkdirSync(path, { recursive: true });
    services.push({ name: "state", disk: { path, writable: true } });
  }
  if (options.faultyLedger) {
    copyFileSync(FAULTY_LEDGER, join(folder, "faulty-ledger.js"));
    const relay = {
      compatibilityDate,
      modules: [{ name: "faulty-ledger.js", esModule: embed("faulty-ledger.js") }],
      bindings: [
        ...objectBindings("REAL_", classes, "main"),
        { name: "CLOCK_RATE", text: options.vars?.CLOCK_RATE ?? "1" },
      ],
      ...durableObjects(classes, { inMemory: VOID }),
    };
    services.push({ name: "faulty-ledger", worker: relay });
    sockets.push(socket("ledger-control", 0, "faulty-ledger"));
  }
  const v8Flags = options.shortLived ? ["--liftoff-only"] : undefined;
  const config = toCapnp({ v8Flags, services, sockets });
  const head = 'using Workerd = import "/workerd/workerd.capnp";\n';
  writeFileSync(join(folder, "config.capnp"), `${head}const config :Workerd.Config = ${config};\n`);
}

/**
 * Which of the known Durable Object classes a build has.
 * @param {string} build
 */
function objectClasses(build) {
  const script = readFileSync(join(build, "index.js"), "utf8");
  const exported = script.slice(script.lastIndexOf("export{"));
  return ["Ledger", "Operator"].filter((name) => new RegExp(`[{,\\s]${name}[,}]`).test(exported));
}

/**
 * `LEDGER` for the class `Ledger`, and so on.
 * @param {string} prefix of the binding's name
 * @param {string[]} classes
 * @param {string} serviceName
 */
function objectBindings(prefix, classes, serviceName) {
  return classes.map((className) => ({
    name: prefix + className.toUpperCase(),
    durableObjectNamespace: { className, serviceName },
  }));
}

/**
 * @param {string[]} classes
 * @param {object} durableObjectStorage
 */
function durableObjects(classes, durableObjectStorage) {
  return {
    durableObjectNamespaces: classes.map((className) => ({
      className,
      uniqueKey: `tidegate-${className.toLowerCase()}`,
      enableSql: true,
    })),
    durableObjectStorage,
  };
}

/**
 * @param {string} name
 * @param {number} port
 * @param {string} service
 */
function socket(name, port, service) {
  return { name, address: `${HOST}:${port}`, http: {}, service };
}

function wranglerCompatibilityDate() {
  const date = /^compatibility_date\s*=\s*"([^"]+)"/m.exec(readFileSync(join(ROOT, "wrangler.toml"), "utf8"));
  if (!date) throw new Error("wrangler.toml names no compatibility_date");
  return date[1];
}

/**
 * The ports of `names`, from the messages that workerd writes to its control pipe as it begins to listen.
 * @param {import("node:child_process").ChildProcess} child
 * @param {string[]} names
 * @returns {Promise<Record<string, number>>}
 */
function listening(child, names) {
  const control = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  /** @type {Record<string, number>} */
  const ports = {};
  let text = "";
  return new Promise((resolve, reject) => {
    control.on("error", reject);
    control.on("data", (chunk) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const message = JSON.parse(line);
        if (message.event === "listen") ports[message.socket] = message.port;
      }
      if (names.every((name) => ports[name])) resolve(ports);
    });
  });
}

/**
 * `promise`, unless workerd ends or the time for its start runs out before.
 * @template T
 * @param {import("node:child_process").ChildProcess} child
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function withinStart(child, promise) {
  const end = new AbortController();
  const { signal } = end;
  const failure = new Promise((_, reject) => {
    const onExit = (/** @type {unknown} */ code) => reject(new Error(`it ended (${code})`));
    const onError = (/** @type {unknown} */ error) => reject(error);
    const timer = setTimeout(() => reject(new Error("it took too long")), START_TIMEOUT_MS);
    child.once("exit", onExit).once("error", onError);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      child.off("exit", onExit).off("error", onError);
    });
  });
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, failure]));
  } finally {
    end.abort();
  }
}

/** @param {import("node:child_process").ChildProcess} child */
function collectOutput(child) {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      text = (text + chunk).slice(-OUTPUT_CHARS);
    });
  }
  return () => text;
}

/**
 * Asks the relay before the objects.
 * @param {number | undefined} port
 * @returns {(method: "GET" | "PUT" | "POST", path: string, body?: string) => Promise<string>}
 */
function relayControl(port) {
  return async (method, path, body) => {
    if (!port) throw new Error("start workerd with `faultyLedger` first");
    const answer = await fetch(`http://${HOST}:${port}/${path}`, { method, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text;
  };
}
