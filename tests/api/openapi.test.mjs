/**
 * The API is what its document says: each operation gives each answer that is declared for it, and no other.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  assertCallable,
  assertDeclared,
  DESCRIBED,
  DOCUMENT,
  declaredStatuses,
  isValid,
  openObjects,
} from "./document.mjs";
import { OPERATIONS, POLICIES, provocations } from "./operations.mjs";
import { World } from "./world.mjs";

/** @type {World} */
let world;

before(async () => {
  world = await World.start();
});
after(() => world?.stop());

const WORKERS = OPERATIONS.filter(({ asset }) => !asset);

test("the document tells of every operation, and who may call it", () => {
  const told = [...DESCRIBED].map(([id, { method, path, operation }]) => [
    id,
    `${method} ${path}`,
    operation["x-role"],
    operation["x-bound-key"],
  ]);
  const known = OPERATIONS.map(({ id, method, path, role, bound }) => [id, `${method} ${path}`, role, bound]);
  assert.deepEqual(told.sort(), known.sort());
});

test("the document leaves no answer open for members that it does not name", () => {
  assert.deepEqual(openObjects(), []);
});

for (const operation of WORKERS) {
  const { id, method, path } = operation;
  test(`${method} ${path} answers as the document says, in every case`, async (t) => {
    const tenant = `of-${id.toLowerCase()}`;
    const ways = provocations(operation);
    assert.deepEqual(
      [...ways.keys()].sort(),
      declaredStatuses(id).sort(),
      "each declared status, and no other",
    );
    for (const [status, provokes] of ways) {
      await t.test(String(status), async () => {
        for (const provoke of provokes) {
          const { key, field, failing, check, ...call } = await provoke(world, tenant);
          const ask = () => world.ask(method, call, key);
          const parts = Array.isArray(failing) ? failing : undefined;
          const answer = failing ? await world.whileFailing(ask, parts) : await ask();
          const what = `${method} ${call.path}: ${answer.text.slice(0, 1_000)}`;
          assert.equal(answer.status, status, what);
          assertDeclared(id, answer);
          if (field !== undefined) assert.equal(answer.json.field, field, what);
          check?.(answer);
          // a bad event in a batch is answered in its place
          if (status < 300 && id !== "decideBatch") assertCallable(id, call);
        }
      });
    }
  });
}

test("another method on a known address is told, and which ones there are", async () => {
  const response = DOCUMENT.components.responses.MethodNotAllowed;
  for (const path of new Set(WORKERS.map(({ path }) => path))) {
    const item = DOCUMENT.paths[path];
    assert.equal(item["x-other-methods"]?.$ref, "#/components/responses/MethodNotAllowed", path);
    const known = ["get", "put", "post", "patch", "delete"].filter((method) => item[method]);
    const other = ["post", "put", "delete", "get"].find((method) => !known.includes(method)) ?? "";
    const asked = {
      tenant: "any",
      server: "ex01.contoso.com",
      pause: "1",
      webhook: "1",
      key: "1",
      baseline: "any",
    };
    const filled = path.replace(
      /\{(\w+)\}/g,
      (_, name) => /** @type {Record<string, string>} */ (asked)[name],
    );
    const answer = await world.ask(other.toUpperCase(), { path: filled });
    assert.equal(answer.status, 405, `${other} ${path}: ${answer.text}`);
    assert.ok(isValid("Problem", answer.json), answer.text);
    const allowed = String(answer.headers.get("allow"));
    assert.match(allowed, new RegExp(response.headers.Allow.schema.pattern), path);
    const named = allowed.split(", ").filter((method) => method !== "HEAD");
    assert.deepEqual(named.sort(), known.map((method) => method.toUpperCase()).sort(), path);
  }
});

test("what fails is told as our fault, and never as an empty list or a success", async () => {
  for (const operation of WORKERS.filter(({ needs }) => needs)) {
    const { id, method, needs, prepare, call } = operation;
    const tenant = `failing-${id.toLowerCase()}`;
    const prepared = await prepare?.(world, tenant);
    const parts = /** @type {("kv" | "ledger" | "operator")[]} */ ([needs].flat());
    const answer = await world.whileFailing(() => world.ask(method, call(tenant, prepared)), parts);
    assert.equal(answer.status, 503, `${id} without ${parts}: ${answer.text}`);
    assertDeclared(id, answer);
  }
});

