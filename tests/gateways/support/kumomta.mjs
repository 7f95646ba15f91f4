/**
 * A policy for KumoMTA in a plain Lua interpreter, with a stand-in for what KumoMTA brings. HTTP is spoken for real.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { adopt, endProcess } from "../../support/processes.mjs";
import { needs, scratch } from "./servers.mjs";

const STAND_IN = fileURLToPath(new URL("../kumomta/kumo.lua", import.meta.url));
const POLICY = fileURLToPath(new URL("../../../gateways/kumomta", import.meta.url));

/**
 * @typedef {object} Told
 * @property {string} reply to the message
 * @property {string} warned what was written to the log
 * @property {number} ms
 */

/**
 * @typedef {object} Asked
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {string} body
 */

/** @typedef {{ id?: string, to?: string[], meta?: Record<string, string>, data: string | Buffer,
 *   unreadable?: boolean }} Message `unreadable`: KumoMTA raises where its data is asked for */

/**
 * @typedef {object} Kumo
 * @property {(message: Message) => Promise<Told>} receive
 * @property {() => Asked | undefined} asked over HTTP lastly
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} configure Lua: what the policy's configure is given
 * @returns {Promise<Kumo>}
 */
export async function startKumo(configure) {
  const folder = scratch("kumomta");
  const init = join(folder, "init.lua");
  writeFileSync(
    init,
    `package.path = '${POLICY}/?.lua;' .. package.path
local tidegate = require 'tidegate'
tidegate.configure ${configure}
kumo.on('smtp_server_data', function(message, conn_meta)
  tidegate.check(message, conn_meta)
end)
`,
  );
  const child = spawn(needs("lua5.4"), [STAND_IN, init], { stdio: ["pipe", "pipe", "inherit"] });
  adopt(child, folder);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const say = (/** @type {unknown} */ value) => child.stdin.write(`${lua(value)}\n`);
  /** @type {Asked | undefined} */
  let asked;
  /** @type {Buffer | undefined} of the last response */
  let content;
  let sent = 0;

  /** Serves the policy until it has an answer. @returns {Promise<string[]>} */
  async function answer() {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("the interpreter has ended");
      const [kind, ...hex] = value.split(" ");
      const parts = hex.map((/** @type {string} */ part) => Buffer.from(part, "hex").toString());
      if (kind === "http") {
        const [url, timeout, fields, body] = parts;
        const pairs = fields.split("\n").map((/** @type {string} */ field) => field.split(": "));
        asked = { url, headers: Object.fromEntries(pairs), body };
        const { body: told, ...response } = await exchange(asked, Number(timeout));
        content = told;
        say(response);
      } else if (kind === "text") {
        say({ body: content });
      } else if (kind === "json") {
        say(parsed(parts[0]));
      } else return [kind, ...parts];
    }
  }

  const stop = () => endProcess(child);
  const [kind, failure] = await answer();
  if (kind !== "ready") {
    await stop();
    throw new Error(failure);
  }
  return {
    receive: async ({ id, to = ["b@gw.test"], meta = {}, data, unreadable = false }) => {
      sent += 1;
      const start = performance.now();
      say({
        id: id ?? `id${process.pid}x${sent}`,
        to,
        meta: { received_from: "203.0.113.7:4711", ...meta },
        data,
        unreadable,
      });
      const [, reply, warned] = await answer();
      return { reply, warned, ms: performance.now() - start };
    },
    asked: () => asked,
    stop,
  };
}

/** @param {Asked} asked @param {number} timeout ms */
async function exchange({ url, headers, body }, timeout) {
  try {
    const signal = AbortSignal.timeout(timeout);
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    const length = response.headers.get("content-length");
    const content = Buffer.from(await response.arrayBuffer());
    return { status: response.status, length: length === null ? null : Number(length), body: content };
  } catch (error) {
    return { error: `error sending request for url (${url}): ${error}` };
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error: `json_parse: ${error}` };
  }
}

/**
 * A value as Lua writes it. What is null in JSON is not there.
 * @param {unknown} value
 * @returns {string}
 */
function lua(value) {
  if (typeof value === "string" || Buffer.isBuffer(value)) {
    const octets = [...Buffer.from(value)].map((octet) => `\\x${octet.toString(16).padStart(2, "0")}`);
    return `"${octets.join("")}"`;
  }
  if (Array.isArray(value)) return `{${value.map(lua).join(",")}}`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([name, member]) => `[${lua(name)}]=${lua(member)}`)
      .join(",")}}`;
  }
  return value === null ? "nil" : String(value);
}
