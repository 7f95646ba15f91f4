/** Whole files and pasted text, and what each yields: data/cases/messages.toml. */
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../data/cases/", import.meta.url);

/**
 * @typedef {object} Yields
 * @property {string} [finding]
 * @property {string} [or_finding]
 * @property {string} [id]
 * @property {string} [build]
 * @property {number} [messages]
 * @property {{ by: string, build: string }[]} [servers]
 * @property {number[]} [exchange_online_hops]
 * @property {string} [handed_over_by]
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} file
 * @property {string} [client_ip]
 * @property {{ host: string, networks: string[] }[]} [trusted_relays]
 * @property {Yields} yields
 * @property {Buffer<ArrayBuffer>} content
 */

/** @returns {Case[]} */
export function cases() {
  return readFileSync(new URL("messages.toml", FOLDER), "utf8")
    .split("\n[[case]]\n")
    .slice(1)
    .map((block) => {
      const members = block.split("\n").filter((line) => line !== "");
      const one = Object.fromEntries(members.map(member));
      return { ...one, content: readFileSync(new URL(one.file, FOLDER)) };
    });
}

/**
 * One line of TOML; a value of these tables differs from JSON by its `=` alone.
 * @param {string} line
 * @returns {[string, any]}
 */
function member(line) {
  const at = line.indexOf(" = ");
  const value = line.slice(at + 3);
  const json = value.startsWith('"') ? value : value.replaceAll(/([{,] )(\w+) = /g, '$1"$2": ');
  return [line.slice(0, at), JSON.parse(json)];
}
