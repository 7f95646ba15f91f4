/**
 * Mail servers and daemons that tests start: each in a folder of its own, on 127.0.0.1, ended by its process id.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../support/client.mjs";
import { adopt, endProcess } from "../../support/processes.mjs";

export const HOST = "127.0.0.1";
/** How much of a server's own output is kept. */
const OUTPUT_CHARS = 256 * 1024;
/** Six rspamds at once on a machine that does something else take long. */
const START_MS = 60_000;

/** A port that nothing listens on right now. */
export async function freePort() {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Waits until a server's log has a line that matches: it may be written after the answer.
 * @param {() => string} log
 * @param {RegExp} line
 */
export function logged(log, line) {
  return until(`${line} in:\n${log()}`, async () => line.test(log()));
}

/** A new folder that daemons of other users can reach. @param {string} name */
export function scratch(name) {
  const folder = mkdtempSync(join(tmpdir(), `tidegate-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/**
 * Fails with what has to be installed where a program is missing.
 * @param {string} program
 * @param {string} [debian] the package that brings it
 */
export function needs(program, debian = program) {
  const paths = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  const found = paths.map((path) => join(path, program)).find((path) => existsSync(path));
  if (!found)
    throw new Error(`${program} is missing: install Debian's package ${debian}, or run make gateways`);
  return found;
}

/**
 * @typedef {object} Server
 * @property {number} pid
 * @property {() => string} output what it has written so far
 * @property {() => Promise<void>} stop TERM, then KILL; resolves once it is gone and its folder too
 * @property {() => number | null} status once it is gone
 */

/**
 * Starts a program and waits until it is ready: until it listens on `port` or at the
 * UNIX socket `listensAt`, or writes what matches `says`.
 * @param {string} program
 * @param {string[]} args
 * @param {{ port?: number, listensAt?: string, says?: RegExp, env?: Record<string, string>, folder?: string, graceMs?: number,
 *   cwd?: string }} options `folder` is removed in the end
 * @returns {Promise<Server>}
 */
export async function startServer(
  program,
  args,
  { port, listensAt, says, env, folder, graceMs = 5_000, cwd } = {},
) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    cwd,
  });
  adopt(child, ...(folder ? [folder] : []));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      text = (text + chunk).slice(-OUTPUT_CHARS);
    });
  }
  /** @type {Error | undefined} */
  let failure;
  child.once("error", (error) => {
    failure = error;
  });
  const ready = async () => {
    if (failure) throw failure;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    if (says) return says.test(text);
    const address = listensAt ?? port;
    return address === undefined || (await listens(address));
  };
  try {
    await until(`${program} is ready`, ready, { ms: START_MS });
  } catch (error) {
    await endProcess(child);
    throw new Error(`${program} did not start: ${error}\n${text}`, { cause: error });
  }
  return {
    pid: /** @type {number} */ (child.pid),
    output: () => text,
    stop: () => endProcess(child, { graceMs }),
    status: () => child.exitCode,
  };
}

/** @param {number | string} address a port of this machine, or the path of a UNIX socket */
export async function listens(address) {
  const socket = typeof address === "string" ? connect(address) : connect(address, HOST);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Runs a program to its end; a status other than 0 is an error that shows what it wrote.
 * @param {string} program
 * @param {string[]} args
 * @param {import("node:child_process").ExecFileSyncOptions} [options]
 */
export function run(program, args, options) {
  return String(execFileSync(program, args, { stdio: "pipe", ...options }));
}

/** @param {string} folder */
export function remove(folder) {
  rmSync(folder, { recursive: true, force: true });
}
