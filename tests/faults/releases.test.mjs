/**
 * What one release leaves another one lives with: state of the release before is opened with all its clocks, and what
 * only the next one knows is kept, reported by at most, overwritten and deleted.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { event, received, rfc3339, until } from "../support/client.mjs";
import { published, startEdge } from "../support/edge.mjs";
import { startKv } from "../support/kv-service.mjs";
import { alter, BEGUN, LEFT, restore, rewrite, withMembersOfTheNext } from "../support/stored-state.mjs";

const DAY = 24 * 3600;
const BEFORE = fileURLToPath(new URL("../stored/67205e3/state", import.meta.url));

/** @type {(() => Promise<void> | void)[]} */
const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/**
 * A worker on what the release before left.
 * @param {(document: any, where: string) => any} [change] of each JSON document that lies in KV and the objects
 */
async function opened(change) {
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-releases-"));
  ends.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const kv = await startKv();
  ends.push(() => kv.stop());
  await restore(BEFORE, stateDir, kv);
  if (change) await rewrite(stateDir, kv, change);
  return { stateDir, kv, edge: await started(stateDir, kv) };
}

/**
 * @param {string} stateDir
 * @param {import("../support/kv-service.mjs").KvService} kv
 */
async function started(stateDir, kv) {
  const edge = await startEdge({ kv, stateDir, ledger: true });
  ends.push(() => edge.stop());
  return edge;
}

/**
 * @param {import("../support/edge.mjs").Edge} edge
 * @param {string} host
 * @param {number} now
 * @param {"sync" | "async"} [record]
 */
function send({ client }, host, now, record = "sync") {
  return client.decide(event({ tenant: "contoso", record, header: received({ host, now }) }), {
    now,
    fresh: true,
  });
}

test("an upgrade keeps every clock, exemption, pause, key and policy, and refuses nothing at once", async () => {
  const { edge } = await opened();
  const { client } = edge;
  const shown = async (/** @type {string} */ id) => client.server("contoso", id, { now: LEFT });
  const blocked = await shown("ex01.contoso.com");
  assert.deepEqual([blocked.detected_at, blocked.stage.number], ["2026-10-01T08:15:08Z", 8]);
  assert.equal((await shown("ex03.contoso.com")).exempt_until, "2027-06-30T00:00:00Z");
  const patched = await shown("ex02.contoso.com");
  assert.deepEqual(
    [patched.detected_at, patched.spells.map((/** @type {any} */ { end }) => end)],
    [null, ["patched"]],
  );
  assert.equal((await shown("ex04.contoso.com")).detected_at, null);
  for (const [path, read, expected] of /** @type {[string, (json: any) => unknown, unknown][]} */ ([
    [
      "/v1/tenants/contoso/policy",
      ({ baseline, mode, delegated }) => [baseline, mode, delegated],
      ["house", "enforce", ["exempt"]],
    ],
    ["/v1/tenants/contoso/pauses", ({ items }) => items.map((/** @type {any} */ pause) => pause.days), [3]],
    ["/v1/keys", ({ items }) => items.map((/** @type {any} */ key) => key.name).sort(), ["helpdesk", "mx"]],
    ["/v1/baselines/house", ({ baseline }) => baseline.name, "house"],
    ["/v1/catalog", ({ version }) => version, 1],
    ["/v1/control/mode", ({ mode }) => mode, "enforce"],
  ])) {
    const { status, json } = await client.ask("GET", path, { now: LEFT });
    assert.equal(status, 200, path);
    assert.deepEqual(read(json), expected, path);
  }
  assert.equal(
    (await send(edge, "EX01.contoso.com", LEFT)).action,
    "accept",
    "7 days from its first message on",
  );
  assert.equal((await send(edge, "EX01.contoso.com", LEFT + 7 * DAY - 60)).action, "accept");
  const refused = await send(edge, "EX01.contoso.com", LEFT + 7 * DAY + 60);
  assert.deepEqual([refused.action, refused.stage.number], ["reject", 8]);
  assert.equal((await send(edge, "EX03.contoso.com", LEFT + 8 * DAY)).action, "accept");
});

/** How many members of the next release are in what lies in KV and the objects, by what they are in. */
async function countNext(
  /** @type {string} */ stateDir,
  /** @type {import("../support/kv-service.mjs").KvService} */ kv,
) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  await rewrite(stateDir, kv, (document, where) => {
    counts.set(where, JSON.stringify(document).split('"next":{"of":["next"]}').length - 1);
    return document;
  });
  return counts;
}

