/**
 * Catalog and baselines that are put at run time: what was current is out of date without mail or restart, and back.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, event, received, rfc3339, until } from "../support/client.mjs";
import { edgeOfFile } from "../support/fixture.mjs";

const NOW = at("2027-02-01T12:00:00Z");
const DAY = 24 * 3600;
const HOST = "EX01.contoso.com";
const ID = "ex01.contoso.com";
const LATEST = "15.1.2507.61";

const edge = edgeOfFile({ ledger: true });
const { client } = edge;

/** @param {string} path @param {Parameters<import("../support/client.mjs").Client["ask"]>[2]} [options] */
const get = (path, options) => client.ask("GET", path, { now: NOW, ...options });

/** @param {string} path @param {object | undefined} [body] @param {Record<string, string>} [headers] */
const put = (path, body, headers) => client.ask("PUT", path, { now: NOW, body, headers });

/** @param {string} tenant @param {string} [build] @param {number} [now] */
function message(tenant, build = LATEST, now = NOW) {
  return event({ tenant, record: "sync", header: received({ host: HOST, now, build }) });
}

/** The state in the next decision, and in the list of servers, both past what the isolate holds. @param {string} tenant */
async function states(tenant) {
  const decided = await client.decide(message(tenant), { now: NOW, fresh: true });
  const [server] = await client.servers(tenant, { now: NOW });
  const filtered = await get(`/v1/tenants/${tenant}/servers?state=${server.standing.state}`);
  assert.equal(filtered.json.items.length, 1, "the filter follows");
  return [decided.standing.state, server.standing.state, decided.standing.required, decided.degraded];
}

test("the built-in catalog and baselines are shown", async () => {
  const { status, json, headers } = await get("/v1/catalog");
  assert.deepEqual([status, json.version, json.updated_at, headers.get("etag")], [200, 0, null, '"0"']);
  assert.ok(json.catalog.releases.length > 400 && json.catalog.exchange_online_hosts.length > 0);
  const list = await get("/v1/baselines");
  assert.deepEqual(list.json, {
    items: ["exploited", "microsoft", "strict"].map((name) => ({ name, version: 0, updated_at: null })),
    next: null,
  });
  const page = await get("/v1/baselines?limit=1");
  assert.deepEqual([page.json.items[0].name, page.json.next], ["exploited", "exploited"]);
  const rest = await get(`/v1/baselines?limit=2&cursor=${page.json.next}`);
  assert.deepEqual(
    [rest.json.items.map((/** @type {any} */ { name }) => name), rest.json.next],
    [["microsoft", "strict"], null],
  );
  const shown = await get("/v1/baselines/microsoft");
  assert.equal(shown.json.baseline.name, "microsoft");
  const again = await put("/v1/baselines/microsoft", shown.json.baseline);
  assert.equal(again.status, 200, `what is shown can be put: ${again.text}`);
  assert.equal((await put("/v1/baselines/microsoft?version=0")).json.version, 0);
});

test("a catalog that knows a newer update makes a server out of date at once, and its withdrawal frees it", async () => {
  const tenant = "by-catalog";
  await client.putPolicy(tenant, { mode: "enforce", baseline: "strict" }, { now: NOW });
  await client.decide(message(tenant, "15.2.2562.45"), { now: NOW - 60 });
  const { catalog } = (await get("/v1/catalog")).json;
  const newest = catalog.releases
    .filter((/** @type {any} */ { build }) => build.startsWith("15.2.2562."))
    .at(-1);
  const ask = async () => {
    const decided = await client.decide(message(tenant, newest.build), { now: NOW, fresh: true });
    const server = await client.server(tenant, ID, { now: NOW });
    return [decided.standing.state, server.standing.state, decided.degraded];
  };
  assert.deepEqual(await ask(), ["current", "current", false]);
  const [major, minor, lane, revision] = newest.build.split(".");
  const build = [major, minor, lane, Number(revision) + 7].join(".");
  const release = { ...newest, build, su: "Dec26SU", kind: "su", release_date: "2026-12-08", stamped: true };
  const changed = await put("/v1/catalog", { ...catalog, releases: [release, ...catalog.releases] });
  assert.deepEqual([changed.status, changed.json.version, changed.headers.get("etag")], [200, 1, '"1"']);
  await until("the next decision is by the new catalog", async () => (await ask())[0] === "out_of_date");
  assert.deepEqual(await ask(), ["out_of_date", "out_of_date", false]);
  const list = await get(`/v1/tenants/${tenant}/servers?state=out_of_date`);
  assert.deepEqual([list.json.items.length, list.json.items[0].standing.required], [1, build]);

  const back = await put("/v1/catalog?version=0");
  assert.deepEqual([back.status, back.json.version], [200, 0]);
  assert.deepEqual(await ask(), ["current", "current", false]);
  assert.equal((await get("/v1/catalog")).json.version, 0);
  assert.equal((await get("/v1/catalog?version=1")).json.catalog.releases[0].build, build, "and is kept");
});

