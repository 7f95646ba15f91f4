/**
 * Who may do what, and that nobody learns of or changes another tenant.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OPERATIONS } from "./operations.mjs";
import { BLOCKED_SERVER, ROLES, World } from "./world.mjs";

/** @typedef {import("./operations.mjs").Operation} Operation */
/** @typedef {import("./world.mjs").Role} Role */

const OWN = "alpha";
const OTHER = "beta";
/** As long as the other's name, and never made. */
const NOBODY = "gama";
/** Every role that a key bound to a tenant may have. */
const BOUND_ROLES = /** @type {Role[]} */ (["gateway", "viewer", "operator"]);

/** After it no key is called wrong for minutes: it comes last. */
const REPUBLISH = "republish";
const CALLED = OPERATIONS.filter(({ asset }) => !asset);
const KEYED = CALLED.filter(({ role }) => role !== "none");

/** @type {World} */
let world;

before(async () => {
  world = await World.start();
  for (const tenant of [OWN, OTHER]) await world.seed(tenant);
});
after(() => world?.stop());

/**
 * Whether a key of this role may do that.
 * @param {Operation} operation
 * @param {Role} role
 * @param {boolean} isBound
 * @param {string[]} [delegated]
 */
function mayCall({ role: least, bound }, role, isBound, delegated = []) {
  if (least === "any") return true;
  if (least === "gateway" || least === "metrics") return [least, "admin"].includes(role);
  if (ROLES.indexOf(role) < ROLES.indexOf(/** @type {Role} */ (least))) return false;
  if (!isBound || bound === "own") return true;
  return bound !== "no" && delegated.includes(String(bound).split(":")[1]);
}

/**
 * @param {Operation} operation
 * @param {string} tenant
 */
async function succeeding(operation, tenant) {
  return operation.call(tenant, await operation.prepare?.(world, tenant));
}

/** @param {Operation} operation */
function isForThoseItIsMeantFor(operation) {
  const { id, method, path, success, destroys } = operation;
  test(`${method} ${path} is for those it is meant for, and refused to all others`, async () => {
    const callers = [
      ...ROLES.map((role) => ({ role, tenant: null })),
      ...BOUND_ROLES.map((role) => ({ role, tenant: OWN })),
    ];
    for (const { role, tenant } of callers) {
      const subject = destroys && tenant === null ? "doomed" : OWN;
      const key = await world.key(role, tenant);
      const call = await succeeding(operation, subject);
      const answer = await world.ask(method, call, key);
      const status = mayCall(operation, role, tenant !== null) ? success : 403;
      assert.equal(answer.status, status, `${id} by ${role} of ${tenant ?? "all"}: ${answer.text}`);
    }
  });
}

