/**
 * What a tenant is told: at detection, 7 days and 1 day before each stage, when it begins, at the end, and before a pause
 * or an exemption ends. On workerd with a clock that the test sets.
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
 * @param {string} method
 * @param {string} tenant
 * @param {string} path
 * @param {number} now
 * @param {object} [body]
 */
async function ask(method, tenant, path, now, body) {
  const answer = await client.ask(method, `/v1/tenants/${tenant}${path}`, { now, body });
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

/**
 * All notifications, oldest first.
 * @param {string} tenant
 * @param {number} now
 * @returns {Promise<{ id: string, at: string, kind: string, server: string | null, text: string }[]>}
 */
async function notifications(tenant, now) {
  const { items } = await ask("GET", tenant, "/notifications?limit=1000", now);
  return items.reverse();
}

/**
 * @param {string} tenant
 * @param {number} now
 */
async function told(tenant, now) {
  return (await notifications(tenant, now)).map(({ at, kind }) => `${kind} ${at}`);
}

/**
 * Lets days pass, with one message a day.
 * @param {string} tenant
 * @param {number} from
 * @param {number} to
 */
async function live(tenant, from, to) {
  for (let day = from; day < to; day += 1) await send(tenant, START + day * DAY + 2 * HOUR);
}

/** @param {string} tenant @param {object} [policy] */
async function tenantOf(tenant, policy = {}) {
  await client.putPolicy(tenant, { mode: "enforce", ...policy }, { now: START - DAY });
  await send(tenant, START);
  await send(tenant, START + HOUR);
}

/** @param {number} days @param {number} [seconds] */
const day = (days, seconds = 0) => rfc3339(START + days * DAY + seconds);

test("a server's whole life is told, each date in time and once", async (t) => {
  const tenant = "life";
  await tenantOf(tenant);
  await live(tenant, 1, 95);
  const patched = START + 95 * DAY;
  await send(tenant, patched, "15.1.2507.61");
  // with the eighth of the old build, nothing better is remembered
  await live(tenant, 100, 109);
  await client.tick(tenant, { now: START + 180 * DAY });
  const all = await notifications(tenant, START + 180 * DAY);
  for (const { at, kind, text } of all) t.diagnostic(`${at} ${kind}: ${text}`);
  const begins = [30, 40, 50, 60, 70, 80, 90];
  assert.deepEqual(
    all.map(({ at, kind }) => `${kind} ${at}`),
    [
      `server.detected ${day(0)}`,
      ...begins.flatMap((begin) => [
        `stage.in_7_days ${day(begin - 7)}`,
        `stage.in_1_day ${day(begin - 1)}`,
        `stage.changed ${day(begin)}`,
      ]),
      `server.patched ${rfc3339(patched)}`,
      `server.resumed ${day(107, 2 * HOUR)}`,
      // nothing is closed for 7 days after its second message
      `stage.in_7_days ${day(108, 2 * HOUR)}`,
      `stage.changed ${day(115, 2 * HOUR)}`,
      `server.silent ${day(168, 2 * HOUR)}`,
    ],
  );
  assert.ok(all.every(({ server, text }) => server === ID && /^[\x20-\x7e]{40,500}$/.test(text)));
  const text = (/** @type {string} */ kind, number = 0) =>
    all.filter((one) => one.kind === kind)[number].text;
  const head =
    "EX01.contoso.com runs Exchange Server 2016, build 15.1.2507.39, which is out of date: " +
    "build 15.1.2507.61 or later is required.";
  assert.equal(
    text("server.detected"),
    `${head} It is in stage 1 of 8: all its mail is accepted. ` +
      "On 2026-10-31 08:15:08 UTC stage 2 of 8 begins: its mail will be throttled for 5 minutes of every hour.",
  );
  assert.equal(
    text("stage.in_1_day", 3),
    `${head} On 2026-11-30 08:15:08 UTC stage 5 of 8 begins: ` +
      "its mail will be throttled for 30 and blocked for 5 minutes of every hour.",
  );
  assert.equal(
    text("stage.changed", 6),
    `${head} On 2026-12-30 08:15:08 UTC stage 8 of 8 began: all its mail is blocked.`,
  );
  const { transitions } = await client.server(tenant, ID, { now: START + 180 * DAY });
  assert.deepEqual(
    transitions
      .reverse()
      .map((/** @type {any} */ { at, kind, before, after }) => [kind, before, after, at].join(" ")),
    [
      `detected   ${day(0)}`,
      ...begins.map((begin, index) => `stage ${index + 1} ${index + 2} ${day(begin)}`),
      `patched   ${rfc3339(patched)}`,
      `resumed   ${day(107, 2 * HOUR)}`,
      `stage 1 8 ${day(115, 2 * HOUR)}`,
      `silent   ${day(168, 2 * HOUR)}`,
    ],
  );
});

test("stages that passed while nobody looked are written down with their own times, a pause between them counted", async () => {
  const tenant = "slept";
  await tenantOf(tenant);
  await ask("POST", tenant, "/pauses", START + DAY, { days: 5, reason: "x", starts_on: "2026-11-05" });
  await live(tenant, 20, 21);
  await live(tenant, 48, 49);
  await client.tick(tenant, { now: START + 56 * DAY + HOUR });
  const stages = (await told(tenant, START + 56 * DAY + HOUR)).filter((one) => one.startsWith("stage"));
  assert.deepEqual(stages.slice(-3), [
    `stage.changed ${day(45)}`,
    `stage.in_7_days ${day(48)}`,
    `stage.changed ${day(55)}`,
  ]);
  const page = (
    await client.ask("GET", `/v1/tenants/${tenant}/servers?stage=4`, { now: START + 56 * DAY + HOUR })
  ).json;
  assert.deepEqual(
    page.items.map((/** @type {any} */ { id }) => id),
    [ID],
  );
});

test("a date that a pause moves is told again, seven days and one day before", async () => {
  const tenant = "moved";
  await tenantOf(tenant);
  await live(tenant, 1, 29);
  const pause = START + 29 * DAY + HOUR;
  await ask("POST", tenant, "/pauses", pause, { days: 60, reason: "x" });
  await live(tenant, 30, 41);
  const ended = START + 41 * DAY + HOUR;
  await ask("DELETE", tenant, "/pauses/1", ended);
  await live(tenant, 42, 44);
  const now = START + 44 * DAY;
  assert.deepEqual(await told(tenant, now), [
    `server.detected ${day(0)}`,
    `stage.in_7_days ${day(23)}`,
    `stage.in_1_day ${day(29)}`,
    `stage.in_1_day ${rfc3339(ended)}`,
    `stage.changed ${day(42)}`,
  ]);
});

test("lengthening a pause moves the date again, and both warnings follow it", async () => {
  const tenant = "lengthened";
  await tenantOf(tenant);
  await ask("POST", tenant, "/pauses", START + DAY, { days: 2, reason: "x", starts_on: "2026-10-20" });
  await live(tenant, 1, 27);
  await ask("POST", tenant, "/pauses", START + 27 * DAY, { days: 10, reason: "y", starts_on: "2026-10-30" });
  await live(tenant, 27, 44);
  const stages = (await told(tenant, START + 44 * DAY)).filter((one) => one.startsWith("stage"));
  assert.deepEqual(stages, [
    `stage.in_7_days ${day(25)}`,
    `stage.in_7_days ${day(35)}`,
    `stage.in_1_day ${day(41)}`,
    `stage.changed ${day(42)}`,
  ]);
});

test("the ends of pauses and exemptions are told 7 days and 1 day before, where they last longer than that", async () => {
  const tenant = "ends";
  await tenantOf(tenant);
  const midnight = at("2026-10-02T00:00:00Z");
  await ask("POST", tenant, "/pauses", START + HOUR, { days: 9, reason: "long" });
  await client.tick(tenant, { now: START + 3 * DAY });
  await client.tick(tenant, { now: START + 8 * DAY });
  await ask("POST", tenant, "/pauses", START + 9 * DAY, {
    days: 1,
    reason: "short",
    starts_on: "2026-10-15",
  });
  await ask("POST", tenant, "/pauses", START + 9 * DAY, {
    days: 7,
    reason: "a week",
    starts_on: "2026-10-20",
  });
  const exempt = (/** @type {number} */ now, /** @type {number} */ until) =>
    ask("PUT", tenant, `/servers/${ID}/exemption`, now, { reason: "x", expires_at: rfc3339(until) });
  await exempt(START + 9 * DAY, START + 20 * DAY);
  await exempt(START + 14 * DAY, START + 24 * DAY);
  await client.tick(tenant, { now: START + 17 * DAY });
  await client.tick(tenant, { now: START + 23 * DAY });
  await client.tick(tenant, { now: START + 25 * DAY });
  const ends = (await notifications(tenant, START + 25 * DAY)).filter(({ kind }) => kind.includes("ends"));
  const shown = ends.map(({ at, kind, server }) => `${kind} ${at} ${server}`).sort();
  assert.deepEqual(shown, [
    `exemption.ends_in_1_day ${day(23)} ${ID}`,
    `exemption.ends_in_7_days ${day(13)} ${ID}`,
    `exemption.ends_in_7_days ${day(17)} ${ID}`,
    `pause.ends_in_1_day ${rfc3339(midnight + 7 * DAY)} null`,
    `pause.ends_in_1_day ${rfc3339(at("2026-10-26T00:00:00Z"))} null`,
    `pause.ends_in_7_days ${rfc3339(midnight + DAY)} null`,
  ]);
  assert.equal(
    ends.find(({ kind }) => kind === "exemption.ends_in_1_day")?.text,
    "The exemption of ex01.contoso.com ends on 2026-10-25 08:15:08 UTC. " +
      "From then on enforcement goes on where it stopped.",
  );
});

test("in report mode the texts say what would be; a change to enforce tells the new dates at once", async () => {
  const tenant = "report";
  await tenantOf(tenant, { mode: "report" });
  await live(tenant, 1, 45);
  const before = await notifications(tenant, START + 45 * DAY);
  const changed = before.filter(({ kind }) => kind === "stage.changed");
  assert.deepEqual(
    changed.map(({ at }) => at),
    [day(30), day(40)],
  );
  assert.match(changed[0].text, /would be throttled for 5 .* For now this is only reported/);
  const now = START + 45 * DAY;
  await client.putPolicy(tenant, { mode: "enforce" }, { now });
  await live(tenant, 45, 53);
  // told with the change; the first message that can be refused moves it by less than a day
  const after = (await notifications(tenant, START + 53 * DAY)).slice(before.length);
  assert.deepEqual(
    after.map(({ at, kind }) => `${kind} ${at}`),
    [
      `stage.changed ${day(45)}`,
      `stage.in_1_day ${day(51, 2 * HOUR)}`,
      `stage.changed ${day(52, 2 * HOUR)}`,
      `stage.in_7_days ${day(53)}`,
    ],
  );
  assert.match(after[0].text, /all its mail is accepted\. On 2026-11-22 08:15:08 UTC stage 4 of 8 begins/);
});

test("where the mode is off, or the clock stands still without end, nobody is told anything", async () => {
  await tenantOf("off");
  await live("off", 1, 10);
  await client.putPolicy("off", { mode: "off" }, { now: START + 10 * DAY });
  await client.tick("off", { now: START + 60 * DAY });
  assert.deepEqual(await told("off", START + 60 * DAY), [`server.detected ${day(0)}`]);
  await tenantOf("held");
  await client.putPolicy("held", { mode: "report" }, { now: START + DAY });
  await live("held", 1, 29);
  await live("held", 29, 45);
  assert.deepEqual(await told("held", START + 45 * DAY), [`server.detected ${day(0)}`]);
});

test("notifications come in pages, newest first", async () => {
  await tenantOf("pages");
  await live("pages", 1, 32);
  const now = START + 32 * DAY;
  const first = await ask("GET", "pages", "/notifications?limit=3", now);
  assert.deepEqual(
    first.items.map((/** @type {any} */ { kind }) => kind),
    ["stage.changed", "stage.in_1_day", "stage.in_7_days"],
  );
  const second = await ask("GET", "pages", `/notifications?limit=3&cursor=${first.next}`, now);
  assert.deepEqual(
    [second.items.map((/** @type {any} */ { kind }) => kind), second.next],
    [["server.detected"], null],
  );
});
