/**
 * What stops a tenant's clocks: pauses and exemptions, on workerd with a clock that the test sets.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, event, received, rfc3339 } from "../support/client.mjs";
import { edgeOfFile } from "../support/fixture.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;
const ID = "ex01.contoso.com";
const START = at("2026-10-01T08:15:08Z");

const { client } = edgeOfFile({ ledger: true });

/**
 * @param {string} tenant
 * @param {number} now
 * @param {string} [build]
 */
function send(tenant, now, build) {
  const header = received({ host: "EX01.contoso.com", now, build });
  return client.decide(event({ tenant, header, record: "sync" }), { now });
}

/**
 * A tenant that enforces, and a server that has been out of date since `start`.
 * @param {string} tenant
 * @param {number} days
 * @param {number} [start]
 */
async function outdated(tenant, days, start = START) {
  await client.putPolicy(tenant, { mode: "enforce" }, { now: start - DAY });
  await send(tenant, start);
  for (let day = 0; day < days; day += 20) await send(tenant, start + day * DAY + HOUR);
}

/**
 * @param {string} method
 * @param {string} tenant
 * @param {string} path
 * @param {number} now
 * @param {object} [body]
 * @param {number} [status]
 */
async function ask(method, tenant, path, now, body, status) {
  const answer = await client.ask(method, `/v1/tenants/${tenant}${path}`, { now, body });
  const expected = status ?? { GET: 200, POST: 201, PUT: 200, PATCH: 200, DELETE: 204 }[method];
  assert.equal(answer.status, expected, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

/** @param {string} tenant @param {number} now */
async function stageOf(tenant, now) {
  const { stage } = await client.server(tenant, ID, { now });
  return { number: stage.number, next: stage.next?.at };
}

test("the stage clock stands still for a pause, over New Year, and goes on after it to the second", async () => {
  const tenant = "new-year";
  const start = at("2026-12-05T08:15:08Z");
  await outdated(tenant, 20, start);
  const now = at("2026-12-30T10:00:00Z");
  await send(tenant, now - HOUR);
  assert.deepEqual(await stageOf(tenant, now), { number: 1, next: rfc3339(start + 30 * DAY) });
  const pause = await ask("POST", tenant, "/pauses", now, { days: 5, reason: "Holidays" });
  assert.deepEqual(pause, {
    id: "1",
    reason: "Holidays",
    days: 5,
    first_day: "2026-12-30",
    last_day: "2027-01-03",
    from: "2026-12-30T10:00:00Z",
    until: "2027-01-04T00:00:00Z",
    state: "running",
    created_at: "2026-12-30T10:00:00Z",
    created_by: "admin",
    ended_at: null,
  });
  const frozen = at("2027-01-04T00:00:00Z") - now;
  const next = start + 30 * DAY + frozen;
  assert.deepEqual(await stageOf(tenant, now + DAY), { number: 1, next: rfc3339(next) });
  const { budget } = await ask("GET", tenant, "/pauses", now + DAY);
  assert.deepEqual(budget, {
    days_per_year: 90,
    years: [
      { year: 2026, used: 2, left: 88 },
      { year: 2027, used: 3, left: 87 },
    ],
  });
  assert.equal((await send(tenant, next - 1)).stage.number, 1);
  assert.equal((await send(tenant, next)).stage.number, 2);
});

test("while paused all mail is accepted, and the answer says until when and what would be", async () => {
  const tenant = "paused";
  await outdated(tenant, 95);
  const now = START + 95 * DAY;
  assert.equal((await send(tenant, now)).action, "reject");
  await ask("POST", tenant, "/pauses", now, { days: 2, reason: "Migration" });
  const until = rfc3339(Math.floor(now / DAY) * DAY + 2 * DAY);
  const paused = await send(tenant, now + HOUR);
  assert.deepEqual([paused.action, paused.would, paused.paused_until], ["accept", "reject", until]);
  assert.match(paused.why, /paused until/);
  const after = await send(tenant, at(until));
  assert.deepEqual([after.action, after.paused_until], ["reject", null]);
});

test("a pause that ends early takes back its days, and the clock goes on from that second", async () => {
  const tenant = "early-end";
  await outdated(tenant, 21);
  const now = START + 20 * DAY + 2 * HOUR;
  await ask("POST", tenant, "/pauses", now, { days: 30, reason: "Migration" });
  const ended = now + 3 * DAY + 17;
  await ask("DELETE", tenant, "/pauses/1", ended);
  const { items, budget } = await ask("GET", tenant, "/pauses", ended + 1);
  assert.deepEqual(
    [items[0].state, items[0].ended_at, items[0].until, items[0].days],
    ["ended", rfc3339(ended), rfc3339(ended), 30],
  );
  assert.equal(budget.years[0].used, 4, "the days that it touched");
  const next = START + 30 * DAY + 3 * DAY + 17;
  assert.deepEqual(await stageOf(tenant, ended + HOUR), { number: 1, next: rfc3339(next) });
  assert.equal((await send(tenant, next - 1)).stage.number, 1);
  assert.equal((await send(tenant, next)).stage.number, 2);
  await ask("DELETE", tenant, "/pauses/1", ended + 2, undefined, 409);
});

test("a pause can start later, be lengthened, shortened and withdrawn", async () => {
  const tenant = "planned";
  await outdated(tenant, 1);
  const now = START + DAY;
  const plan = { days: 2, reason: "Later", starts_on: "2026-11-10" };
  const planned = await ask("POST", tenant, "/pauses", now, plan);
  assert.deepEqual(
    [planned.state, planned.from, planned.until],
    ["scheduled", "2026-11-10T00:00:00Z", "2026-11-12T00:00:00Z"],
  );
  const moved = await stageOf(tenant, now);
  assert.equal(moved.next, rfc3339(START + 30 * DAY), "it lies behind the next stage");
  const longer = await ask("PATCH", tenant, "/pauses/1", now + 1, { days: 10 });
  assert.deepEqual([longer.days, longer.last_day], [10, "2026-11-19"]);
  await ask("POST", tenant, "/pauses", now + 2, { days: 1, reason: "x", starts_on: "2026-11-15" }, 409);
  const shorter = await ask("PATCH", tenant, "/pauses/1", now + 3, { days: 1 });
  assert.equal(shorter.until, "2026-11-11T00:00:00Z");
  await ask("DELETE", tenant, "/pauses/1", now + 4);
  const { items, budget } = await ask("GET", tenant, "/pauses", now + 5);
  assert.deepEqual([items[0].state, budget.years[0].used], ["ended", 0]);
  // over the days of the withdrawn one
  const over = await ask("POST", tenant, "/pauses", now + 6, { ...plan, starts_on: "2026-11-09" });
  await ask("DELETE", tenant, `/pauses/${over.id}`, now + 7);
  const running = await ask("POST", tenant, "/pauses", now + DAY, { days: 4, reason: "Now" });
  await ask("PATCH", tenant, `/pauses/${running.id}`, now + 3 * DAY, { days: 1 }, 422);
  await ask("PATCH", tenant, "/pauses/77", now + DAY, { days: 1 }, 404);
  const page = await ask("GET", tenant, "/pauses?limit=1", now + 4 * DAY);
  assert.deepEqual([page.items[0].id, page.next], ["3", "3"]);
  const rest = await ask("GET", tenant, "/pauses?cursor=3", now + 4 * DAY);
  assert.deepEqual([rest.items.length, rest.items[1].id, rest.next], [2, "1", null]);
  const audit = (await ask("GET", tenant, "/audit", now + 5 * DAY)).items;
  const trail = audit.map((/** @type {any} */ { action, subject, before, after }) =>
    [action, subject, before?.days, after?.days].join(" "),
  );
  assert.deepEqual(trail.slice(0, 7), [
    "pause.create 3  4",
    "pause.end 2 2 2",
    "pause.create 2  2",
    "pause.end 1 1 1",
    "pause.change 1 10 1",
    "pause.change 1 2 10",
    "pause.create 1  2",
  ]);
});

test("a pause beyond the budget is refused in words that help, a lowered budget leaves what was granted", async () => {
  const tenant = "budget";
  await client.putPolicy(tenant, { mode: "enforce", pause_days_per_year: 10 }, { now: START });
  await ask("POST", tenant, "/pauses", START, { days: 8, reason: "x" });
  const over = await ask(
    "POST",
    tenant,
    "/pauses",
    START,
    { days: 3, reason: "x", starts_on: "2026-12-01" },
    422,
  );
  assert.deepEqual([over.field, over.detail], ["days", "2026 has 2 days of pause left"]);
  await client.putPolicy(tenant, { mode: "enforce", pause_days_per_year: 2 }, { now: START + 1 });
  const { items, budget } = await ask("GET", tenant, "/pauses", START + 2);
  assert.deepEqual([items[0].state, budget.years[0]], ["running", { year: 2026, used: 8, left: 0 }]);
  for (const [body, status, field] of /** @type {[object, number, string][]} */ ([
    [{ days: 0, reason: "x" }, 422, "days"],
    [{ days: -1, reason: "x" }, 422, "days"],
    [{ days: 367, reason: "x" }, 422, "days"],
    [{ days: 99999999, reason: "x" }, 422, "days"],
    [{ days: "1", reason: "x" }, 400, "days"],
    [{ days: 1 }, 400, "reason"],
    [{ days: 1, reason: " " }, 422, "reason"],
    [{ days: 1, reason: "x\ny" }, 422, "reason"],
    [{ days: 1, reason: "x".repeat(501) }, 422, "reason"],
    [{ days: 1, reason: "x", starts_on: "2026-09-30" }, 422, "starts_on"],
    [{ days: 1, reason: "x", starts_on: "2028-09-30" }, 422, "starts_on"],
    [{ days: 1, reason: "x", starts_on: "2026-12" }, 400, "starts_on"],
    [{ days: 1, reason: "x", starts_on: "soon" }, 400, "starts_on"],
    [{ days: 1, reason: "x", ends_on: "2026-12-01" }, 400, "ends_on"],
  ])) {
    const problem = await ask("POST", tenant, "/pauses", START + 3, body, status);
    assert.equal(problem.field, field, JSON.stringify(body));
  }
});

test("a tenant without a policy can pause, and has a policy then", async () => {
  const answer = await client.ask("POST", "/v1/tenants/no-policy/pauses", {
    now: START,
    body: { days: 1, reason: "ü".repeat(500) },
  });
  assert.deepEqual([answer.status, answer.headers.get("etag")], [201, null]);
  const policy = await client.ask("GET", "/v1/tenants/no-policy/policy", { now: START });
  assert.deepEqual([policy.json.mode, policy.headers.get("etag")], ["report", '"1"']);
});

test("an exempt server's mail is accepted and its clock stands still until the very end", async () => {
  const tenant = "exempt";
  await outdated(tenant, 35);
  const now = START + 35 * DAY;
  assert.equal((await send(tenant, now)).stage.number, 2);
  const expires = now + 9 * DAY + 5;
  const body = { reason: "New server is ordered", expires_at: rfc3339(expires) };
  const exemption = await ask("PUT", tenant, `/servers/${ID}/exemption`, now, body);
  assert.deepEqual(exemption, {
    server: ID,
    reason: body.reason,
    from: rfc3339(now),
    expires_at: body.expires_at,
    created_at: rfc3339(now),
    created_by: "admin",
  });
  const next = START + 40 * DAY + 9 * DAY + 5;
  for (const time of [now + 1, now + 8 * DAY]) {
    for (let minute = 0; minute < 60; minute += 20) {
      const decision = await send(tenant, time + minute * 60);
      assert.deepEqual([decision.action, decision.exempt_until], ["accept", body.expires_at]);
      assert.deepEqual([decision.stage.number, decision.stage.next.at], [2, rfc3339(next)]);
    }
  }
  assert.deepEqual(await ask("GET", tenant, `/servers/${ID}/exemption`, expires - 1), exemption);
  await ask("GET", tenant, `/servers/${ID}/exemption`, expires, undefined, 404);
  assert.equal((await send(tenant, expires)).exempt_until, null);
  assert.equal((await send(tenant, next - 1)).stage.number, 2);
  assert.equal((await send(tenant, next)).stage.number, 3);
  const { transitions } = await client.server(tenant, ID, { now: next + 1 });
  const shown = transitions.map((/** @type {any} */ { at, kind, actor, before, after }) => ({
    at,
    kind,
    actor,
    before,
    after,
  }));
  assert.deepEqual(shown.slice(0, 4), [
    { at: rfc3339(next), kind: "stage", actor: "system", before: 2, after: 3 },
    { at: body.expires_at, kind: "exemption_ended", actor: "system", before: body.expires_at, after: null },
    { at: rfc3339(now), kind: "exempted", actor: "admin", before: null, after: body.expires_at },
    { at: rfc3339(START + 30 * DAY), kind: "stage", actor: "system", before: 1, after: 2 },
  ]);
});

test("an exemption can be lengthened, ended early and granted again; the clock counts only the time between", async () => {
  const tenant = "exempt-again";
  await outdated(tenant, 10);
  const path = `/servers/${ID}/exemption`;
  const now = START + 10 * DAY + 2 * HOUR;
  const until = (/** @type {number} */ days) => ({ reason: "x", expires_at: rfc3339(now + days * DAY) });
  await ask("PUT", tenant, path, now, until(2));
  const longer = await ask("PUT", tenant, path, now + DAY, { ...until(20), reason: "y" });
  assert.deepEqual([longer.reason, longer.from], ["y", rfc3339(now)], "it keeps its beginning");
  await ask("DELETE", tenant, path, now + 4 * DAY);
  await ask("DELETE", tenant, path, now + 4 * DAY, undefined, 404);
  await ask("GET", tenant, path, now + 4 * DAY, undefined, 404);
  assert.equal((await stageOf(tenant, now + 5 * DAY)).next, rfc3339(START + 34 * DAY));
  assert.equal((await send(tenant, now + 5 * DAY)).exempt_until, null);
  await ask("PUT", tenant, path, now + 6 * DAY, until(7));
  assert.equal((await stageOf(tenant, now + 6 * DAY)).next, rfc3339(START + 35 * DAY));
  const audit = (await ask("GET", tenant, "/audit", now + 7 * DAY)).items;
  assert.deepEqual(
    audit
      .slice(0, 4)
      .map((/** @type {any} */ { action, subject, before, after }) => [
        action,
        subject,
        before?.expires_at,
        after?.expires_at,
      ]),
    [
      ["exemption.put", ID, undefined, until(7).expires_at],
      ["exemption.end", ID, until(20).expires_at, undefined],
      ["exemption.put", ID, until(2).expires_at, until(20).expires_at],
      ["exemption.put", ID, undefined, until(2).expires_at],
    ],
  );
});

test("an exemption without a sensible end, reason or server is refused", async () => {
  const tenant = "exempt-wrong";
  await outdated(tenant, 0);
  const now = START + DAY;
  const good = { reason: "x", expires_at: rfc3339(now + DAY) };
  for (const [body, status, field] of /** @type {[object, number, string][]} */ ([
    [{ ...good, expires_at: rfc3339(now) }, 422, "expires_at"],
    [{ ...good, expires_at: rfc3339(now + 365 * DAY + 1) }, 422, "expires_at"],
    [{ ...good, expires_at: "2026-12-01" }, 400, "expires_at"],
    [{ reason: "x" }, 400, "expires_at"],
    [{ ...good, reason: "" }, 422, "reason"],
    [{ ...good, from: rfc3339(now) }, 400, "from"],
  ])) {
    const problem = await ask("PUT", tenant, `/servers/${ID}/exemption`, now, body, status);
    assert.equal(problem.field, field, JSON.stringify(body));
  }
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? good : undefined;
    await ask(method, tenant, "/servers/ex99.contoso.com/exemption", now, body, 404);
  }
  const furthest = { ...good, expires_at: rfc3339(now + 365 * DAY) };
  await ask("PUT", tenant, `/servers/${ID}/exemption`, now, furthest);
});
