/**
 * What a file of tests shares: begun before its first test, and ended after its last.
 */
import { after, before } from "node:test";
import { Client } from "./client.mjs";
import { KEY, startEdge } from "./edge.mjs";

/**
 * The edge of a file's tests; `client` can be taken from it at once, the rest is there when tests run.
 * @param {Parameters<typeof startEdge>[0]} [options]
 * @returns {import("./edge.mjs").Edge}
 */
export function edgeOfFile(options) {
  const client = new Client({ url: "", key: KEY });
  const edge = /** @type {import("./edge.mjs").Edge} */ ({ client });
  before(async () => {
    Object.assign(edge, await startEdge(options), { client });
    client.url = edge.url;
  });
  after(() => edge.stop?.());
  return edge;
}
