/**
 * Measures the gateways' own dialects beside `/v1/decide`, for one message of a server that is rejected: each in turn
 * on one worker, with a gateway's key.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RELEASED } from "../../tests/support/builds.mjs";
import { event, received } from "../../tests/support/client.mjs";
import { blockedServer, startEdge } from "../../tests/support/edge.mjs";
import { storeKey } from "../../tests/support/gateways.mjs";
import { startKv } from "../../tests/support/kv-service.mjs";
import { TARGET } from "./build.mjs";
import { median } from "./engine.mjs";
import { mailEvent } from "./event.mjs";
import { measure } from "./load.mjs";

const ROUNDS = 5;
const TENANT = "bench";
/** What is required has been enforced for long, on whatever day this is. */
const PRODUCTS = { "Exchange Server 2016": { minimum: ["15.1.2507.61"] } };
const POLICY = {
  mode: "enforce",
  waves: { "Exchange Server 2016": "2020-01-01" },
  baseline: { name: "bench", editions: [{ effective: "2020-01-01", products: PRODUCTS }] },
};
const IP = "203.0.113.7";
const OWN = `Received: from ex01.contoso.com ([${IP}])\r\n\tby mx.example.org with esmtp id 1\r\n`;

/**
 * By dialect, each the median of the rounds: answers a second, the worker's processor time for one in microseconds, and
 * how much more of it that is than for `/v1/decide` in the same round. Processor time, because whatever else the machine
 * does meanwhile would make the ratio of two rates any number.
 * @typedef {Record<string, { rps: number, micros: number, time_over_decide: number }>} Compared
 */

/**
 * @param {string} generator the load generator
 * @param {number} seconds of one measurement
 * @returns {Promise<Compared>}
 */
export async function measureGateways(generator, seconds) {
  const folder = join(TARGET, "bench", "gateways");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const stateDir = join(folder, "state");
  const kv = await startKv();
  const now = Math.floor(Date.now() / 1000);
  await makeBlocked(kv, stateDir, now);
  const edge = await startEdge({ build: RELEASED, kv, stateDir, ledger: true });
  try {
    const key = await storeKey(edge.kv, TENANT);
    const dialects = await requests(edge, key, now);
    /** @type {Record<string, { rps: number, micros: number, ratio: number }[]>} */
    const rounds = Object.fromEntries(Object.keys(dialects).map((name) => [name, []]));
    for (let round = 1; round <= ROUNDS; round += 1) {
      /** @type {Record<string, { rps: number, micros: number }>} */
      const found = {};
      // back and forth: what comes first has no advantage
      const order = Object.entries(dialects);
      if (round % 2 === 0) order.reverse();
      for (const [name, { path, body, headers = {}, expect = "5.7.230" }] of order) {
        const file = join(folder, name);
        writeFileSync(file, body);
        const load = {
          port: edge.worker.port,
          path,
          body: file,
          headers: { Authorization: `Bearer ${key}`, ...headers },
          expect: [expect],
          warmup: 0,
        };
        await measure(generator, { ...load, seconds: 1 });
        const before = processorMicros(edge.worker.pid);
        const { rps, requests } = await measure(generator, { ...load, seconds });
        found[name] = { rps, micros: (processorMicros(edge.worker.pid) - before) / requests };
      }
      for (const [name, { rps, micros }] of Object.entries(found)) {
        rounds[name].push({ rps, micros, ratio: micros / found.decide.micros });
      }
    }
    const compared = Object.entries(rounds).map(([name, found]) => {
      const of = (/** @type {"rps" | "micros" | "ratio"} */ what) =>
        median(found.map((round) => round[what]));
      return [name, { rps: of("rps"), micros: of("micros"), time_over_decide: of("ratio") }];
    });
    return Object.fromEntries(compared);
  } finally {
    await edge.stop();
    await kv.stop();
  }
}

/**
 * The server is out of date for long: a worker whose clock can be set leaves that behind.
 * @param {import("../../tests/support/kv-service.mjs").KvService} kv
 * @param {string} stateDir
 * @param {number} now
 */
async function makeBlocked(kv, stateDir, now) {
  const vars = { CLOCK_AHEAD: "0" };
  const edge = await startEdge({ kv, stateDir, ledger: true, vars });
  try {
    await blockedServer(edge, TENANT, undefined, POLICY, now);
  } finally {
    await edge.stop();
  }
}

/** Processor time of a process so far. @param {number} pid */
function processorMicros(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  // clock ticks of 10 ms, of which Linux makes 100 a second on every platform
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/**
 * The same message in each dialect; `decide` comes first.
 * @param {import("../../tests/support/edge.mjs").Edge} edge
 * @param {string} key
 * @param {number} now
 * @returns {Promise<Record<string, { path: string, body: string, headers?: Record<string, string>, expect?: string }>>}
 */
async function requests({ client }, key, now) {
  const header = received({ host: "EX01.contoso.com", now }) + mailEvent().header;
  const told = { IP, Rcpt: "<b@example.org>", Helo: "ex01.contoso.com", From: "<a@contoso.com>" };
  const envelope = { from: { address: "a@contoso.com" }, to: [{ address: "b@example.org" }] };
  const fields = header
    .trimEnd()
    .split(/\r\n(?![ \t])/)
    .map((field) => [field.slice(0, field.indexOf(":")), `${field.slice(field.indexOf(":") + 1)}\r\n`]);
  const registration = await client.ask("POST", "/gateways/mta-hooks/registrations", {
    key,
    body: { serialization: "json", inbound: { stages: ["data"], properties: ["/rawMessage", "/client"] } },
  });
  const { registrationId, hookEndpoint } = registration.json;
  const json = { "Content-Type": "application/json" };
  const stalwart = { context: { stage: "data", client: { ip: IP } }, envelope, message: { headers: fields } };
  const hook = { client: { ip: IP }, envelope, rawMessage: Buffer.from(header).toString("base64") };
  return {
    decide: { path: "/v1/decide", headers: json, body: JSON.stringify(event({ tenant: TENANT, header })) },
    checkv2: { path: "/checkv2", headers: told, body: header },
    exim: { path: "/gateways/exim", headers: told, body: OWN + header },
    stalwart: { path: "/gateways/stalwart", headers: json, body: JSON.stringify(stalwart) },
    mta_hooks: {
      path: hookEndpoint,
      headers: { ...json, "X-MTA-Hooks-Registration": registrationId },
      body: JSON.stringify(hook),
    },
    postfix: {
      path: "/gateways/postfix",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      // it only reports, where its key does not say otherwise
      expect: "DUNNO",
      body: `request=smtpd_access_policy&client_address=${IP}&recipient=b%40example.org`,
    },
  };
}
