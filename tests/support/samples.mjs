/**
 * The real header fields of data/received-samples.txt.
 */
import { readFileSync } from "node:fs";

const FILE = new URL("../../data/received-samples.txt", import.meta.url);

/**
 * @typedef {object} Sample
 * @property {number} n
 * @property {string} kind
 * @property {Record<string, string>} yields what the engine has to make of it, member by member
 * @property {string} header with CRLF at the end of each line
 */

/** @type {Map<number, Sample>} */
const SAMPLES = new Map(
  readFileSync(FILE, "utf8")
    .split("\n-----\n")
    .slice(1)
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const lines = block.split("\n").filter((line) => line !== "" && line !== "-----");
      const meta = (/** @type {string} */ name) =>
        lines.find((line) => line.startsWith(`# ${name}: `))?.slice(name.length + 4) ?? "";
      const header = lines.filter((line) => !line.startsWith("#"));
      return {
        n: Number(meta("n")),
        kind: meta("kind"),
        yields: members(meta("yields")),
        header: header.map((line) => `${line}\r\n`).join(""),
      };
    })
    .map((sample) => [sample.n, sample]),
);

/** All of them, in order. */
export function samples() {
  return [...SAMPLES.values()];
}

/**
 * @param {number} n
 * @returns {Sample}
 */
export function sample(n) {
  const found = SAMPLES.get(n);
  if (!found) throw new Error(`data/received-samples.txt has no block ${n}`);
  return found;
}

/**
 * `name=value` and `name="a value"`, separated by blanks.
 * @param {string} text
 */
function members(text) {
  const pairs = text.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g);
  return Object.fromEntries([...pairs].map(([, name, quoted, plain]) => [name, quoted ?? plain]));
}
