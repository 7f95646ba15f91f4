/**
 * The report: what it counts, for any range of days, is what was answered; on workerd.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, event, received, rfc3339, until } from "../support/client.mjs";
import { edgeOfFile } from "../support/fixture.mjs";

const DAY = 24 * 3600;
const START = at("2026-09-20T08:15:08Z");
/** From stage to stage, across two ends of a month and one of a year. */
const DAYS = [0, 1, 10, 11, 40, 41, 60, 71, 72, 73, 80, 85, 95, 101, 102, 103, 104];
const END = START + DAYS[DAYS.length - 1] * DAY;
const KINDS = /** @type {const} */ (["accept", "defer", "reject", "would_defer", "would_reject"]);

const { client } = edgeOfFile({ ledger: true });

/** @typedef {{ at: number, day: string, server: string, build: string, action: string, would: string }} Told */

/** @param {number} now */
function dayOf(now) {
  return rfc3339(now).slice(0, 10);
}

/**
 * Mail of three servers on all the days; what was answered.
 * @param {string} tenant
 * @param {string} mode
 */
async function live(tenant, mode) {
  await client.putPolicy(tenant, { mode }, { now: START - DAY });
  /** @type {Told[]} */
  const told = [];
  for (const day of DAYS) {
    const servers = [
      { host: "EX01.contoso.com" },
      { host: "EX02.contoso.com", build: "15.1.2507.61" },
      { host: "EX03.contoso.com", build: day < 72 ? "15.1.2507.39" : "15.1.2507.61" },
    ];
    for (const minute of [0, 7, 31]) {
      const now = START + day * DAY + minute * 60;
      const decisions = servers.map(async (stamp) => {
        const header = received({ ...stamp, now });
        const event_id = `${stamp.host}-${now}`;
        const message = event({ tenant, record: "sync", event_id, header });
        // a busy machine may be late with one answer
        const { action, would } = await until("it is written down", async () => {
          const decision = await client.decide(message, { now });
          return decision.recorded && decision;
        });
        const { host, build = "15.1.2507.39" } = stamp;
        told.push({ at: now, day: dayOf(now), server: host.toLowerCase(), build, action, would });
      });
      await Promise.all(decisions);
    }
  }
  return told;
}

/** @param {Told[]} told */
function sum(told) {
  const count = (/** @type {(one: Told) => boolean} */ is) => told.filter(is).length;
  return {
    accept: count(({ action }) => action === "accept"),
    defer: count(({ action }) => action === "defer"),
    reject: count(({ action }) => action === "reject"),
    would_defer: count(({ action, would }) => would === "defer" && action !== would),
    would_reject: count(({ action, would }) => would === "reject" && action !== would),
  };
}

/** @param {any} counted */
function counts(counted) {
  return Object.fromEntries(KINDS.map((kind) => [kind, counted[kind]]));
}

for (const mode of ["enforce", "report"]) {
  test(`any range of days counts what was answered in it, no more and no less (${mode})`, async () => {
    const tenant = `ranges-${mode}`;
    const told = await live(tenant, mode);
    const whole = sum(told);
    const kinds =
      mode === "enforce" ? ["accept", "defer", "reject"] : ["accept", "would_defer", "would_reject"];
    for (const kind of kinds) assert.ok(whole[/** @type {"accept"} */ (kind)] > 0, kind);
    const days = ["2026-09-01", "2026-09-20", "2026-09-21", "2026-09-30", "2026-10-01", "2026-10-30"];
    days.push(
      "2026-11-01",
      "2026-11-30",
      "2026-12-01",
      "2026-12-02",
      "2026-12-31",
      "2027-01-01",
      "2027-01-31",
    );
    for (const from of days) {
      for (const to of days.filter((to) => to >= from)) {
        const report = await client.report(tenant, { from, to, now: END });
        const range = `${from} to ${to}`;
        const inRange = told.filter(({ day }) => day >= from && day <= to);
        assert.deepEqual([report.from, report.to], [from, to]);
        assert.deepEqual(counts(report.totals), sum(inRange), range);
        const series = [...new Set(inRange.map(({ day }) => day))].sort().map((day) => ({
          at: `${day}T00:00:00Z`,
          ...sum(inRange.filter((one) => one.day === day)),
        }));
        assert.deepEqual(report.series, series, range);
        const servers = ["ex01", "ex02", "ex03"].map((name) => {
          const id = `${name}.contoso.com`;
          return [id, sum(inRange.filter(({ server }) => server === id))];
        });
        assert.deepEqual(
          report.servers.map((/** @type {any} */ server) => [server.id, counts(server)]),
          servers,
          range,
        );
      }
    }
  });
}

