/**
 * Many messages in one request.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, received } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";

const NOW = at("2026-10-01T12:00:00Z");
const PATH = "/v1/decide/batch";

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** @param {BodyInit | object} body @param {Record<string, string>} [headers] */
const post = (body, headers) => client.ask("POST", PATH, { body, headers, now: NOW });

/** @param {string} tenant @param {number} index @param {Record<string, unknown>} [members] */
function message(tenant, index, members) {
  const header = received({ host: `EX${index}.contoso.com`, now: NOW + index });
  return event({ tenant, header, ...members });
}

test("answers come in the order of the events, whatever becomes of each", async () => {
  const body = [
    message("ordered", 0),
    { tenant: "ordered" },
    event({ tenant: "ordered", header: "" }),
    5,
    message("Ordered", 1),
    message("ordered", 2),
  ];
  const { status, json, headers } = await post(body);
  assert.deepEqual([status, headers.get("content-type")], [200, "application/json"]);
  assert.deepEqual(
    json.map(
      (/** @type {any} */ item) => item.server?.id ?? item.field ?? item.status ?? item.standing.state,
    ),
    ["ex0.contoso.com", "header", "not_exchange", 400, "tenant", "ex2.contoso.com"],
  );
});

test("lines are answered by lines", async () => {
  const lines = [message("lined", 1), { tenant: "lined" }, message("lined", 2)].map((line) =>
    JSON.stringify(line),
  );
  for (const [body, headers] of /** @type {[string, Record<string, string>][]} */ ([
    [`${lines.join("\r\n\r\n")}\n`, {}],
    [lines.join("\n"), { "content-type": "application/x-ndjson; charset=utf-8" }],
  ])) {
    const answer = await post(body, headers);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/x-ndjson/);
    const answers = answer.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      [answers[0].server.id, answers[1].status, answers[2].server.id],
      ["ex1.contoso.com", 400, "ex2.contoso.com"],
    );
  }
});

test("256 events are decided in one request, each recorded where that is asked for", async () => {
  const tenant = "many";
  const body = Array.from({ length: 256 }, (_, index) =>
    message(tenant, index, { record: index % 64 ? "async" : "sync" }),
  );
  const { status, json } = await post(body);
  assert.equal(status, 200);
  assert.deepEqual(
    json.map((/** @type {any} */ { server, recorded, degraded }) => [server?.id, recorded, degraded]),
    body.map((_, index) => [`ex${index}.contoso.com`, index % 64 === 0, false]),
  );
});

test("a whole that is none is refused", async () => {
  const one = event({ tenant: "x", header: "" });
  for (const [body, status] of /** @type {[any, number][]} */ ([
    [Array(257).fill(one), 422],
    ["[{", 400],
    ["", 400],
    ['"text"', 400],
    ["[] []", 400],
    ["x".repeat(8 * 1024 * 1024 + 1), 413],
    [[], 200],
  ])) {
    const answer = await post(body);
    assert.equal(answer.status, status, answer.text.slice(0, 200));
  }
  assert.equal((await client.ask("GET", PATH)).status, 405);
  assert.equal((await client.ask("POST", PATH, { body: [one], key: "tg_x_y" })).status, 401);
});

test("one event that is too large or not UTF-8 leaves the others alone", async () => {
  const good = JSON.stringify(message("apart", 1));
  const large = JSON.stringify(event({ tenant: "apart", header: "x".repeat(1_200_000) }));
  const octets = Buffer.from(
    `[${good},${large},{"tenant":"apart","header":"X: \xff\\r\\n"},${good}]`,
    "latin1",
  );
  const { status, json } = await post(octets);
  assert.equal(status, 200);
  assert.deepEqual(
    json.map((/** @type {any} */ item) => item.status ?? item.standing.state),
    ["out_of_date", 413, "not_exchange", "out_of_date"],
  );
});

test("a bound key's events are its own tenant's", async () => {
  const made = await client.ask("POST", "/v1/keys", {
    body: { role: "gateway", tenant: "bound", name: "mx", gateway: { connector: "on_premises" } },
    now: NOW,
  });
  const { tenant: _, connector: __, ...bare } = message("bound", 1);
  const { json } = await client.ask("POST", PATH, {
    body: [bare, message("other", 1)],
    key: made.json.key,
    now: NOW,
  });
  assert.deepEqual([json[0].server.id, json[1].status, json[1].field], ["ex1.contoso.com", 403, "tenant"]);
});
