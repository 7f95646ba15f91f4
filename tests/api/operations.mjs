/**
 * All operations of the API: who may call them, how they succeed, and how each of their other answers comes about.
 */
import assert from "node:assert/strict";
import { event, received, rfc3339, until } from "../support/client.mjs";
import { BLOCKED_SERVER, CURRENT_SERVER, NOW, PATCHED_SERVER, ROLES } from "./world.mjs";

const DAY = 24 * 3600;
/** Octets beyond what any operation reads. */
const TOO_MANY = 9 * 1024 * 1024;
const NO_TENANT = "Not%20a%20tenant";
const MALFORMED = '{"mode":';

/** @typedef {import("./world.mjs").World} World */
/** @typedef {import("./world.mjs").Call} Call */
/** @typedef {import("../support/client.mjs").Answer} Answer */

/**
 * One way to an answer: what has to be there is made, then it is called.
 * @typedef {(world: World, tenant: string) => Promise<Case> | Case} Provoke
 * @typedef {Call & { key?: string, field?: string, failing?: boolean | ("kv" | "ledger" | "operator")[], check?: (answer: Answer) => void }} Case
 *   `field`: named by the problem; `failing`: while all that the worker stores in fails, or these parts of it
 */

/**
 * @typedef {object} Operation
 * @property {string} id `operationId` of the document
 * @property {string} method
 * @property {string} path
 * @property {"none" | "any" | import("./world.mjs").Role} role the least that may call it; `gateway`: gateways and
 *   admins; `any`: whoever has a key
 * @property {"own" | "own:policy" | "own:exempt" | "no"} [bound] what a key bound to a tenant may do: in its own tenant,
 *   there by delegation, nothing
 * @property {"path" | "body" | "query" | "id"} [tenant] how a call names a tenant
 * @property {boolean} [body] it takes one
 * @property {number} success
 * @property {(world: World, tenant: string) => Promise<any>} [prepare] makes what a success needs, as often as called
 * @property {(tenant: string, prepared: any) => Call} call that succeeds; `prepared` is what `prepare` gave
 * @property {Record<number, Provoke[]>} [more] further ways to answers, by status
 * @property {"kv" | "ledger" | "operator" | ("ledger" | "operator")[]} [needs] without which it cannot be answered; of
 *   several one is enough
 * @property {true} [asset] served beside the worker
 * @property {true} [destroys] the tenant
 */

/** @param {string} tenant @param {string} [rest] */
const at = (tenant, rest = "") => `/v1/tenants/${tenant}${rest}`;

/** @param {string} tenant @param {Record<string, unknown>} [members] */
const message = (tenant, members) =>
  event({ tenant, header: received({ host: BLOCKED_SERVER, now: NOW }), ...members });

/** A tenant that holds nothing but a policy. @type {NonNullable<Operation["prepare"]>} */
const aTenant = async (world, tenant) => {
  await world.admin("PUT", at(tenant, "/policy"), { mode: "enforce" });
};

/** @type {Map<string, Promise<void>>} */
const seeded = new Map();

/** A tenant with servers. @type {NonNullable<Operation["prepare"]>} */
const servers = async (world, tenant) => {
  const made = seeded.get(tenant) ?? world.seed(tenant);
  seeded.set(tenant, made);
  await made;
};

/** @param {number} days from now */
const day = (days) => rfc3339(NOW + days * DAY).slice(0, 10);

/**
 * A pause of two days from tomorrow on, alone in its tenant.
 * @type {NonNullable<Operation["prepare"]>}
 */
const scheduledPause = async (world, tenant) => {
  await world.endPauses(tenant);
  return world.admin("POST", at(tenant, "/pauses"), { days: 2, reason: "Migration", starts_on: day(1) });
};

/** @type {NonNullable<Operation["prepare"]>} */
const endedPause = async (world, tenant) => {
  await world.endPauses(tenant);
  const pause = await world.admin("POST", at(tenant, "/pauses"), { days: 2, reason: "Migration" });
  await world.admin("DELETE", at(tenant, `/pauses/${pause.id}`));
  return pause;
};

const EXEMPTION = `/servers/${BLOCKED_SERVER}/exemption`;

/** @type {NonNullable<Operation["prepare"]>} */
const exemption = async (world, tenant) => {
  await servers(world, tenant);
  const exempt = { reason: "Migration", expires_at: rfc3339(NOW + 30 * DAY) };
  await world.admin("PUT", at(tenant, EXEMPTION), exempt);
};

/** The only webhook of its tenant. @type {NonNullable<Operation["prepare"]>} */
const webhook = async (world, tenant) => {
  await noWebhooks(world, tenant);
  return world.admin("POST", at(tenant, "/webhooks"), { url: "https://hooks.example/tidegate" });
};

/** @type {NonNullable<Operation["prepare"]>} */
const noWebhooks = async (world, tenant) => {
  const { items } = await world.admin("GET", at(tenant, "/webhooks"));
  for (const { id } of items) await world.admin("DELETE", at(tenant, `/webhooks/${id}`));
};

const BASELINE = {
  name: "house",
  editions: [
    {
      effective: "2026-11-01",
      unsupported_after_end_of_support: true,
      products: {
        "Exchange Server 2013": "unsupported",
        "Exchange Server 2016": { minimum: ["15.1.2507.61"] },
        "Exchange Server SE": { max_lag_days: 60 },
      },
    },
  ],
};

/** @type {NonNullable<Operation["prepare"]>} */
const baseline = (world) => world.admin("PUT", "/v1/baselines/house", BASELINE);

/** @type {NonNullable<Operation["prepare"]>} */
const catalog = async (world) => (await world.admin("GET", "/v1/catalog")).catalog;