test("a baseline that asks for more makes a server out of date without mail, and back", async () => {
  const tenant = "by-baseline";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: NOW });
  await client.decide(message(tenant), { now: NOW });
  assert.deepEqual(await states(tenant), ["current", "current", null, false]);
  const { baseline } = (await get("/v1/baselines/microsoft")).json;
  baseline.editions.push({ effective: "2026-09-30", products: { "Exchange Server 2016": "unsupported" } });
  const changed = await put("/v1/baselines/microsoft", baseline);
  assert.equal(changed.status, 200, changed.text);
  await until(
    "the next decision is by the new baseline",
    async () => (await states(tenant))[0] === "out_of_date",
  );
  assert.deepEqual(await states(tenant), ["out_of_date", "out_of_date", null, false]);
  await put("/v1/baselines/microsoft?version=0");
  assert.deepEqual(await states(tenant), ["current", "current", null, false]);
});

test("a catalog that brings a product under enforcement gives its servers notice, and changes nothing for the others", async () => {
  const { catalog } = (await get("/v1/catalog")).json;
  const waved = (/** @type {string | null} */ wave) => ({
    ...catalog,
    products: catalog.products.map((/** @type {any} */ product) =>
      product.name === "Exchange Server 2016" ? { ...product, wave } : product,
    ),
  });
  const start = NOW - 100 * DAY;
  const days = [0, 1, 25, 50, 75, 99];
  const hosts = ["by-wave", "by-policy"];
  const answered = async (/** @type {string} */ tenant, /** @type {number} */ now) => {
    const decided = await client.decide(message(tenant, "15.1.2507.39", now), { now, fresh: true });
    const server = await client.server(tenant, ID, { now });
    assert.deepEqual(decided.stage, server.stage, "edge and ledger agree");
    return decided;
  };
  assert.equal((await put("/v1/catalog", waved(null))).status, 200);
  try {
    for (const tenant of hosts) {
      const waves = tenant === "by-policy" ? { "Exchange Server 2016": "2024-03-01" } : {};
      await client.putPolicy(tenant, { mode: "enforce", waves }, { now: start - DAY });
      for (const day of days)
        await client.decide(message(tenant, "15.1.2507.39", start + day * DAY), { now: start + day * DAY });
    }
    const before = await until("the catalog is in force", async () => {
      const decided = await answered("by-wave", NOW - 120);
      return decided.would === "accept" && decided;
    });
    assert.deepEqual([before.action, before.stage.number, before.stage.next.at], ["accept", 1, null]);
    assert.deepEqual((await answered("by-policy", NOW - 120)).stage.number, 8);

    const back = await put("/v1/catalog?version=0");
    assert.deepEqual(back.json.waves, { "Exchange Server 2016": rfc3339(NOW) });
    const after = await until("the built-in one is in force", async () => {
      const decided = await answered("by-wave", NOW);
      return decided.stage.next.at !== null && decided;
    });
    assert.deepEqual([after.action, after.would, after.stage.number], ["accept", "accept", 1]);
    assert.deepEqual(after.stage.next.at, rfc3339(NOW + 30 * DAY), "the whole ladder lies ahead");
    assert.equal((await answered("by-policy", NOW)).action, "reject", "whose policy names the day itself");
    // who is detected later has nothing to wait for, and what was past stays past
    const again = await put("/v1/catalog", waved("2020-01-01"));
    assert.deepEqual(again.json.waves, {});
    assert.deepEqual((await answered("by-wave", NOW + 1)).stage, after.stage);
    await put("/v1/catalog?version=0");
  } finally {
    await put("/v1/catalog?version=0");
  }
});

test("a new baseline can be chosen, changed and taken back to what it was", async () => {
  const editions = [{ effective: "2026-01-01", products: { "Exchange Server 2016": { minimum: [LATEST] } } }];
  const first = await put("/v1/baselines/house", { name: "house", editions });
  assert.equal(first.status, 200, first.text);
  const { version } = first.json;
  await until("policies may name it", async () => {
    const answer = await client.ask("PUT", "/v1/tenants/housed/policy", {
      body: { mode: "enforce", baseline: "house" },
      now: NOW,
    });
    return answer.status === 200;
  });
  assert.deepEqual((await states("housed")).slice(0, 2), ["current", "current"]);
  const second = await put("/v1/baselines/house", {
    name: "house",
    editions: [{ effective: "2026-01-01", products: { "Exchange Server 2016": "unsupported" } }],
  });
  assert.equal(second.json.version, version + 1);
  await until("it is in force", async () => (await states("housed"))[0] === "out_of_date");
  const third = await put(`/v1/baselines/house?version=${version}`);
  assert.equal(third.json.version, version + 2, "another version, of the same content");
  assert.deepEqual(
    (await get("/v1/baselines/house")).json.baseline.editions[0].products,
    editions[0].products,
  );
  await until("it is in force again", async () => (await states("housed"))[0] === "current");
  const { json } = await get("/v1/audit?limit=1");
  assert.deepEqual(
    [json.items[0].action, json.items[0].subject, json.items[0].before, json.items[0].after],
    ["baseline.put", "house", { version: version + 1 }, { version: version + 2, restored: version }],
  );
});

