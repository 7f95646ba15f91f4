/**
 * The mail event that every comparator and the worker are asked about: a header of 2 KB with five Received fields,
 * the topmost by an Exchange 2016 that lacks its updates.
 */
import { readFileSync } from "node:fs";

const TENANT = "bench";
const KEY = "bench-admin-key-0123456789abcdef";

/** What stands in the event's id where the load generator counts. */
export const COUNTER = "0000000000";
export const PATH = "/v1/decide";
export const VARS = { ADMIN_KEY: KEY };
export const HEADERS = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };

/** What every measured answer must contain: the stored phase was found and nothing failed. */
export const EXPECT = ['"state":"out_of_date"', '"mode":"enforce"', '"degraded":false'];

const HEADER = readFileSync(new URL("../header.txt", import.meta.url), "utf8").replaceAll("\n", "\r\n");

/**
 * @param {{ id?: string, record?: "async" | "sync", header?: string }} [options]
 */
export function mailEvent({ id = COUNTER, record = "async", header = HEADER } = {}) {
  return {
    tenant: TENANT,
    event_id: `bench-${id}`,
    connector: "on_premises",
    record,
    client: { ip: "203.0.113.7", helo: "ex01.contoso.com" },
    own_hops: 0,
    envelope: { from: "a.example@contoso.com", to: ["b.sample@example.org"] },
    header,
  };
}

/**
 * Makes the server known to the worker: a policy that enforces, and two messages that differ in their evidence.
 * @param {string} url
 */
export async function prepare(url) {
  await send("PUT", `${url}/v1/tenants/${TENANT}/policy`, { mode: "enforce" });
  for (const minute of ["41", "42"]) {
    const header = HEADER.replace("18:43:44", `18:${minute}:44`);
    const answer = await send(
      "POST",
      url + PATH,
      mailEvent({ id: `sync-${minute}`, record: "sync", header }),
    );
    if (answer.recorded !== true) throw new Error(`not recorded: ${JSON.stringify(answer)}`);
  }
  const answer = await send("POST", url + PATH, mailEvent());
  const { standing, stage, mode, degraded, evidence } = answer;
  const known =
    standing?.state === "out_of_date" && stage?.number === 1 && mode === "enforce" && degraded === false;
  if (!known || evidence?.field !== 0) throw new Error(`not the expected answer: ${JSON.stringify(answer)}`);
}

/**
 * @param {string} method
 * @param {string} url
 * @param {unknown} body
 */
async function send(method, url, body) {
  const answer = await fetch(url, { method, headers: HEADERS, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return JSON.parse(text);
}
