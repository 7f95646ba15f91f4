/**
 * What gateways repeat: one message asked about twice, under the name that its gateway gives it, has the same answer and
 * counts once within ten minutes, while another message counts by itself, even if it goes by the same name. A name is told
 * in each dialect in another place.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, blockedServer, startEdge } from "../support/edge.mjs";
import { message, storeKey } from "../support/gateways.mjs";

const MINUTE = 60;
const OWN = "Received: from ex01.contoso.com ([203.0.113.7])\r\n\tby mx.example.org with esmtp id 1\r\n";
const TEXT = "Connecting Exchange server version is out-of-date";

/** @type {import("../support/edge.mjs").Edge} */
let edge;
before(async () => {
  edge = await startEdge({ ledger: true });
});
after(() => edge.stop());

/**
 * @typedef {object} Asked
 * @property {string} path
 * @property {unknown} body
 * @property {Record<string, string>} [headers]
 */

/**
 * Each dialect's request about the message that its gateway calls `id`.
 * @type {Record<string, (text: string, id: string, key: string) => Asked | Promise<Asked>>}
 */
const DIALECTS = {
  native: (text, id) => ({
    path: "/v1/decide",
    body: { ...event({ tenant: "native", header: text.split("\r\n\r\n")[0] }), event_id: id },
  }),
  rspamd: (text, id) => ({ path: "/checkv2", body: text, headers: { "queue-id": id } }),
  exim: (text, id) => ({
    path: "/gateways/exim",
    body: `${OWN}${text}`.replaceAll("\r\n", "\n"),
    headers: { "queue-id": id },
  }),
  stalwart: (text, id) => ({
    path: "/gateways/stalwart",
    body: {
      context: { stage: "data", client: { ip: "203.0.113.7" }, queue: { id }, protocol: { version: 1 } },
      envelope: { to: [{ address: "b@example.org" }] },
      message: { headers: [["Received", text.split("Received:")[1].split("From:")[0]]], contents: "" },
    },
  }),
  "mta-hooks": async (text, id, key) => ({
    path: "/gateways/mta-hooks/hook",
    body: { stage: "data", queue: { id: "1" }, rawMessage: Buffer.from(text).toString("base64") },
    headers: { "x-mta-hooks-registration": await registration(key), "x-mta-hooks-request-id": id },
  }),
};

/** @param {string} key */
async function registration(key) {
  const inbound = { stages: ["data"], properties: null };
  const wanted = { name: "m", serialization: "json", inbound, outbound: null };
  const answer = await edge.client.ask("POST", "/gateways/mta-hooks/registrations", {
    key,
    body: wanted,
    now: BLOCKED,
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.registrationId;
}

for (const [name, dialect] of Object.entries(DIALECTS)) {
  test(`${name}: a repeated request has the same answer and counts once within ten minutes`, async () => {
    const tenant = name;
    await blockedServer(edge, tenant);
    const key = await storeKey(edge.kv, tenant);
    const before = await edge.client.counted(tenant);
    const ask = async (/** @type {string} */ id, now = BLOCKED) => {
      const { path, body, headers } = await dialect(message({ now: BLOCKED }), id, key);
      const options = { key, body: /** @type {object} */ (body), headers, now, fresh: true };
      const answer = await edge.client.ask("POST", path, options);
      assert.equal(answer.status, 200, answer.text);
      return answer.text;
    };
    const counted = (/** @type {number} */ count) =>
      until(`${count} are counted`, async () => (await edge.client.counted(tenant)) - before === count);

    const [first, ...others] = await Promise.all(["q1", "q1", "q1"].map((id) => ask(id)));
    assert.ok(first.includes("5.7.230") && first.includes(TEXT), first);
    for (const other of others) assert.equal(other, first);
    await counted(1);
    assert.equal(
      await ask("q1", BLOCKED + 9 * MINUTE),
      first,
      "nine minutes later, past the same isolate's batch",
    );
    // another message shows that the ones before are written down: they come in one order
    await ask("q2", BLOCKED + 9 * MINUTE);
    await counted(2);
    await ask("q1", BLOCKED + 21 * MINUTE);
    await counted(3);
  });
}

test("different messages of one name each count, of one server and of several", async () => {
  const tenant = "again";
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: BLOCKED });
  const before = await edge.client.counted(tenant);
  const tell = async (/** @type {string} */ header, record = "async") => {
    const body = event({ tenant, event_id: "4AGAIN", record, header });
    await edge.client.decide(body, { now: BLOCKED });
  };
  const one = received({ host: "EX01.contoso.com", now: BLOCKED });
  const next = received({ host: "EX01.contoso.com", now: BLOCKED - 1 });
  const other = received({ host: "EX02.contoso.com", now: BLOCKED });
  for (const header of [one, next, other]) await tell(header);
  // the same one again, also as another gateway folds it
  await tell(one);
  await tell(one.replaceAll("\r\n ", "\n\t"));
  await tell(one, "sync");
  await until("each is counted", async () => (await edge.client.counted(tenant)) - before >= 3);
  await tell(next, "sync");
  assert.equal((await edge.client.counted(tenant)) - before, 3);
});