test("who changes a version that is not the newest is told so", async () => {
  const editions = [{ effective: "2026-01-01", products: {} }];
  const { json } = await put("/v1/baselines/matched", { name: "matched", editions });
  assert.equal(
    (await put("/v1/baselines/matched", { name: "matched", editions }, { "if-match": '"0"' })).status,
    412,
  );
  const tag = `"${json.version}"`;
  assert.equal(
    (await put("/v1/baselines/matched", { name: "matched", editions }, { "if-match": tag })).status,
    200,
  );
  assert.equal((await put(`/v1/baselines/matched?version=1`, undefined, { "if-match": tag })).status, 412);
});

test("20 versions are kept", async () => {
  const editions = [{ effective: "2026-01-01", products: {} }];
  for (let number = 1; number <= 22; number += 1) {
    const answer = await put("/v1/baselines/versions", { name: "versions", editions });
    assert.equal(answer.json.version, number);
  }
  assert.equal((await get("/v1/baselines/versions?version=2")).status, 404);
  assert.equal((await get("/v1/baselines/versions?version=3")).status, 200);
  assert.equal(
    (await get("/v1/baselines/versions?version=0")).status,
    404,
    "nothing of that name is built in",
  );
  assert.equal((await put("/v1/baselines/versions?version=0")).status, 404);
});

test("what is wrong is named, and nothing of it is kept", async () => {
  const { catalog } = (await get("/v1/catalog")).json;
  const { version } = (await get("/v1/catalog")).json;
  const with17 = (/** @type {object} */ change) => ({
    ...catalog,
    releases: catalog.releases.map((/** @type {object} */ row, /** @type {number} */ index) =>
      index === 17 ? { ...row, ...change } : row,
    ),
  });
  const many = Array.from({ length: 5_001 }, () => ({
    product: "P",
    build: "1.1",
    release_date: "2026-01-01",
  }));
  /** @type {[string, any, number, string | undefined][]} */
  const cases = [
    ["catalog", with17({ build: "15.1.x" }), 422, "releases[17].build"],
    ["catalog", with17({ build: 5 }), 400, "releases[17].build"],
    ["catalog", with17({ release_date: "soon" }), 400, "releases[17].release_date"],
    ["catalog", with17({ product: "Exchange 5.5" }), 422, "releases[17].product"],
    ["catalog", { ...catalog, releases: many }, 422, "releases"],
    ["catalog", { ...catalog, releases: [] }, 422, "releases"],
    ["catalog", { releases: [] }, 400, "products"],
    ["catalog", [], 400, undefined],
    ["baselines/x", { name: "x" }, 400, "editions"],
    ["baselines/x", { name: "y", editions: [{ effective: "2026-01-01", products: {} }] }, 422, "name"],
    ["baselines/X", { name: "X", editions: [{ effective: "2026-01-01", products: {} }] }, 422, "name"],
    ["baselines/x", { name: "x", editions: [] }, 422, "editions"],
    [
      "baselines/x",
      { name: "x", editions: [{ effective: "2026-01-01", products: { "Exchange 5.5": "unsupported" } }] },
      422,
      "editions",
    ],
  ];
  for (const [path, body, status, field] of cases) {
    const answer = await put(`/v1/${path}`, body);
    assert.deepEqual([answer.status, answer.json.field], [status, field], `${path}: ${answer.text}`);
  }
  assert.equal((await put("/v1/catalog", "x".repeat(1_200_000))).status, 413);
  assert.equal((await get("/v1/catalog")).json.version, version);
  assert.equal((await get("/v1/baselines/x")).status, 404);
  for (const path of ["catalog?version=newest", "baselines/strict?version=-1"]) {
    assert.deepEqual(
      [(await get(`/v1/${path}`)).status, (await put(`/v1/${path}`)).json.field],
      [400, "version"],
    );
  }
});

test("catalogs are anybody's to read but gateways', and an admin's to change", async () => {
  for (const [role, tenant, status] of /** @type {const} */ ([
    ["viewer", "contoso", 200],
    ["operator", null, 200],
    ["gateway", null, 403],
  ])) {
    const made = await client.ask("POST", "/v1/keys", { body: { role, tenant, name: "catalog" }, now: NOW });
    const { key } = made.json;
    for (const path of ["/v1/catalog", "/v1/baselines", "/v1/baselines/strict"]) {
      assert.equal((await get(path, { key })).status, status, `${role} ${path}`);
    }
    const body = { name: "x", editions: [] };
    assert.equal((await client.ask("PUT", "/v1/baselines/x", { key, body })).status, 403);
  }
});
