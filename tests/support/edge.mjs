/**
 * The built worker on bare workerd, with its KV service in a process of its own and a ledger that fails on demand,
 * unless another is asked for.
 */
import { RELEASED, WITH_HOOKS } from "./builds.mjs";
import { at, Client, event, received, until } from "./client.mjs";
import { AHEAD_MS } from "./day.mjs";
import { startKv } from "./kv-service.mjs";
import { startWorkerd } from "./workerd.mjs";

export const KEY = "test-admin-key";
const DAY = 24 * 3600;
/** How many times longer a patient worker awaits KV and objects. */
export const PATIENCE = 10;

/**
 * @typedef {object} Edge
 * @property {string} url
 * @property {string} key the admin key
 * @property {Client} client
 * @property {Client} second with `secondEdge` only
 * @property {import("./kv-service.mjs").KvService} kv
 * @property {import("./workerd.mjs").Workerd} worker
 * @property {() => Promise<void>} stop
 */

/**
 * @param {Pick<import("./workerd.mjs").WorkerdOptions, "build" | "stateDir" | "vars" | "ledger" | "secondEdge" | "secondKv" | "outbound" | "shortLived">
 *   & { kv?: import("./kv-service.mjs").KvService, patient?: boolean }} [options] `build`: by default with what tests move; `ledger`: without the relay that fails;
 *   `patient`: a busy machine does not make answers late; by default where nothing is asked to fail
 * @returns {Promise<Edge>}
 */
export async function startEdge({
  build = WITH_HOOKS,
  kv,
  vars,
  ledger = false,
  patient = ledger,
  ...options
} = {}) {
  const service = kv ?? (await startKv());
  const worker = await startWorkerd({
    build,
    ...options,
    kv: service,
    ledger,
    faultyLedger: !ledger,
    vars: {
      ADMIN_KEY: KEY,
      AUTO_TENANTS: "on",
      ...(build === RELEASED ? {} : hooks(patient)),
      ...vars,
    },
    readyPath: "/v1/health",
  });
  return {
    url: worker.url,
    key: KEY,
    client: new Client({ url: worker.url, key: KEY }),
    second: new Client({ url: worker.secondUrl, key: KEY }),
    kv: service,
    worker,
    stop: async () => {
      await worker.stop();
      if (!kv) await service.stop();
    },
  };
}

/** The variables of a build that has them. @param {boolean} patient */
function hooks(patient) {
  return {
    ENVIRONMENT: "test",
    CLOCK_AHEAD: String(AHEAD_MS),
    DEADLINE_FACTOR: String(patient ? PATIENCE : 1),
  };
}

/** When a server made by `blockedServer` is blocked in every minute: at stage 8. */
export const BLOCKED = at("2027-01-04T08:15:08Z");

/**
 * Brings a server to stage 8 in a tenant that enforces, and waits until KV knows it.
 * @param {Edge} edge
 * @param {string} tenant
 * @param {string} [host]
 * @param {object} [policy] where the last of its stages is to be another one
 * @param {number} [end] when it is blocked
 */
export async function blockedServer(
  { client, kv },
  tenant,
  host = "EX01.contoso.com",
  policy = { mode: "enforce" },
  end = BLOCKED,
) {
  const start = end - 95 * DAY;
  await client.putPolicy(tenant, policy, { now: start - DAY });
  for (const day of [0, 1, 20, 40, 60, 80, 94]) {
    const now = start + day * DAY;
    await client.decide(event({ tenant, record: "sync", header: received({ host, now }) }), { now });
  }
  await published(kv, `policy/${tenant}`, () => true);
  const phase = `phase/${tenant}/${host.toLowerCase()}`;
  return published(kv, phase, ({ phase: { spell } }) => spell?.last_out_of_date === end - DAY);
}

/**
 * The record under `key` once KV holds one that `isIt`.
 * @param {import("./kv-service.mjs").KvService} kv
 * @param {string} key
 * @param {(record: any) => boolean} isIt
 */
export function published(kv, key, isIt) {
  return until(`${key} is published`, async () => {
    const found = (await kv.keys()).find(({ name }) => name === key);
    const record = found && JSON.parse(found.value);
    return record && isIt(record) && record;
  });
}

/**
 * A message at `BLOCKED` from the server that `blockedServer` made.
 * @param {string} tenant
 * @param {Record<string, unknown>} [members]
 */
export function blockedMessage(tenant, members) {
  return event({ tenant, header: received({ host: "EX01.contoso.com", now: BLOCKED }), ...members });
}

/**
 * Posts messages at `BLOCKED`, all at once; each is another one.
 * @param {Client} client
 * @param {string} tenant
 * @param {number} count
 * @param {(index: number) => Record<string, unknown>} [members]
 * @returns {Promise<any[]>}
 */
export function post(client, tenant, count, members = () => ({})) {
  const posts = Array.from({ length: count }, (_, index) => {
    const header = received({ host: "EX01.contoso.com", now: BLOCKED + index });
    return client.decide(event({ tenant, header, ...members(index) }), { now: BLOCKED });
  });
  return Promise.all(posts);
}