/** What the tests of the API have made of policies so far. Each is accepted. */
export const POLICIES = [
  {},
  { mode: "off" },
  {
    mode: "enforce",
    scope: ["on_premises", "partner", "internet"],
    baseline: "strict",
    waves: { "Exchange Server SE": "2027-01-01", "Exchange Server 2016": null },
    ladder: [
      { minutes: 90, throttle_minutes: 0, block_minutes: 0 },
      { days: 3_660, throttle_minutes: 30, block_minutes: 30 },
      { throttle_minutes: 0, block_minutes: 60 },
    ],
    trusted_relays: [{ host: ".Relay.Example.", networks: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"] }],
    enforce_behind_relays: true,
    always_accept: ["help", "it+exchange"],
    operator: "Example Mail {eu}",
    help_url: "http://help.example/?a=b&c=d",
    reply: { throttle: "{operator}: {n} min", block: "{server} {build} {required} {stage} {next_change}~" },
    delegated: ["exempt", "policy"],
    pause_days_per_year: 366,
  },
  { scope: [], always_accept: [], trusted_relays: [], waves: {}, reply: {}, delegated: [], help_url: null },
  { ladder: [{ throttle_minutes: 60, block_minutes: 0 }], pause_days_per_year: 0 },
  { baseline: BASELINE, reply: { block: "no" } },
];

/** @type {Operation[]} */
export const OPERATIONS = [
  {
    id: "decide",
    method: "POST",
    path: "/v1/decide",
    role: "gateway",
    bound: "own",
    tenant: "body",
    body: true,
    success: 200,
    prepare: servers,
    call: (tenant) => ({ path: "/v1/decide", body: message(tenant) }),
    more: {
      200: [
        ...[0, 10, 20, 30, 40, 50].map((minute) => async (/** @type {World} */ world) => {
          const tenant = "stage-7";
          await servers(world, tenant);
          const now = NOW - 12 * DAY + minute * 60;
          const header = received({ host: BLOCKED_SERVER, now });
          const check = (/** @type {Answer} */ { json }) => assert.equal(json.stage.number, 7);
          return { path: "/v1/decide", body: event({ tenant, header }), now, check };
        }),
        async (world, tenant) => {
          await servers(world, tenant);
          return { path: "/v1/decide", body: message(tenant, { record: "sync" }), check: isRecorded };
        },
        (_world, tenant) => ({ path: "/v1/decide", body: event({ tenant, header: "" }) }),
        (_world, tenant) => ({
          path: "/v1/decide",
          body: {
            tenant,
            connector: null,
            record: null,
            client: null,
            own_hops: null,
            envelope: { from: null, to: null },
            header: [["Received", "from a by b with ESMTP id 1; Mon, 4 Jan 2027 08:15:08 +0000"]],
          },
        }),
        async (world, tenant) => {
          const key = await world.key("gateway", tenant);
          const { tenant: _, ...body } = message(tenant);
          return { path: "/v1/decide", body, key };
        },
        (_world, tenant) => ({
          path: "/v1/decide",
          body: message(tenant),
          failing: true,
          check: ({ json }) => assert.deepEqual([json.action, json.degraded], ["accept", true]),
        }),
      ],
      400: [
        () => ({ path: "/v1/decide", body: MALFORMED }),
        () => ({ path: "/v1/decide", body: { header: "" }, field: "tenant" }),
        (_world, tenant) => ({
          path: "/v1/decide",
          body: message(tenant, { own_hops: 17 }),
          field: "own_hops",
        }),
      ],
      403: [
        async (world, tenant) => ({
          path: "/v1/decide",
          body: message("another"),
          key: await world.key("gateway", tenant),
          field: "tenant",
        }),
      ],
    },
  },
  {
    id: "decideBatch",
    method: "POST",
    path: "/v1/decide/batch",
    role: "gateway",
    bound: "own",
    tenant: "body",
    body: true,
    success: 200,
    prepare: servers,
    call: (tenant) => ({ path: "/v1/decide/batch", body: [message(tenant), message(tenant)] }),
    more: {
      200: [
        async (world, tenant) => {
          const body = [message(tenant), message("another"), { tenant }, 5, event({ tenant, header: "" })];
          return {
            path: "/v1/decide/batch",
            body,
            key: await world.key("gateway", tenant),
            check: ({ json }) =>
              assert.deepEqual(
                json.map((/** @type {any} */ item) => item.status ?? item.action),
                ["reject", 403, 400, 400, "accept"],
              ),
          };
        },
        ...["application/json", "application/x-ndjson"].map(
          (type) => /** @type {Provoke} */ (_world, tenant) => ({
            path: "/v1/decide/batch",
            body: `${JSON.stringify(message(tenant))}\n{"tenant":"${tenant}"}\n`,
            headers: { "content-type": type },
            check: ({ headers, text }) => {
              assert.match(headers.get("content-type") ?? "", /^application\/x-ndjson\b/);
              const lines = text
                .trimEnd()
                .split("\n")
                .map((line) => JSON.parse(line));
              assert.deepEqual([lines.length, lines[1].status, lines[1].field], [2, 400, "header"]);
            },
          }),
        ),
        () => ({
          path: "/v1/decide/batch",
          body: [],
          check: ({ json }) => assert.deepEqual(json, []),
        }),
        (_world, tenant) => ({
          path: "/v1/decide/batch",
          body: [message(tenant)],
          failing: true,
          check: ({ json }) => assert.deepEqual([json[0].action, json[0].degraded], ["accept", true]),
        }),
      ],
      400: [() => ({ path: "/v1/decide/batch", body: "[{" })],
      422: [
        (_world, tenant) => ({
          path: "/v1/decide/batch",
          body: Array(257).fill(event({ tenant, header: "" })),
        }),
      ],
    },
  },
  {
    id: "listTenants",
    method: "GET",
    path: "/v1/tenants",
    role: "viewer",
    bound: "own",
    success: 200,
    needs: "kv",
    prepare: async (world, tenant) => {
      await servers(world, tenant);
      await until(`${tenant} is listed`, async () => {
        const { items } = await world.admin("GET", "/v1/tenants?limit=1000");
        return items.some((/** @type {any} */ item) => item.tenant === tenant);
      });
    },
    call: () => ({ path: "/v1/tenants" }),
    more: {
      200: [
        async (world, tenant) => {
          await servers(world, tenant);
          return { path: "/v1/tenants?limit=1", check: isPageOfOne };
        },
        async (world) => {
          const { next } = await world.admin("GET", "/v1/tenants?limit=1");
          return { path: `/v1/tenants?limit=1&cursor=${encodeURIComponent(next)}`, check: isPageOfOne };
        },
      ],
      400: limitsOf("/v1/tenants", { isByNumber: false }),
    },
  },
  {
    id: "getTenant",
    method: "GET",
    path: "/v1/tenants/{tenant}",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: servers,
    call: (tenant) => ({ path: at(tenant) }),
    more: { 404: [() => ({ path: at("never-seen") })] },
  },
  {
    id: "deleteTenant",
    method: "DELETE",
    path: "/v1/tenants/{tenant}",
    role: "admin",
    bound: "no",
    tenant: "path",
    destroys: true,
    success: 204,
    needs: "ledger",
    prepare: aTenant,
    call: (tenant) => ({ path: at(tenant) }),
    more: { 404: [() => ({ path: at("never-seen") })] },
  },
  {
    id: "getPolicy",
    method: "GET",
    path: "/v1/tenants/{tenant}/policy",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: aTenant,
    call: (tenant) => ({ path: at(tenant, "/policy") }),
    more: {
      200: [
        () => ({
          path: at("never-seen", "/policy"),
          check: ({ headers }) => assert.equal(headers.get("etag"), '"0"'),
        }),
      ],
    },
  },
  {
    id: "putPolicy",
    method: "PUT",
    path: "/v1/tenants/{tenant}/policy",
    role: "operator",
    bound: "own:policy",
    tenant: "path",
    body: true,
    success: 200,
    needs: "ledger",
    call: (tenant) => ({ path: at(tenant, "/policy"), body: { mode: "enforce" } }),
    more: {
      200: [
        ...POLICIES.map((body) => (/** @type {World} */ _world, /** @type {string} */ tenant) => ({
          path: at(tenant, "/policy"),
          body,
        })),
        async (world, tenant) => {
          await aTenant(world, tenant);
          const { headers } = await world.ask("GET", { path: at(tenant, "/policy") });
          const tag = String(headers.get("etag"));
          return { path: at(tenant, "/policy"), body: {}, headers: { "if-match": tag } };
        },
        async (world) => {
          const tenant = "from-a-milder-ladder";
          const ladder = [
            { days: 1, throttle_minutes: 0, block_minutes: 0 },
            { throttle_minutes: 5, block_minutes: 0 },
          ];
          await world.seed(tenant, { mode: "enforce", ladder });
          return {
            path: at(tenant, "/policy"),
            body: { mode: "enforce" },
            check: ({ json }) => assert.deepEqual([json.held, json.servers.length], [1, 1]),
          };
        },
        async (world) => {
          const tenant = world.name("matched");
          const { headers } = await world.ask("GET", { path: at(tenant, "/policy") });
          return {
            path: at(tenant, "/policy"),
            body: {},
            headers: { "if-match": `"99", ${headers.get("etag")}` },
          };
        },
      ],
      400: [
        (_world, tenant) => ({ path: at(tenant, "/policy"), body: MALFORMED }),
        (_world, tenant) => ({ path: at(tenant, "/policy"), body: { modus: "report" }, field: "modus" }),
      ],
      403: [
        async (world, tenant) => {
          await aTenant(world, tenant);
          const key = await world.key("operator");
          return { path: at(tenant, "/policy"), body: { delegated: ["exempt"] }, key, field: "delegated" };
        },
      ],
      412: ['"4711"', '"4711", "4712"', 'W/"0"', "0"].map((tags) => (_world, tenant) => ({
        path: at(tenant, "/policy"),
        body: {},
        headers: { "if-match": tags },
      })),
      422: [
        (_world, tenant) => ({ path: at(tenant, "/policy"), body: { baseline: "none" }, field: "baseline" }),
      ],
    },
  },
  {
    id: "previewPolicy",
    method: "POST",
    path: "/v1/tenants/{tenant}/policy/preview",
    role: "operator",
    bound: "own",
    tenant: "path",
    body: true,
    success: 200,
    needs: "ledger",
    call: (tenant) => ({ path: at(tenant, "/policy/preview"), body: { mode: "enforce" } }),
    more: {
      200: [
        ...POLICIES.map((body) => async (/** @type {World} */ world) => {
          await servers(world, "previewed");
          return { path: at("previewed", "/policy/preview"), body };
        }),
        async (world) => {
          await servers(world, "previewed");
          return {
            path: at("previewed", "/policy/preview"),
            body: { mode: "report" },
            check: ({ json }) => {
              assert.deepEqual([json.counts, json.servers.length], [{ servers: 3, changed: 1 }, 1]);
              const [{ id, before, after, held }] = json.servers;
              assert.deepEqual([id, held], [BLOCKED_SERVER, false]);
              assert.deepEqual([before.effect.block_minutes, after.effect.block_minutes], [60, 0]);
            },
          };
        },
      ],
      400: [
        (_world, tenant) => ({ path: at(tenant, "/policy/preview"), body: MALFORMED }),
        (_world, tenant) => ({
          path: at(tenant, "/policy/preview"),
          body: { modus: "report" },
          field: "modus",
        }),
      ],
      403: [
        async (world, tenant) => {
          const key = await world.key("operator");
          const body = { delegated: ["exempt"] };
          return { path: at(tenant, "/policy/preview"), body, key, field: "delegated" };
        },
      ],
      422: [
        (_world, tenant) => ({
          path: at(tenant, "/policy/preview"),
          body: { baseline: "none" },
          field: "baseline",
        }),
      ],
    },
  },
  {
    id: "listServers",
    method: "GET",
    path: "/v1/tenants/{tenant}/servers",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: servers,
    call: (tenant) => ({ path: at(tenant, "/servers") }),
    more: {
      200: [
        ...[
          ["state=out_of_date", 1],
          ["state=current", 2],
          ["state=unknown", 0],
          ["stage=8", 1],
          ["q=EX0", 3],
          ["q=ex02&state=current", 1],
        ].map(([query, count]) => async (/** @type {World} */ world) => {
          await servers(world, "searched");
          return {
            path: at("searched", `/servers?${query}`),
            check: (/** @type {Answer} */ { json }) => assert.equal(json.items.length, count, String(query)),
          };
        }),
        async (world) => {
          await servers(world, "searched");
          const { next } = await world.admin("GET", at("searched", "/servers?limit=2"));
          return {
            path: at("searched", `/servers?limit=2&cursor=${encodeURIComponent(next)}`),
            check: isPageOfOne,
          };
        },
        ...[
          ["exempt=true", [BLOCKED_SERVER]],
          ["exempt=true&state=current", []],
          ["exempt=false", [PATCHED_SERVER, CURRENT_SERVER]],
        ].map(([query, ids]) => async (/** @type {World} */ world) => {
          await servers(world, "searched-exempt");
          await exemption(world, "searched-exempt");
          return {
            path: at("searched-exempt", `/servers?${query}`),
            check: (/** @type {Answer} */ { json }) =>
              assert.deepEqual(json.items.map((/** @type {any} */ { id }) => id).sort(), ids),
          };
        }),
      ],
      400: [
        ...limitsOf("/v1/tenants/any/servers", { isByNumber: false }),
        (_world, tenant) => ({ path: at(tenant, "/servers?q=%ff"), field: "q" }),
        (_world, tenant) => ({ path: at(tenant, "/servers?state=fine"), field: "state" }),
        (_world, tenant) => ({ path: at(tenant, "/servers?stage=0"), field: "stage" }),
        (_world, tenant) => ({ path: at(tenant, "/servers?exempt=yes"), field: "exempt" }),
      ],
    },
  },
  {
    id: "getServer",
    method: "GET",
    path: "/v1/tenants/{tenant}/servers/{server}",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: exemption,
    call: (tenant) => ({ path: at(tenant, `/servers/${BLOCKED_SERVER}`) }),
    more: {
      200: [
        async (world, tenant) => {
          await servers(world, tenant);
          return {
            path: at(tenant, `/servers/${PATCHED_SERVER}`),
            check: ({ json }) => assert.deepEqual([json.spells.length, json.spells[0].end], [1, "patched"]),
          };
        },
      ],
      404: unknownServers(""),
    },
  },
  {
    id: "getServerCounts",
    method: "GET",
    path: "/v1/tenants/{tenant}/servers/{server}/counts",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: servers,
    call: (tenant) => ({ path: at(tenant, `/servers/${BLOCKED_SERVER}/counts`) }),
    more: {
      200: ["by=hour", "by=day&from=2026-10-01&to=2027-01-04"].map(
        (query) => async (/** @type {World} */ world) => {
          await servers(world, "counted");
          return {
            path: at("counted", `/servers/${PATCHED_SERVER}/counts?${query}`),
            check: ({ json }) => {
              const inRange = query === "by=hour" ? [0, 0] : [2, 3];
              assert.deepEqual([json.builds.length, json.series.length], inRange);
            },
          };
        },
      ),
      400: [
        ["by=week", "by"],
        ["from=soon", "from"],
      ].map(([query, field]) => (/** @type {World} */ _world, /** @type {string} */ tenant) => ({
        path: at(tenant, `/servers/${BLOCKED_SERVER}/counts?${query}`),
        field,
      })),
      404: unknownServers("/counts"),
      422: [
        ["by=hour&from=2026-12-21&to=2027-01-04", "from"],
        ["from=2027-01-05&to=2027-01-04", "from"],
      ].map(([query, field]) => (/** @type {World} */ _world, /** @type {string} */ tenant) => ({
        path: at(tenant, `/servers/${BLOCKED_SERVER}/counts?${query}`),
        field,
      })),
    },
  },
  {
    id: "deleteServer",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/servers/{server}",
    role: "operator",
    bound: "no",
    tenant: "path",
    success: 204,
    needs: "ledger",
    prepare: async (world, tenant) => {
      await aTenant(world, tenant);
      await world.send(tenant, "ex99.contoso.com");
    },
    call: (tenant) => ({ path: at(tenant, "/servers/ex99.contoso.com") }),
    more: { 404: unknownServers("") },
  },
  {
    id: "getExemption",
    method: "GET",
    path: "/v1/tenants/{tenant}/servers/{server}/exemption",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: exemption,
    call: (tenant) => ({ path: at(tenant, EXEMPTION) }),
    more: {
      404: [
        ...unknownServers("/exemption"),
        (_world, tenant) => ({ path: at(tenant, `/servers/${PATCHED_SERVER}/exemption`) }),
      ],
    },
  },
  {
    id: "putExemption",
    method: "PUT",
    path: "/v1/tenants/{tenant}/servers/{server}/exemption",
    role: "operator",
    bound: "own:exempt",
    tenant: "path",
    body: true,
    success: 200,
    needs: "ledger",
    prepare: servers,
    call: (tenant) => ({
      path: at(tenant, EXEMPTION),
      body: { reason: "Migration", expires_at: rfc3339(NOW + 365 * DAY) },
    }),
    more: {
      400: [
        (_world, tenant) => ({ path: at(tenant, EXEMPTION), body: MALFORMED }),
        (_world, tenant) => ({
          path: at(tenant, EXEMPTION),
          body: { expires_at: rfc3339(NOW + DAY) },
          field: "reason",
        }),
      ],
      404: unknownServers("/exemption", { reason: "Migration", expires_at: rfc3339(NOW + DAY) }),
      422: [
        ...[NOW, NOW + 366 * DAY].map((expires) => /** @type {Provoke} */ async (world, tenant) => {
          await servers(world, tenant);
          const body = { reason: "Migration", expires_at: rfc3339(expires) };
          return { path: at(tenant, EXEMPTION), body, field: "expires_at" };
        }),
        (_world, tenant) => ({
          path: at(tenant, EXEMPTION),
          body: { reason: "", expires_at: rfc3339(NOW + DAY) },
          field: "reason",
        }),
      ],
    },
  },
  {
    id: "endExemption",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/servers/{server}/exemption",
    role: "operator",
    bound: "own:exempt",
    tenant: "path",
    success: 204,
    needs: "ledger",
    prepare: exemption,
    call: (tenant) => ({ path: at(tenant, EXEMPTION) }),
    more: { 404: unknownServers("/exemption") },
  },
  {
    id: "listPauses",
    method: "GET",
    path: "/v1/tenants/{tenant}/pauses",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: async (world, tenant) => {
      await endedPause(world, tenant);
      await scheduledPause(world, tenant);
    },
    call: (tenant) => ({ path: at(tenant, "/pauses") }),
    more: {
      200: [
        () => ({
          path: at("never-seen", "/pauses"),
          check: ({ json }) =>
            assert.deepEqual(json.budget, {
              days_per_year: 90,
              years: [
                { year: 2027, used: 0, left: 90 },
                { year: 2028, used: 0, left: 90 },
              ],
            }),
        }),
      ],
      400: limitsOf("/v1/tenants/any/pauses"),
    },
  },
  {
    id: "createPause",
    method: "POST",
    path: "/v1/tenants/{tenant}/pauses",
    role: "operator",
    bound: "own",
    tenant: "path",
    body: true,
    success: 201,
    needs: "ledger",
    prepare: (world, tenant) => world.endPauses(tenant),
    call: (tenant) => ({ path: at(tenant, "/pauses"), body: { days: 1, reason: "Migration" } }),
    more: {
      201: [
        async (world, tenant) => {
          await world.endPauses(tenant);
          const body = { days: 14, reason: "Migration", starts_on: day(10) };
          return { path: at(tenant, "/pauses"), body };
        },
      ],
      400: [
        (_world, tenant) => ({ path: at(tenant, "/pauses"), body: MALFORMED }),
        (_world, tenant) => ({
          path: at(tenant, "/pauses"),
          body: { days: "2", reason: "x" },
          field: "days",
        }),
        (_world, tenant) => ({ path: at(tenant, "/pauses"), body: { days: 2 }, field: "reason" }),
      ],
      409: [
        async (world, tenant) => {
          await scheduledPause(world, tenant);
          const body = { days: 2, reason: "Migration", starts_on: day(2) };
          return { path: at(tenant, "/pauses"), body, field: "starts_on" };
        },
      ],
      422: [
        async (world, tenant) => {
          await world.endPauses(tenant);
          const check = (/** @type {Answer} */ { json }) => assert.match(json.detail, /\b2027\b/);
          return {
            path: at(tenant, "/pauses"),
            body: { days: 366, reason: "Migration" },
            field: "days",
            check,
          };
        },
        ...[-1, 367].map((days) => /** @type {Provoke} */ (_world, tenant) => ({
          path: at(tenant, "/pauses"),
          body: { days: 1, reason: "Migration", starts_on: day(days) },
          field: "starts_on",
        })),
      ],
    },
  },
  {
    id: "changePause",
    method: "PATCH",
    path: "/v1/tenants/{tenant}/pauses/{pause}",
    role: "operator",
    bound: "own",
    tenant: "path",
    body: true,
    success: 200,
    needs: "ledger",
    prepare: scheduledPause,
    call: (tenant, { id }) => ({ path: at(tenant, `/pauses/${id}`), body: { days: 3 } }),
    more: {
      400: [() => ({ path: at("any", "/pauses/1"), body: MALFORMED })],
      404: [
        ...["999999", "none"].map((id) => /** @type {Provoke} */ (_world, tenant) => ({
          path: at(tenant, `/pauses/${id}`),
          body: { days: 3 },
        })),
        ...["+", "%2B", "0"].map((before) => /** @type {Provoke} */ async (world, tenant) => {
          const { id } = await scheduledPause(world, tenant);
          return { path: at(tenant, `/pauses/${before}${id}`), body: { days: 3 } };
        }),
      ],
      409: [
        async (world, tenant) => {
          const { id } = await endedPause(world, tenant);
          return { path: at(tenant, `/pauses/${id}`), body: { days: 3 } };
        },
        async (world, tenant) => {
          const { id } = await scheduledPause(world, tenant);
          const later = { days: 2, reason: "Migration", starts_on: day(5) };
          await world.admin("POST", at(tenant, "/pauses"), later);
          return { path: at(tenant, `/pauses/${id}`), body: { days: 5 }, field: "days" };
        },
      ],
      422: [
        async (world, tenant) => {
          const { id } = await scheduledPause(world, tenant);
          return { path: at(tenant, `/pauses/${id}`), body: { days: 366 }, field: "days" };
        },
      ],
    },
  },
  {
    id: "endPause",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/pauses/{pause}",
    role: "operator",
    bound: "own",
    tenant: "path",
    success: 204,
    needs: "ledger",
    prepare: scheduledPause,
    call: (tenant, { id }) => ({ path: at(tenant, `/pauses/${id}`) }),
    more: {
      404: ["999999", "none"].map((id) => (_world, tenant) => ({ path: at(tenant, `/pauses/${id}`) })),
      409: [
        async (world, tenant) => ({ path: at(tenant, `/pauses/${(await endedPause(world, tenant)).id}`) }),
      ],
    },
  },
  {
    id: "getReport",
    method: "GET",
    path: "/v1/tenants/{tenant}/report",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: exemption,
    call: (tenant) => ({ path: at(tenant, "/report") }),
    more: {
      200: [
        async (world) => {
          await servers(world, "reported");
          return {
            path: at("reported", "/report?from=2026-10-01&to=2027-01-04&limit=1"),
            check: ({ json }) => {
              assert.deepEqual([json.from, json.to, json.servers.length], ["2026-10-01", "2027-01-04", 1]);
              assert.ok(json.next && json.transitions.length > 0 && json.series.length > 0);
              const sum = (/** @type {any} */ { accept, defer, reject }) => accept + defer + reject;
              assert.equal(
                sum(json.totals),
                json.series.reduce(
                  (/** @type {number} */ total, /** @type {any} */ of) => total + sum(of),
                  0,
                ),
              );
            },
          };
        },
        async (world) => {
          await servers(world, "reported");
          return {
            path: at("reported", "/report?from=2026-10-01&to=2027-01-04"),
            headers: { accept: "text/csv" },
            check: ({ text }) => {
              const [head, ...rows] = text.trimEnd().split("\r\n");
              assert.equal(
                head,
                "id,name,connector,build,product,state,reason,required,behind_days,stage,detected_at,throttled_from,blocked_from,exempt_until,last_seen," +
                  "accept,defer,reject,would_defer,would_reject",
              );
              assert.equal(rows.length, 3);
            },
          };
        },
      ],
      400: [
        ...limitsOf("/v1/tenants/any/report", { isByNumber: false }),
        (_world, tenant) => ({ path: at(tenant, "/report?from=yesterday"), field: "from" }),
        (_world, tenant) => ({ path: at(tenant, "/report?to=2027-02-30"), field: "to" }),
      ],
      422: [
        (_world, tenant) => ({ path: at(tenant, "/report?from=2025-11-30&to=2027-01-04") }),
        (_world, tenant) => ({ path: at(tenant, "/report?from=2027-01-04&to=2027-01-03") }),
      ],
    },
  },
  {
    id: "listWebhooks",
    method: "GET",
    path: "/v1/tenants/{tenant}/webhooks",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: webhook,
    call: (tenant) => ({ path: at(tenant, "/webhooks") }),
    more: { 400: limitsOf("/v1/tenants/any/webhooks", { isByNumber: false }) },
  },
  {
    id: "createWebhook",
    method: "POST",
    path: "/v1/tenants/{tenant}/webhooks",
    role: "operator",
    bound: "own",
    tenant: "path",
    body: true,
    success: 201,
    needs: "ledger",
    prepare: noWebhooks,
    call: (tenant) => ({ path: at(tenant, "/webhooks"), body: { url: "https://hooks.example/a?b=c" } }),
    more: {
      400: [
        (_world, tenant) => ({ path: at(tenant, "/webhooks"), body: MALFORMED }),
        (_world, tenant) => ({ path: at(tenant, "/webhooks"), body: {}, field: "url" }),
      ],
      422: [
        ...["http://hooks.example/", "https://", "nowhere"].map((url) => (_world, tenant) => ({
          path: at(tenant, "/webhooks"),
          body: { url },
          field: "url",
        })),
        async (world) => {
          const tenant = "many-webhooks";
          await noWebhooks(world, tenant);
          for (let number = 1; number <= 8; number += 1) {
            await world.admin("POST", at(tenant, "/webhooks"), { url: `https://hooks.example/${number}` });
          }
          return { path: at(tenant, "/webhooks"), body: { url: "https://hooks.example/9" }, field: "url" };
        },
      ],
    },
  },
  {
    id: "deleteWebhook",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/webhooks/{webhook}",
    role: "operator",
    bound: "own",
    tenant: "path",
    success: 204,
    needs: "ledger",
    prepare: webhook,
    call: (tenant, { id }) => ({ path: at(tenant, `/webhooks/${id}`) }),
    more: {
      404: ["999999", "none"].map((id) => (_world, tenant) => ({ path: at(tenant, `/webhooks/${id}`) })),
    },
  },
  {
    id: "rotateWebhook",
    method: "POST",
    path: "/v1/tenants/{tenant}/webhooks/{webhook}/rotate",
    role: "operator",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: webhook,
    call: (tenant, { id }) => ({ path: at(tenant, `/webhooks/${id}/rotate`) }),
    more: {
      404: ["999999", "none"].map((id) => (_world, tenant) => ({
        path: at(tenant, `/webhooks/${id}/rotate`),
      })),
    },
  },
  {
    id: "listNotifications",
    method: "GET",
    path: "/v1/tenants/{tenant}/notifications",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: servers,
    call: (tenant) => ({ path: at(tenant, "/notifications") }),
    more: {
      200: [
        async (world, tenant) => {
          await servers(world, tenant);
          return { path: at(tenant, "/notifications?limit=1"), check: isPageOfOne };
        },
      ],
      400: limitsOf("/v1/tenants/any/notifications"),
    },
  },
  {
    id: "listTenantAudit",
    method: "GET",
    path: "/v1/tenants/{tenant}/audit",
    role: "viewer",
    bound: "own",
    tenant: "path",
    success: 200,
    needs: "ledger",
    prepare: exemption,
    call: (tenant) => ({ path: at(tenant, "/audit") }),
    more: {
      200: [
        async (world, tenant) => {
          await exemption(world, tenant);
          return { path: at(tenant, "/audit?limit=1"), check: isPageOfOne };
        },
        async (world, tenant) => {
          await exemption(world, tenant);
          await scheduledPause(world, tenant);
          await webhook(world, tenant);
          return {
            path: at(tenant, "/audit?limit=1000"),
            check: ({ json }) => {
              const actions = json.items.map((/** @type {any} */ { action }) => action);
              for (const action of ["policy.put", "exemption.put", "pause.create", "webhook.create"]) {
                assert.ok(actions.includes(action), `${action} is in the trail`);
              }
            },
          };
        },
      ],
      400: limitsOf("/v1/tenants/any/audit"),
    },
  },
  {
    id: "listAudit",
    method: "GET",
    path: "/v1/audit",
    role: "admin",
    bound: "no",
    success: 200,
    needs: "operator",
    prepare: baseline,
    call: () => ({ path: "/v1/audit" }),
    more: {
      200: [
        async (world) => {
          await baseline(world, "");
          return { path: "/v1/audit?limit=1", check: isPageOfOne };
        },
      ],
      400: limitsOf("/v1/audit"),
    },
  },
  {
    id: "republish",
    method: "POST",
    path: "/v1/republish",
    role: "admin",
    bound: "no",
    success: 202,
    needs: "operator",
    call: () => ({ path: "/v1/republish" }),
  },
  {
    id: "listOperatorNotifications",
    method: "GET",
    path: "/v1/notifications",
    role: "viewer",
    bound: "no",
    success: 200,
    needs: "operator",
    call: () => ({ path: "/v1/notifications" }),
    more: { 400: limitsOf("/v1/notifications") },
  },
  {
    id: "getCatalog",
    method: "GET",
    path: "/v1/catalog",
    role: "viewer",
    bound: "own",
    success: 200,
    call: () => ({ path: "/v1/catalog" }),
    more: {
      200: [
        () => ({
          path: "/v1/catalog?version=0",
          check: ({ json }) => assert.deepEqual([json.version, json.updated_at], [0, null]),
        }),
      ],
      400: [() => ({ path: "/v1/catalog?version=newest", field: "version" })],
      404: [() => ({ path: "/v1/catalog?version=999999" })],
    },
  },
  {
    id: "putCatalog",
    method: "PUT",
    path: "/v1/catalog",
    role: "admin",
    bound: "no",
    body: true,
    success: 200,
    needs: "operator",
    prepare: catalog,
    call: (_tenant, body) => ({ path: "/v1/catalog", body }),
    more: {
      200: [
        async (world) => {
          const { headers } = await world.ask("GET", { path: "/v1/catalog" });
          const tag = String(headers.get("etag"));
          return { path: "/v1/catalog?version=0", headers: { "if-match": tag } };
        },
        async (world) => {
          const { headers } = await world.ask("GET", { path: "/v1/catalog" });
          return { path: "/v1/catalog?version=0", headers: { "if-match": `"4711", ${headers.get("etag")}` } };
        },
      ],
      400: [
        async (world) => ({
          path: "/v1/catalog?version=0",
          body: await catalog(world, ""),
          field: "version",
        }),
        () => ({ path: "/v1/catalog", body: MALFORMED }),
        () => ({ path: "/v1/catalog", body: { releases: [] } }),
      ],
      404: [() => ({ path: "/v1/catalog?version=999999" })],
      412: [
        async (world) => ({
          path: "/v1/catalog",
          body: await catalog(world, ""),
          headers: { "if-match": '"4711"' },
        }),
      ],
      422: [
        async (world) => {
          const body = await catalog(world, "");
          body.releases[17].build = "15.1.x";
          return { path: "/v1/catalog", body, field: "releases[17].build" };
        },
      ],
    },
  },
  {
    id: "listBaselines",
    method: "GET",
    path: "/v1/baselines",
    role: "viewer",
    bound: "own",
    success: 200,
    prepare: baseline,
    call: () => ({ path: "/v1/baselines" }),
    more: {
      200: [
        async (world) => {
          await baseline(world, "");
          return {
            path: "/v1/baselines",
            check: ({ json }) =>
              assert.deepEqual(
                json.items.map((/** @type {any} */ { name }) => name),
                ["exploited", "house", "microsoft", "strict"],
              ),
          };
        },
      ],
      400: limitsOf("/v1/baselines", { isByNumber: false }),
    },
  },
  {
    id: "getBaseline",
    method: "GET",
    path: "/v1/baselines/{baseline}",
    role: "viewer",
    bound: "own",
    success: 200,
    prepare: baseline,
    call: () => ({ path: "/v1/baselines/house" }),
    more: {
      200: ["microsoft", "strict", "strict?version=0"].map((name) => () => ({
        path: `/v1/baselines/${name}`,
      })),
      400: [() => ({ path: "/v1/baselines/strict?version=newest", field: "version" })],
      404: [
        () => ({ path: "/v1/baselines/none" }),
        () => ({ path: "/v1/baselines/strict?version=999999" }),
        () => ({ path: "/v1/baselines/No%20name" }),
      ],
    },
  },
  {
    id: "putBaseline",
    method: "PUT",
    path: "/v1/baselines/{baseline}",
    role: "admin",
    bound: "no",
    body: true,
    success: 200,
    needs: "operator",
    call: () => ({ path: "/v1/baselines/house", body: BASELINE }),
    more: {
      200: [
        async (world) => {
          const { version } = await world.admin("GET", "/v1/baselines/house");
          return {
            path: `/v1/baselines/house?version=${version}`,
            check: ({ json }) => assert.ok(json.version > version, "another version, of the same content"),
          };
        },
      ],
      400: [
        () => ({ path: "/v1/baselines/house", body: MALFORMED }),
        () => ({ path: "/v1/baselines/house", body: { name: "house" } }),
      ],
      404: [() => ({ path: "/v1/baselines/house?version=999999" })],
      412: [() => ({ path: "/v1/baselines/house", body: BASELINE, headers: { "if-match": '"4711"' } })],
      422: [
        () => ({ path: "/v1/baselines/another", body: BASELINE, field: "name" }),
        () => {
          const editions = [{ effective: "2026-01-01", products: { "Exchange Server 2099": "unsupported" } }];
          return { path: "/v1/baselines/house", body: { name: "house", editions } };
        },
      ],
    },
  },
  {
    id: "getControlMode",
    method: "GET",
    path: "/v1/control/mode",
    role: "viewer",
    bound: "no",
    success: 200,
    call: () => ({ path: "/v1/control/mode" }),
  },
  {
    id: "putControlMode",
    method: "PUT",
    path: "/v1/control/mode",
    role: "admin",
    bound: "no",
    body: true,
    success: 200,
    needs: "operator",
    call: () => ({ path: "/v1/control/mode", body: { mode: "enforce" } }),
    more: {
      400: [
        () => ({ path: "/v1/control/mode", body: MALFORMED }),
        () => ({ path: "/v1/control/mode", body: { mode: "on" }, field: "mode" }),
      ],
    },
  },
  {
    id: "listKeys",
    method: "GET",
    path: "/v1/keys",
    role: "operator",
    bound: "own",
    tenant: "query",
    success: 200,
    needs: ["ledger", "operator"],
    prepare: (world, tenant) => world.key("gateway", tenant),
    call: (tenant) => ({ path: `/v1/keys?tenant=${tenant}` }),
    more: {
      200: [
        () => ({ path: "/v1/keys?limit=1000" }),
        async (world) => {
          await world.key("viewer");
          return { path: "/v1/keys?limit=1", check: isPageOfOne };
        },
      ],
      400: [...limitsOf("/v1/keys"), () => ({ path: `/v1/keys?tenant=${NO_TENANT}`, field: "tenant" })],
    },
  },
  {
    id: "createKey",
    method: "POST",
    path: "/v1/keys",
    role: "operator",
    bound: "own",
    tenant: "body",
    body: true,
    success: 201,
    needs: "ledger",
    prepare: async (world) => world.name("made"),
    call: (tenant, name) => ({ path: "/v1/keys", body: { role: "viewer", tenant, name } }),
    more: {
      201: [
        ...["gateway", "operator", "admin"].map((role) => (/** @type {World} */ world) => ({
          path: "/v1/keys",
          body: { role, tenant: null, name: world.name("made") },
        })),
        (world, tenant) => {
          const gateway = { connector: "on_premises", own_hops: 1 };
          return { path: "/v1/keys", body: { role: "gateway", tenant, name: world.name("made"), gateway } };
        },
        (world, tenant) => {
          const [expires_at, networks] = [rfc3339(NOW + 30 * DAY), ["192.0.2.0/24", "2001:db8::/32"]];
          const name = world.name("bounded");
          return {
            path: "/v1/keys",
            body: { role: "viewer", tenant, name, expires_at, networks },
            check: ({ json }) => assert.deepEqual([json.expires_at, json.networks], [expires_at, networks]),
          };
        },
      ],
      400: [
        () => ({ path: "/v1/keys", body: MALFORMED }),
        () => ({ path: "/v1/keys", body: { role: "owner", tenant: null, name: "x" }, field: "role" }),
        () => ({ path: "/v1/keys", body: { role: "viewer", tenant: "No", name: "x" }, field: "tenant" }),
        () => ({ path: "/v1/keys", body: { role: "viewer", tenant: null, name: "" }, field: "name" }),
        ...[[], ["ten"], Array(33).fill("192.0.2.7")].map((networks) => () => ({
          path: "/v1/keys",
          body: { role: "viewer", tenant: null, name: "x", networks },
          field: "networks",
        })),
        () => ({
          path: "/v1/keys",
          body: { role: "viewer", tenant: null, name: "x", expires_at: "2027" },
          field: "expires_at",
        }),
      ],
      409: [
        async (world, tenant) => {
          const body = { role: "viewer", tenant, name: world.name("thrice") };
          await world.admin("POST", "/v1/keys", body);
          await world.admin("POST", "/v1/keys", body);
          return { path: "/v1/keys", body, field: "name" };
        },
      ],
      422: [
        (world, tenant) => ({
          path: "/v1/keys",
          body: { role: "admin", tenant, name: world.name("bound admin") },
          field: "tenant",
        }),
        ...["viewer", "operator", "metrics"].map((role) => (/** @type {World} */ world) => ({
          path: "/v1/keys",
          body: { role, tenant: null, name: world.name("settings"), gateway: { own_hops: 1 } },
          field: "gateway",
        })),
        ...[NOW, NOW + 1_828 * DAY].map((at) => () => ({
          path: "/v1/keys",
          body: { role: "viewer", tenant: null, name: "x", expires_at: rfc3339(at) },
          field: "expires_at",
        })),
      ],
    },
  },
  {
    id: "revokeKey",
    method: "DELETE",
    path: "/v1/keys/{key}",
    role: "operator",
    bound: "own",
    tenant: "id",
    success: 204,
    needs: ["ledger", "operator"],
    prepare: (world, tenant) =>
      world.admin("POST", "/v1/keys", { role: "viewer", tenant, name: world.name("revoked") }),
    call: (_tenant, { id }) => ({ path: `/v1/keys/${id}` }),
    more: {
      202: [
        async (world, tenant) => {
          const { id } = await world.newKey({ role: "viewer", tenant, name: world.name("unconfirmed") });
          return { path: `/v1/keys/${id}`, failing: ["kv"] };
        },
      ],
      404: [() => ({ path: "/v1/keys/none" })],
    },
  },
  {
    id: "getMe",
    method: "GET",
    path: "/v1/me",
    role: "any",
    bound: "own",
    success: 200,
    call: () => ({ path: "/v1/me" }),
    more: {
      200: [
        () => ({
          path: "/v1/me",
          failing: true,
          check: ({ json }) => assert.deepEqual(json, { id: null, role: "admin", tenant: null, name: null }),
        }),
        ...ROLES.flatMap((role) =>
          [null, ...(["admin", "metrics"].includes(role) ? [] : ["alpha"])].map((tenant) => ({
            role,
            tenant,
          })),
        ).map(({ role, tenant }) => async (/** @type {World} */ world) => {
          const name = world.name("me");
          const { id, key } = await world.newKey({ role, tenant, name });
          const check = (/** @type {Answer} */ { json }) =>
            assert.deepEqual(json, { id, role, tenant, name });
          return { path: "/v1/me", key, check };
        }),
      ],
    },
  },
  {
    id: "getHealth",
    method: "GET",
    path: "/v1/health",
    role: "none",
    success: 200,
    call: () => ({ path: "/v1/health" }),
    more: { 200: [() => ({ path: "/v1/health", failing: true })] },
  },
  {
    id: "getMetrics",
    method: "GET",
    path: "/metrics",
    role: "metrics",
    bound: "no",
    success: 200,
    call: () => ({ path: "/metrics" }),
  },
  {
    id: "getOpenapi",
    method: "GET",
    path: "/openapi.json",
    role: "none",
    asset: true,
    success: 200,
    call: () => ({ path: "/openapi.json" }),
  },
];

/**
 * Every way to answers of an operation that the list knows, by status: its own and those that all have.
 * @param {Operation} operation
 * @returns {Map<number, Provoke[]>}
 */
export function provocations(operation) {
  const { role, success, prepare, call } = operation;
  /** @type {Provoke} */
  const succeed = async (world, tenant) => call(tenant, await prepare?.(world, tenant));
  /** @type {Map<number, Provoke[]>} */
  const ways = new Map([[success, [succeed]]]);
  const add = (/** @type {number} */ status, /** @type {Provoke} */ provoke) =>
    ways.set(status, [...(ways.get(status) ?? []), provoke]);
  if (role !== "none") {
    // of no key's form: whether one is wrong that is, is not known while KV is laid anew
    add(401, async (world, tenant) => ({ ...(await succeed(world, tenant)), key: "wrong_key" }));
  }
  if (role !== "none" && role !== "any") {
    add(403, async (world, tenant) => {
      const lesser = {
        gateway: "viewer",
        viewer: "gateway",
        operator: "viewer",
        admin: "operator",
        metrics: "operator",
      };
      const key = await world.key(/** @type {any} */ (lesser[role]));
      return { ...(await succeed(world, tenant)), key };
    });
  }
  if (role === "any") {
    add(403, async (world, tenant) => {
      const name = world.name("elsewhere");
      const { key } = await world.newKey({ role: "viewer", tenant: null, name, networks: ["192.0.2.7"] });
      return { ...(await succeed(world, tenant)), key };
    });
  }
  if (isLimited(operation)) {
    add(429, async (world, tenant) => {
      const { key } = await world.newKey({ role: "admin", tenant: null, name: world.name("busy") });
      const prepared = await succeed(world, tenant);
      // each object counts the changes that are asked of it
      const isOfTenant = operation.tenant === "path" || operation.tenant === "body";
      const method = isOfTenant ? "DELETE" : "PUT";
      const isOfBrake = operation.path === "/v1/control/mode";
      const unbound = isOfBrake
        ? { path: "/v1/control/mode", body: { mode: "enforce" } }
        : { path: "/v1/catalog?version=999999" };
      const change = isOfTenant ? { path: at(tenant, "/webhooks/none") } : unbound;
      await until("the key has made its changes of this minute", async () => {
        const asked = Array.from({ length: 20 }, () =>
          world.edge.client.ask(method, change.path, { ...change, now: NOW, key }),
        );
        return (await Promise.all(asked)).some(({ status }) => status === 429);
      });
      return { ...prepared, key };
    });
  }
  if (role !== "none" && role !== "gateway") {
    // a key of the store: the deployment's own needs no store to be known
    add(503, async (world, tenant) => {
      const key = await world.key("admin");
      return { ...(await succeed(world, tenant)), key, failing: true };
    });
  }
  if (operation.tenant === "path") {
    add(400, () => {
      const id = { id: "1" };
      const { path, body } = call("any", id);
      return { path: path.replace("/any", `/${NO_TENANT}`), body, field: "tenant" };
    });
  }
  if (operation.body) {
    add(413, async (world, tenant) => ({ ...(await succeed(world, tenant)), announced: TOO_MANY }));
  }
  for (const [status, provokes] of Object.entries(operation.more ?? {})) {
    for (const provoke of provokes) add(Number(status), provoke);
  }
  return ways;
}

/** Whether it is a change of which a key makes so many a minute. @param {Operation} operation */
function isLimited({ id, method, role }) {
  return method !== "GET" && role !== "gateway" && !["revokeKey", "previewPolicy"].includes(id);
}

/** @param {Answer} answer */
function isPageOfOne({ json }) {
  assert.equal(json.items.length, 1);
}

/** @param {Answer} answer */
function isRecorded({ json }) {
  assert.equal(json.recorded, true);
}

/**
 * Page lengths that are none, and places where no page begins.
 * @param {string} path
 * @param {{ isByNumber?: boolean }} [list] `isByNumber`: its cursors are numbers
 * @returns {Provoke[]}
 */
function limitsOf(path, { isByNumber = true } = {}) {
  const limits = ["0", "1001", "all", "%2B5", "05"].map((limit) => ["limit", limit]);
  const cursors = ["", "%20", "%ff", "7".repeat(513), ...(isByNumber ? ["abc", "-1", "%2B1"] : [])];
  return [...limits, ...cursors.map((cursor) => ["cursor", cursor])].map(([field, value]) => () => ({
    path: `${path}?${field}=${value}`,
    field,
  }));
}

/**
 * Servers that a tenant has not, and ids that are none.
 * @param {string} rest of the path
 * @param {object} [body]
 * @returns {Provoke[]}
 */
function unknownServers(rest, body) {
  return ["ex77.contoso.com", "EX01.contoso.com", "%00"].map((id) => async (world, tenant) => {
    await servers(world, tenant);
    return { path: at(tenant, `/servers/${id}${rest}`), body };
  });
}