const POLICY = { mode: "enforce", operator: "Example Mail", baseline: "house" };

test("members of the next release change no decision, are kept by every change, and stand in no way", async () => {
  const { edge, stateDir, kv } = await opened(withMembersOfTheNext);
  const { client } = edge;
  const later = LEFT + 7 * DAY + 60;
  await send(edge, "EX01.contoso.com", LEFT);
  const refused = await send(edge, "EX01.contoso.com", later);
  assert.deepEqual(
    [refused.action, refused.stage?.number, refused.degraded],
    ["reject", 8, false],
    refused.why,
  );
  for (const [method, path, body] of /** @type {[string, string, object?][]} */ ([
    ["GET", ""],
    ["GET", "/policy"],
    ["GET", "/servers"],
    ["GET", "/servers/ex01.contoso.com"],
    ["GET", "/audit"],
    ["GET", "/report?from=2026-10-01&to=2026-12-31"],
    ["GET", "/notifications"],
    ["GET", "/webhooks"],
    ["GET", "/pauses"],
    ["POST", "/policy/preview", POLICY],
    ["POST", "/pauses", { days: 1, reason: "a day", starts_on: "2027-03-01" }],
    ["PUT", "/policy", POLICY],
    ["PUT", "/servers/ex01.contoso.com/exemption", { reason: "a while", expires_at: "2027-05-01T00:00:00Z" }],
  ])) {
    const { status, json } = await client.ask(method, `/v1/tenants/contoso${path}`, { body, now: later });
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
  }
  await until("KV has been told", async () => {
    const found = (await kv.keys()).find(({ name }) => name === "policy/contoso");
    return found && JSON.parse(found.value).enforcement.pauses.length === 2;
  });
  await edge.worker.stop();
  const left = await countNext(stateDir, kv);
  assert.ok((left.get("policy/contoso") ?? 0) >= 5, `policy in KV: ${left.get("policy/contoso")}`);
  assert.ok((left.get("document policy") ?? 0) >= 5, `policy in the ledger: ${left.get("document policy")}`);
  // what stood in lists that the message changed has gone with them
  assert.ok((left.get("server ex01.contoso.com record") ?? 0) >= 2);
});

test("by what this release does not understand it only reports, until it is put anew", async () => {
  for (const [what, change] of /** @type {[string, (policy: any) => void][]} */ ([
    [
      "a policy that needs a later reader",
      (record) => {
        record.needs = 99;
      },
    ],
    [
      "a mode that only the next release knows",
      ({ enforcement }) => {
        enforcement.policy.mode = "quarantine";
      },
    ],
    [
      "a policy of another shape",
      (record) => {
        record.enforcement = [record.enforcement];
      },
    ],
  ])) {
    const { edge } = await opened((document) => {
      if (document?.enforcement) change(document);
      return document;
    });
    await send(edge, "EX01.contoso.com", LEFT);
    const later = LEFT + 8 * DAY;
    const asked = await send(edge, "EX01.contoso.com", later);
    assert.deepEqual(
      [asked.action, asked.mode, asked.degraded, asked.recorded],
      ["accept", "report", false, true],
      what,
    );
    const shown = await edge.client.ask("GET", "/v1/tenants/contoso/policy", { now: later });
    assert.equal(shown.json.mode, "report", `${what}: what is in force is shown`);
    const put = await edge.client.ask("PUT", "/v1/tenants/contoso/policy", { body: POLICY, now: later });
    assert.equal(put.status, 200, `${what}: ${put.text}`);
    const enforced = await until(`${what}: the new policy is in force`, async () => {
      const decision = await send(edge, "EX01.contoso.com", later + 9 * DAY);
      return decision.mode === "enforce" && decision;
    });
    assert.ok(enforced.stage, rfc3339(later));
    assert.equal(
      (await edge.client.ask("DELETE", "/v1/tenants/contoso", { now: later + 9 * DAY })).status,
      204,
      what,
    );
  }
});

test("where report takes the place of an enforcing policy of the next release, the clocks stand still from then on", async () => {
  const { edge, kv } = await opened((document) => {
    if (document?.enforcement) document.needs = 99;
    return document;
  });
  const body = { ...POLICY, mode: "report" };
  const put = await edge.client.ask("PUT", "/v1/tenants/contoso/policy", { body, now: LEFT });
  assert.equal(put.status, 200, put.text);
  const { enforcement } = await published(kv, "policy/contoso", ({ enforcement: { policy } }) => {
    return policy.mode === "report";
  });
  const stopped = enforcement.out_of_enforce.filter((/** @type {any} */ { until }) => !until);
  assert.deepEqual(stopped, [{ from: LEFT, until: null }]);
});

