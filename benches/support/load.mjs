/**
 * Runs the load generator.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * @typedef {object} Load
 * @property {number} port on 127.0.0.1
 * @property {string} path
 * @property {string} body file with the request's body
 * @property {Record<string, string>} [headers]
 * @property {string[]} [expect] every answer must contain each of these
 * @property {string} [vary] digits in the body that a running number replaces
 * @property {number} seconds
 * @property {number} warmup seconds before the measurement
 */

/** @typedef {{ requests: number, seconds: number, rps: number, p50_ms: number, p99_ms: number }} Measured */

/**
 * @param {string} generator the executable
 * @param {Load} load
 * @returns {Promise<Measured>}
 */
export async function measure(
  generator,
  { port, path, body, headers = {}, expect = [], vary, seconds, warmup },
) {
  const options = ["--to", `127.0.0.1:${port}`, "--path", path, "--body", body, "--connections", "16"];
  options.push("--seconds", String(seconds), "--warmup", String(warmup));
  for (const [name, value] of Object.entries(headers)) options.push("--header", `${name}: ${value}`);
  for (const text of expect) options.push("--expect", text);
  if (vary) options.push("--vary", vary);
  const { stdout } = await run(generator, options);
  return JSON.parse(stdout);
}