test("a server's own counts are what was answered to it, by day, by hour and by build", async () => {
  const tenant = "ranges-own";
  const told = await live(tenant, "enforce");
  const id = "ex03.contoso.com";
  const counted = async (/** @type {string} */ query) => {
    const path = `/v1/tenants/${tenant}/servers/${id}/counts?${query}`;
    const answer = await client.ask("GET", path, { now: END });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const lengths = { day: DAY, hour: 3600 };
  for (const [by, from, to] of /** @type {["day" | "hour", string, string][]} */ ([
    ["day", "2026-09-01", dayOf(END)],
    ["day", "2026-11-28", "2026-12-03"],
    ["hour", dayOf(END - 3 * DAY), dayOf(END)],
    ["hour", dayOf(END), dayOf(END)],
  ])) {
    const json = await counted(`by=${by}&from=${from}&to=${to}`);
    const range = `by ${by}, ${from} to ${to}`;
    const inRange = told.filter(({ day, server }) => server === id && day >= from && day <= to);
    assert.ok(inRange.length > 0, range);
    assert.deepEqual([json.from, json.to, json.by], [from, to, by]);
    assert.deepEqual(json.totals, sum(inRange), range);
    const begins = (/** @type {Told} */ { at }) => at - (at % lengths[by]);
    const series = [...new Set(inRange.map(begins))].sort().map((at) => ({
      at: rfc3339(at),
      ...sum(inRange.filter((one) => begins(one) === at)),
    }));
    assert.deepEqual(json.series, series, range);
    const latestFirst = [...new Set(inRange.map(({ build }) => build).reverse())];
    const builds = latestFirst.map((build) => ({
      build,
      ...sum(inRange.filter((one) => one.build === build)),
    }));
    assert.deepEqual(json.builds, builds, range);
  }
  assert.deepEqual((await counted("by=hour")).from, dayOf(END), "the hours of one day");
  assert.deepEqual((await counted("")).from, dayOf(END - 29 * DAY), "the days of a month");
});

test("servers stand in the report as they stand on their own page, and what happened to them is told", async () => {
  const { mode, servers, transitions, paused_until, next } = await client.report("ranges-enforce", {
    from: "2026-09-01",
    to: "2027-01-31",
    now: END,
  });
  assert.deepEqual([mode, paused_until, next], ["enforce", null, null]);
  for (const server of servers) {
    const shown = await client.server("ranges-enforce", server.id, { now: END });
    assert.equal(server.nodes, shown.nodes.length, `${server.id}: nodes`);
    for (const member of [
      "id",
      "name",
      "connector",
      "build",
      "product",
      "standing",
      "stage",
      "effect",
      "detected_at",
      "throttled_from",
      "blocked_from",
      "exempt_until",
      "last_seen",
    ]) {
      assert.deepEqual(server[member], shown[member], `${server.id}: ${member}`);
    }
  }
  const kinds = transitions.map((/** @type {any} */ { kind, server }) => `${server.slice(0, 4)} ${kind}`);
  const lasting = kinds.filter((/** @type {string} */ kind) => !kind.endsWith(" stage"));
  assert.deepEqual(lasting.slice(0, 1), ["ex03 patched"], "newest first");
  assert.deepEqual(lasting.slice(1).sort(), ["ex01 detected", "ex03 detected"]);
  const early = await client.report("ranges-enforce", { from: "2026-09-01", to: "2026-09-30", now: END });
  assert.equal(
    early.transitions.some((/** @type {any} */ { kind }) => kind === "patched"),
    false,
  );
});

test("the report's servers come by the page, each once", async () => {
  const ids = [];
  let cursor;
  do {
    const page = await client.report("ranges-enforce", {
      from: "2026-09-01",
      to: "2026-12-31",
      limit: 1,
      cursor,
    });
    assert.equal(page.servers.length, 1);
    assert.equal(page.totals.accept > 10, true, "totals are those of all servers");
    ids.push(page.servers[0].id);
    cursor = page.next;
  } while (cursor !== null);
  assert.deepEqual(ids, ["ex01.contoso.com", "ex02.contoso.com", "ex03.contoso.com"]);
});

test("a report that names no days is on the last thirty", async () => {
  const report = await client.report("ranges-enforce", { now: END });
  assert.deepEqual([report.from, report.to], [dayOf(END - 29 * DAY), dayOf(END)]);
  const upTo = await client.report("ranges-enforce", { to: "2026-12-31", now: END });
  assert.equal(upTo.from, "2026-12-02");
});

test("a range that is none is refused, and the refusal says where", async () => {
  for (const [query, status, field] of /** @type {[string, number, string][]} */ ([
    ["from=2026-10-02&to=2026-10-01", 422, "from"],
    ["from=2025-10-01&to=2026-11-05", 422, "from"],
    ["from=2026-10&to=2026-11-05", 400, "from"],
    ["from=2026-10-01&to=soon", 400, "to"],
    ["from=2026-10-01&to=2026-10-02&limit=0", 400, "limit"],
  ])) {
    const answer = await client.ask("GET", `/v1/tenants/ranges-enforce/report?${query}`, { now: END });
    assert.deepEqual([answer.status, answer.json.field], [status, field], query);
  }
  await client.report("ranges-enforce", { from: "2025-10-02", to: "2026-11-05", now: END });
});

test("a spreadsheet opens the report, and runs nothing that a sender wrote", async () => {
  const tenant = "sheet";
  await client.putPolicy(tenant, { mode: "enforce" }, { now: START });
  for (const host of ["-EX1.contoso.com", "EX2.contoso.com"]) {
    for (const now of [START, START + 60]) {
      await client.decide(event({ tenant, record: "sync", header: received({ host, now }) }), { now });
    }
  }
  const accept = { accept: "text/csv" };
  const answer = await client.ask("GET", `/v1/tenants/${tenant}/report`, {
    now: START + 60,
    headers: accept,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/csv\b/);
  assert.equal(
    answer.headers.get("content-disposition"),
    `attachment; filename="tidegate-sheet-${dayOf(START - 29 * DAY)}-${dayOf(START)}.csv"`,
  );
  assert.deepEqual(answer.text.split("\r\n"), [
    "id,name,connector,build,product,state,reason,required,behind_days,stage,detected_at,throttled_from,blocked_from,exempt_until,last_seen,accept,defer,reject,would_defer,would_reject",
    ..."'-ex1 '-EX1,ex2 EX2".split(",").map((names) => {
      const [id, name] = names.split(" ").map((name) => `${name}.contoso.com`);
      const standing = "15.1.2507.39,Exchange Server 2016,out_of_date,behind_on_updates,15.1.2507.61,539,1";
      const dates = [0, 30, 90].map((days) => rfc3339(START + days * DAY)).join(",");
      return `${id},${name},on_premises,${standing},${dates},,${rfc3339(START + 60)},2,0,0,0,0`;
    }),
    "",
  ]);
  const both = { accept: "application/json, text/csv;q=0.5" };
  const json = await client.ask("GET", `/v1/tenants/${tenant}/report`, { now: START + 60, headers: both });
  assert.equal(json.json.servers.length, 2);
});

test("a list of servers shows those asked for, page by page", async () => {
  const tenant = "filters";
  // all products are enforced by then
  const LATER = START + 60 * DAY;
  await client.putPolicy(tenant, { mode: "enforce" }, { now: LATER - 33 * DAY });
  /** @type {[string, string | undefined, number][]} */
  const stamps = [];
  for (let index = 10; index < 22; index += 1) {
    stamps.push([`EX${index}.contoso.com`, index % 3 === 0 ? "15.1.2507.61" : undefined, LATER]);
  }
  stamps.push(["EX90.fabrikam.com", undefined, LATER - 32 * DAY]);
  for (const [host, build, first] of stamps) {
    for (const now of [first, first + 60, LATER - 9 * DAY, LATER + 60].filter((now) => now >= first)) {
      await client.decide(event({ tenant, record: "sync", header: received({ host, now, build }) }), { now });
    }
  }
  const all = async (/** @type {string} */ query) => {
    const ids = [];
    let cursor = "";
    do {
      const path = `/v1/tenants/${tenant}/servers?limit=3&${query}${cursor && `&cursor=${cursor}`}`;
      const { json } = await client.ask("GET", path, { now: LATER + 120 });
      assert.ok(json.items.length <= 3 && (json.next === null || json.items.length === 3), query);
      ids.push(...json.items.map((/** @type {any} */ { id }) => id.slice(2, 4)));
      cursor = json.next === null ? "" : encodeURIComponent(json.next);
    } while (cursor !== "");
    return ids.join(" ");
  };
  assert.equal(await all(""), "10 11 12 13 14 15 16 17 18 19 20 21 90");
  assert.equal(await all("state=current"), "12 15 18 21");
  assert.equal(await all("state=out_of_date"), "10 11 13 14 16 17 19 20 90");
  assert.equal(await all("state=unknown"), "");
  assert.equal(await all("stage=1"), "10 11 13 14 16 17 19 20");
  assert.equal(await all("stage=2"), "90");
  assert.equal(await all("q=FABRIKAM"), "90");
  assert.equal(await all("q=ex1&state=current"), "12 15 18");
  assert.equal(await all("q=%25"), "", "a percent sign is no wildcard");
});