const OPEN = { throttle_minutes: 0, block_minutes: 0 };
const EDITION = { effective: "2026-01-01", products: {} };

/** What neither the document nor the worker takes for a policy. */
const NO_POLICIES = [
  { modus: "report" },
  { mode: "on" },
  { mode: null },
  { scope: "partner" },
  { scope: ["x25"] },
  { baseline: 5 },
  { baseline: "No name" },
  { baseline: { name: "own", editions: [] } },
  { baseline: { name: "own", editions: [{ ...EDITION, until: "2027-01-01" }] } },
  { baseline: { name: "own", editions: [EDITION], by: "me" } },
  { baseline: { name: "own", editions: [{ ...EDITION, products: { "Exchange Server 2016": "old" } }] } },
  {
    baseline: {
      name: "own",
      editions: [{ ...EDITION, products: { "Exchange Server 2016": { minimum: [] } } }],
    },
  },
  {
    baseline: {
      name: "own",
      editions: [{ ...EDITION, products: { "Exchange Server 2016": { max_lag_days: 3_651 } } }],
    },
  },
  { waves: { "Exchange Server 2016": "soon" } },
  { waves: [] },
  { ladder: [] },
  { ladder: [...Array(32).fill({ days: 1, ...OPEN }), OPEN] },
  { ladder: [{ ...OPEN, block_minutes: 61 }] },
  { ladder: [{ ...OPEN, hours: 1 }, OPEN] },
  { ladder: [{ ...OPEN, days: 1, minutes: 1 }, OPEN] },
  { ladder: [{ ...OPEN, days: 0 }, OPEN] },
  { ladder: [{ block_minutes: 0 }] },
  { trusted_relays: [{ host: "a b", networks: [] }] },
  { trusted_relays: [{ host: "a.example", networks: ["ten"] }] },
  { trusted_relays: [{ host: "a.example" }] },
  { trusted_relays: [{ host: "a.example", networks: [], port: 25 }] },
  { trusted_relays: Array(65).fill({ host: "a.example", networks: [] }) },
  { enforce_behind_relays: "yes" },
  { always_accept: ["postmaster@example.org"] },
  { always_accept: Array(65).fill("postmaster") },
  { operator: "50%" },
  { operator: "" },
  { operator: "x".repeat(101) },
  { help_url: "javascript:alert(1)" },
  { help_url: `https://${"x".repeat(193)}` },
  { reply: { throttle: "{who}" } },
  { reply: { throttle: "see {help_url" } },
  { reply: { block: "a\r\nb" } },
  { reply: { block: "x".repeat(401) } },
  { reply: { tarpit: "slow" } },
  { delegated: ["catalog"] },
  { delegated: "exempt" },
  { pause_days_per_year: 367 },
  { pause_days_per_year: -1 },
  { pause_days_per_year: 1.5 },
];

test("a policy that the document allows is taken, shown in full, and taken again as shown", async () => {
  const path = "/v1/tenants/of-policies/policy";
  for (const policy of POLICIES) {
    assert.ok(isValid("Policy", policy), `the document refuses ${JSON.stringify(policy)}`);
    const stored = await world.admin("PUT", path, policy);
    assert.ok(isValid("FullPolicy", stored.policy), JSON.stringify(stored.policy));
    const { json: shown, headers } = await world.ask("GET", { path });
    assert.deepEqual(shown, stored.policy);
    for (const name of [
      "mode",
      "scope",
      "waves",
      "operator",
      "help_url",
      "delegated",
      "pause_days_per_year",
    ]) {
      if (name in policy) assert.deepEqual(shown[name], /** @type {any} */ (policy)[name], name);
    }
    assert.deepEqual((await world.admin("PUT", path, shown)).policy, shown);
    assert.match(headers.get("etag") ?? "", /^"\d+"$/);
  }
});

test("a policy that the document refuses is refused, with the member that is wrong", async () => {
  const path = "/v1/tenants/of-policies/policy";
  const before = (await world.ask("GET", { path })).text;
  for (const policy of NO_POLICIES) {
    const what = JSON.stringify(policy).slice(0, 200);
    assert.ok(!isValid("Policy", policy), `the document allows ${what}`);
    const answer = await world.ask("PUT", { path, body: policy });
    assert.ok([400, 422].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
    assert.ok(answer.json.field.startsWith(Object.keys(policy)[0]), `${what}: ${answer.text}`);
  }
  assert.equal((await world.ask("GET", { path })).text, before);
});