for (const operation of KEYED) {
  const { id, method, path } = operation;
  if (id !== REPUBLISH) isForThoseItIsMeantFor(operation);

  test(`${method} ${path} is closed to who has no key, a wrong one or a revoked one`, async () => {
    const call = await succeeding(operation, "locked");
    const real = await world.key("operator");
    const wrong = [null, "", "wrong", "tg_", "tg__", `${real}x`, real.slice(0, -1), real.toUpperCase()];
    for (const key of [...wrong, await revoked()]) {
      const answer = await world.ask(method, call, key);
      assert.equal(answer.status, 401, `${id} with the key ${key}: ${answer.text}`);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
  });
}

/** @type {Promise<string> | undefined} */
let revokedOnce;
function revoked() {
  revokedOnce ??= world.revokedKey();
  return revokedOnce;
}

test("what a tenant's policy delegates its operators may do, and no more", async () => {
  const tenant = "delegating";
  await world.seed(tenant);
  const key = await world.key("operator", tenant);
  for (const delegated of [[], ["exempt"], ["policy"], ["exempt", "policy"]]) {
    for (const operation of KEYED.filter(({ bound }) => bound?.includes(":"))) {
      const call = await succeeding(operation, tenant);
      await world.admin("PUT", `/v1/tenants/${tenant}/policy`, { mode: "enforce", delegated });
      const answer = await world.ask(operation.method, call, key);
      const status = mayCall(operation, "operator", true, delegated) ? operation.success : 403;
      assert.equal(answer.status, status, `${operation.id}, delegated ${delegated}: ${answer.text}`);
    }
  }
});

test("no operator widens the own rights or the own budget, whatever else of the policy is delegated", async () => {
  const tenant = "widening";
  const path = `/v1/tenants/${tenant}/policy`;
  const granted = { mode: "report", delegated: ["policy"], pause_days_per_year: 30 };
  await world.admin("PUT", path, granted);
  for (const key of [await world.key("operator", tenant), await world.key("operator")]) {
    for (const [field, value] of [
      ["delegated", ["policy", "exempt"]],
      ["delegated", []],
      ["pause_days_per_year", 31],
      ["pause_days_per_year", 29],
    ]) {
      const body = { ...granted, [String(field)]: value };
      const answer = await world.ask("PUT", { path, body }, key);
      assert.deepEqual([answer.status, answer.json.field], [403, field], answer.text);
    }
    for (const body of [
      { ...granted, mode: "enforce" },
      { mode: "enforce", operator: "Example Mail" },
    ]) {
      const { json, status, text } = await world.ask("PUT", { path, body }, key);
      assert.equal(status, 200, text);
      const { mode, delegated, pause_days_per_year } = json.policy;
      assert.deepEqual([mode, delegated, pause_days_per_year], ["enforce", ["policy"], 30]);
    }
  }
});

test("with keys of one tenant nobody reads, changes or even finds another one", async () => {
  /** @type {[Operation, any][]} */
  const prepared = [];
  for (const operation of CALLED.filter(({ tenant }) => tenant)) {
    prepared.push([operation, await operation.prepare?.(world, OTHER)]);
  }
  const before = await world.shownOf(OTHER);
  for (const role of BOUND_ROLES) {
    const key = await world.key(role, OWN);
    for (const [operation, made] of prepared) {
      const { id, method, tenant } = operation;
      const calls =
        tenant === "id"
          ? [operation.call(OTHER, made), operation.call(NOBODY, { id: made.id.replace(/./g, "0") })]
          : [operation.call(OTHER, made), operation.call(NOBODY, made)];
      const [other, nobody] = await Promise.all(calls.map((call) => world.ask(method, call, key)));
      const what = `${id} by a ${role}`;
      assert.equal(other.status, nobody.status, `${what}: ${other.text} ${nobody.text}`);
      assert.equal(other.text.replaceAll(OTHER, NOBODY), nobody.text, what);
      if (other.status === 200) {
        assert.equal(id, "decideBatch", what);
        for (const item of other.json) assert.deepEqual([item.status, item.field], [403, "tenant"], what);
      } else {
        const status = tenant === "id" && role === "operator" ? 404 : 403;
        assert.equal(other.status, status, `${what}: ${other.text}`);
      }
    }
  }
  assert.deepEqual(await world.shownOf(OTHER), before);
  assert.equal((await world.ask("GET", { path: `/v1/tenants/${NOBODY}` })).status, 404);
  const stored = (await world.edge.kv.keys()).filter(({ name }) => name.split("/").includes(NOBODY));
  assert.deepEqual(stored, [], "and an attempt leaves nothing behind");
});

test("a server that both tenants know by one name is each one's own", async () => {
  const key = await world.key("operator", OWN);
  const path = (/** @type {string} */ tenant) => `/v1/tenants/${tenant}/servers/only-beta.contoso.com`;
  await world.send(OTHER, "only-beta.contoso.com");
  assert.equal((await world.ask("GET", { path: path(OTHER) })).status, 200);
  assert.equal((await world.ask("GET", { path: path(OWN) }, key)).status, 404);
  const shared = `/v1/tenants/${OWN}/servers/${BLOCKED_SERVER}`;
  const before = (await world.ask("GET", { path: shared })).text;
  await world.send(OTHER, BLOCKED_SERVER);
  assert.equal((await world.ask("GET", { path: shared })).text, before);
});

test("lists show a bound key nothing of other tenants", async () => {
  for (const tenant of [OWN, OTHER]) {
    await world.key("viewer", tenant);
    for (const operation of CALLED.filter(({ id }) => ["listTenants", "listKeys"].includes(id))) {
      await operation.prepare?.(world, tenant);
    }
  }
  const paths = ["/v1/tenants", "/v1/keys", `/v1/tenants/${OWN}/audit`, `/v1/tenants/${OWN}/notifications`];
  const key = await world.key("operator", OWN);
  for (const path of paths) {
    const { json, status, text } = await world.ask("GET", { path: `${path}?limit=1000` }, key);
    assert.equal(status, 200, text);
    assert.ok(json.items.length > 0 && json.next === null, path);
    assert.ok(!text.includes(OTHER), `${path}: ${text}`);
    const tenants = json.items.map((/** @type {any} */ { tenant = OWN }) => tenant);
    assert.deepEqual(new Set(tenants), new Set([OWN]), path);
  }
  // a page is not filled up with what is left out of it
  const { json } = await world.ask("GET", { path: "/v1/tenants?limit=1" }, key);
  assert.deepEqual([json.items.length, json.next], [1, null]);
  const { text } = await world.ask("GET", { path: "/v1/keys?limit=1000" });
  for (const shown of [OWN, OTHER, "null"]) assert.ok(text.includes(shown), `an admin sees ${shown}`);
});

test("nobody makes a key above the own role or outside the own tenant", async () => {
  const callers = [
    ...ROLES.map((role) => ({ role, tenant: null })),
    ...BOUND_ROLES.map((role) => ({ role, tenant: OWN })),
  ];
  /** @type {Set<string>} */
  const allowed = new Set();
  for (const { role: own, tenant: home } of callers) {
    const key = await world.key(own, home);
    for (const role of ROLES) {
      for (const tenant of [null, OWN, OTHER, "not-yet-seen"]) {
        const what = `${own} of ${home ?? "all"} makes ${role} of ${tenant ?? "all"}`;
        const name = world.name("minted");
        const answer = await world.ask("POST", { path: "/v1/keys", body: { role, tenant, name } }, key);
        const isAllowed =
          ["operator", "admin"].includes(own) &&
          (own === "admin" || ["viewer", "operator"].includes(role)) &&
          (home === null || tenant === home);
        const isPossible = !["admin", "metrics"].includes(role) || tenant === null;
        const status = isAllowed ? (isPossible ? 201 : 422) : 403;
        assert.equal(answer.status, status, `${what}: ${answer.text}`);
        if (answer.status === 201) {
          assert.deepEqual([answer.json.role, answer.json.tenant], [role, tenant], what);
          allowed.add(name);
        }
      }
    }
  }
  assert.equal(allowed.size, 14 + 8 + 2);
  const made = [];
  for (let next = ""; next !== null; ) {
    const page = await world.admin("GET", `/v1/keys?limit=1000${next && `&cursor=${next}`}`);
    made.push(...page.items.filter((/** @type {any} */ { name }) => name.startsWith("minted-")));
    next = page.next;
  }
  assert.deepEqual(new Set(made.map(({ name }) => name)), allowed, "and what was refused was not made");
});

test("a key does what its role says from its first second, and nothing once it is revoked", async () => {
  const tenant = "rotating";
  await world.seed(tenant);
  const path = `/v1/tenants/${tenant}/servers`;
  const name = "report";
  const first = await world.newKey({ role: "viewer", tenant, name });
  const second = await world.newKey({ role: "viewer", tenant, name });
  const read = async (/** @type {string} */ key) => (await world.ask("GET", { path }, key)).status;
  assert.deepEqual([await read(first.key), await read(second.key)], [200, 200], "two at once, for rotation");
  await world.admin("DELETE", `/v1/keys/${first.id}`);
  assert.deepEqual([await read(first.key), await read(second.key)], [401, 200]);
  const third = await world.newKey({ role: "viewer", tenant, name });
  assert.equal(await read(third.key), 200, "the revoked one's place is free");
  await world.admin("DELETE", `/v1/tenants/${tenant}`);
  assert.equal(await read(second.key), 401, "keys go with their tenant");
});

for (const operation of KEYED.filter(({ id }) => id === REPUBLISH)) isForThoseItIsMeantFor(operation);
