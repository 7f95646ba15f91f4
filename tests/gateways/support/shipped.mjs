/**
 * The files of gateways/ as an operator copies them; only addresses, keys and paths are others.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The path of a file. @param {string} name in gateways/ */
export function shippedFile(name) {
  return fileURLToPath(new URL(`../../../gateways/${name}`, import.meta.url));
}

/** What is in a file. @param {string} name in gateways/ */
export function shipped(name) {
  return readFileSync(shippedFile(name), "utf8");
}

/**
 * Puts other values where a shipped file has its own; each has to be there.
 * @param {string} text
 * @param {[string, string][]} replacements
 */
export function edited(text, replacements) {
  return replacements.reduce((edited, [from, to]) => {
    if (!edited.includes(from)) throw new Error(`${from} is not in the file`);
    return edited.replaceAll(from, to);
  }, text);
}