test("a key, a phase, the ceiling and facts of the next release delay no mail and lock nobody out", async () => {
  const { edge, kv } = await opened((document, where) => {
    if (where.startsWith("key/") && document.role === "gateway") document.gateway.colour = "blue";
    return document;
  });
  await send(edge, "EX01.contoso.com", LEFT);
  const name = "phase/contoso/ex01.contoso.com";
  const phase = await published(kv, name, ({ phase: { spell } }) => spell.last_in_reach === LEFT);
  assert.equal((await send(edge, "EX01.contoso.com", LEFT + 9 * DAY, "async")).action, "reject");
  await kv.put(name, JSON.stringify({ ...phase, needs: 99 }));
  const spared = await send(edge, "EX01.contoso.com", LEFT + 9 * DAY + 1, "async");
  assert.deepEqual([spared.action, spared.degraded], ["accept", false]);
  for (const where of ["control/mode", "catalog", "baseline/house"]) {
    const { edge: other } = await opened((document, at) => {
      if (at === where) document.needs = 99;
      if (where === "control/mode" && at === "document control") document[0].needs = 99;
      if (at === where && document.json) document.json = { ...document.json, needs: 99 };
      return document;
    });
    await send(other, "EX01.contoso.com", LEFT);
    const asked = await send(other, "EX01.contoso.com", LEFT + 9 * DAY, "async");
    assert.deepEqual([asked.action, asked.degraded, asked.mode], ["accept", false, "report"], where);
  }
});

test("what an edge of the release before sends while a deploy goes on is recorded", async () => {
  const edge = await startEdge();
  ends.push(() => edge.stop());
  const batch = readFileSync(new URL("../stored/67205e3/batch.json", import.meta.url), "utf8");
  await edge.worker.replay("contoso", batch);
  const { totals } = await edge.client.report("contoso", {
    from: "2026-10-01",
    to: "2026-10-01",
    now: BEGUN,
  });
  assert.equal(totals.accept, 2);
  const { json } = await edge.client.ask("GET", "/v1/tenants/contoso/servers", { now: BEGUN });
  assert.deepEqual(
    json.items.map((/** @type {any} */ { id }) => id),
    ["ex01.contoso.com", "ex02.contoso.com"],
  );
});

test("tables of a later release are read, but not written, or left alone, as it says", async () => {
  const { edge, stateDir, kv } = await opened();
  await send(edge, "EX01.contoso.com", LEFT);
  await edge.worker.stop();
  alter(stateDir, "UPDATE schema SET version = 99, min_writer = 99");
  const reading = await started(stateDir, kv);
  const asked = (/** @type {import("../support/edge.mjs").Edge} */ { client }) =>
    Promise.all(
      /** @type {[string, string, object?][]} */ ([
        ["GET", "/v1/tenants/contoso/servers"],
        ["GET", "/v1/keys"],
        ["PUT", "/v1/tenants/contoso/policy", POLICY],
        ["POST", "/v1/keys", { role: "viewer", tenant: "contoso", name: "more" }],
      ]).map(async ([method, path, body]) => (await client.ask(method, path, { body, now: LEFT })).status),
    );
  assert.deepEqual(await asked(reading), [200, 200, 503, 503]);
  const decided = await send(reading, "EX01.contoso.com", LEFT + 8 * DAY, "async");
  assert.deepEqual([decided.action, decided.degraded], ["reject", false], "what KV has is decided on");
  const unrecorded = await send(reading, "EX01.contoso.com", LEFT + 8 * DAY);
  assert.deepEqual(
    [unrecorded.action, unrecorded.degraded],
    ["accept", true],
    "what cannot be recorded is accepted",
  );
  await reading.worker.stop();
  alter(stateDir, "UPDATE schema SET min_reader = 99");
  const refused = await started(stateDir, kv);
  assert.deepEqual(await asked(refused), [503, 503, 503, 503]);
  await refused.worker.stop();
  alter(stateDir, "UPDATE schema SET version = 2, min_reader = 1, min_writer = 1");
  const back = await started(stateDir, kv);
  assert.deepEqual(await asked(back), [200, 200, 200, 201]);
});
