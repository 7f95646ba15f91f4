/**
 * Tidegate as gateways meet it: the built worker on workerd, a tenant that enforces with a server for each outcome, and
 * a relay before it all that is slow or gone on demand.
 */
import { event, received, until } from "../../support/client.mjs";
import { now as testsNow } from "../../support/day.mjs";
import { published, startEdge } from "../../support/edge.mjs";
import { startFront } from "./front.mjs";

const DAY = 24 * 3600;
const OUTDATED = "15.1.2507.39";
const PATCHED = "15.1.2507.61";

export const TENANT = "contoso";
const HELP = "https://help.example/exchange";
const OPERATOR = "Example Mail";

/** What each server runs, and for how many days it has been out of date. */
const SERVERS = {
  current: { host: "EX-CURRENT.contoso.com", build: PATCHED, days: 0 },
  throttled: { host: "EX-THROTTLED.contoso.com", build: OUTDATED, days: 25 },
  blocked: { host: "EX-BLOCKED.contoso.com", build: OUTDATED, days: 55 },
};

/** So that every minute of a stage is alike, whenever the test runs. */
const LADDER = [
  { days: 20, throttle_minutes: 0, block_minutes: 0 },
  { days: 20, throttle_minutes: 60, block_minutes: 0 },
  { throttle_minutes: 0, block_minutes: 60 },
];

/** @typedef {keyof typeof SERVERS | "other"} Kind `other`: a message that never met an Exchange server */

const SAYS = "Connecting Exchange server version is out-of-date; connection to";

/**
 * The reply that was decided, code and text; undefined for an accept.
 * @type {Record<Kind, { code: number, enhanced: string, text: string } | undefined>}
 */
export const REPLIES = {
  current: undefined,
  throttled: {
    code: 450,
    enhanced: "4.7.230",
    text: `${SAYS} ${OPERATOR} throttled for 60 mins/hr. For more information see ${HELP}`,
  },
  blocked: {
    code: 550,
    enhanced: "5.7.230",
    text: `${SAYS} ${OPERATOR} blocked for 60 mins/hr. For more information see ${HELP}`,
  },
  other: undefined,
};

/** @param {Kind} kind */
export function smtpLine(kind) {
  const reply = REPLIES[kind];
  return reply && `${reply.code} ${reply.enhanced} ${reply.text}`;
}

/**
 * @typedef {object} World
 * @property {string} url of the relay before the worker
 * @property {string} direct the worker's own URL
 * @property {number} port the worker's own
 * @property {string} key a gateway's, bound to the tenant and its on-premises connector
 * @property {import("../../support/client.mjs").Client} client
 * @property {import("../../support/kv-service.mjs").KvService} kv
 * @property {import("./front.mjs").Front} front
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<World>} */
export async function startWorld() {
  const edge = await startEdge({ ledger: true });
  try {
    await seed(edge);
    const key = await gatewayKey(edge);
    const front = await startFront(edge.worker.port);
    return {
      url: front.url,
      direct: edge.worker.url,
      port: edge.worker.port,
      key,
      client: edge.client,
      kv: edge.kv,
      front,
      stop: async () => {
        await front.stop();
        await edge.stop();
      },
    };
  } catch (error) {
    await edge.stop();
    throw error;
  }
}

/**
 * Lets the servers grow as old as they are to be, up to now.
 * @param {import("../../support/edge.mjs").Edge} edge
 */
async function seed({ client, kv }) {
  const now = testsNow();
  const policy = { mode: "enforce", operator: OPERATOR, help_url: HELP, ladder: LADDER };
  await client.putPolicy(TENANT, policy, { now: now - 60 * DAY });
  for (let day = 60; day >= 0; day -= 5) {
    for (const { host, build, days } of Object.values(SERVERS)) {
      if (day > days) continue;
      // two messages begin a spell
      for (const at of day === days ? [now - day * DAY - 60, now - day * DAY] : [now - day * DAY]) {
        const header = received({ host, now: at, build });
        await client.decide(event({ tenant: TENANT, record: "sync", header }), { now: at });
      }
    }
  }
  await published(kv, `policy/${TENANT}`, () => true);
  for (const kind of /** @type {const} */ (["throttled", "blocked"])) {
    const id = SERVERS[kind].host.toLowerCase();
    await published(kv, `phase/${TENANT}/${id}`, ({ phase: { spell } }) => spell !== null);
  }
}

/**
 * A key that says what a gateway's requests need not.
 * @param {import("../../support/edge.mjs").Edge} edge
 * @returns {Promise<string>}
 */
async function gatewayKey({ client }) {
  const gateway = { connector: "on_premises" };
  const body = { role: "gateway", tenant: TENANT, name: "gateways", gateway };
  const answer = await client.ask("POST", "/v1/keys", { body });
  if (answer.status !== 201) throw new Error(answer.text);
  const { key } = answer.json;
  await until("the key is known", async () => {
    const asked = await client.ask("POST", "/v1/decide", { body: { header: "" }, key });
    return asked.status === 200 && !asked.json.degraded;
  });
  return key;
}

let sent = 0;

/** The header of a new message of that kind: each has a field of its own. @param {Kind} kind */
export function header(kind) {
  sent += 1;
  const now = testsNow();
  if (kind === "other") {
    const date = new Date(now * 1000).toUTCString().replace("GMT", "+0000");
    return `Received: from a.example (a.example [192.0.2.1])\r\n\tby mx.example (Postfix) with ESMTP id 4${sent}\r\n\tfor <b@gw.test>; ${date}\r\n`;
  }
  const { host, build } = SERVERS[kind];
  return received({ host, now: now - sent, build });
}
