/** A tenant's report: the sentence, the picture, the servers. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { Client, event, received } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { inFrames, POLLED } from "./support/frames.mjs";
import { ago, DAY, live } from "./support/lives.mjs";
import { assertFits, LOOKS, open, shoot, TENANT, world } from "./support/world.mjs";

const NUMBER = new Intl.NumberFormat("en-GB");

/** @type {import("../support/client.mjs").Client} */
let client;
before(async () => {
  ({ client } = await world());
});

/** @param {import("playwright-core").Page} page */
const headline = (page) => page.locator(".headline-first").textContent();

/** @param {import("playwright-core").Page} page */
const slider = (page) => page.getByRole("slider", { name: "Day" });

/** @param {number} back how many days before today @returns {string} */
const dayBack = (back) => new Date((ago(0) - back * DAY) * 1000).toISOString().slice(0, 10);

/** `Wed, 25 Nov 2026` @param {string} date */
function weekday(date) {
  const format = { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", /** @type {Intl.DateTimeFormatOptions} */ (format)).format(
    new Date(date),
  );
}

for (const { width, theme } of LOOKS) {
  test(`a reader learns who is out of date, what comes next and what became of mail: ${width} px, ${theme}`, async (t) => {
    const { keys } = await world();
    const page = await open(t, { at: `/tenants/${TENANT}`, key: keys.viewer, width, theme });
    await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
    const report = await client.report(TENANT);
    const failing = report.servers.filter(
      (/** @type {any} */ { standing }) => standing.state === "out_of_date",
    );
    const next = failing
      .filter((/** @type {any} */ { stage }) => stage?.next?.at)
      .sort((/** @type {any} */ one, /** @type {any} */ other) =>
        one.stage.next.at < other.stage.next.at ? -1 : 1,
      )[0];
    const label = next.name.split(".")[0];
    assert.match(
      await headline(page),
      new RegExp(
        `^${failing.length} of ${report.servers.length} servers are out of date; ${label} will be .* from .*, in .*\\.$`,
      ),
    );
    const { accept, defer, reject } = report.totals;
    const all = NUMBER.format(accept + defer + reject);
    await page
      .getByText(`Of ${all} messages in the last 30 days ${defer} were deferred and ${reject} rejected`)
      .waitFor();
    await shoot(page, `report-${width}-${theme}`);
    await assertAccessible(page);
    await assertFits(page);
  });
}

test("pointing at a day tells its figures and what happened on it, by mouse and by keyboard", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  const report = await client.report(TENANT);
  const { at: moment } = report.transitions[0];
  const date = moment.slice(0, 10);
  const same = report.transitions.filter((/** @type {any} */ { at }) => at.startsWith(date));
  const day = report.series.find((/** @type {any} */ { at }) => at.startsWith(date));
  const index = Math.round((Date.parse(date) - Date.parse(report.from)) / (DAY * 1000));
  const plot = page.locator(".days .chart-over");
  const box = await plot.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + ((index + 0.5) / 30) * box.width, box.y + box.height / 2);
  const reading = page.locator(".days .chart-reading");
  await reading.getByText(weekday(date)).waitFor();
  const words = (await reading.textContent()) ?? "";
  for (const part of [
    `${day.accept} accepted`,
    `${day.defer} deferred`,
    `${day.reject} rejected`,
    same[0].server,
  ])
    assert.ok(words.includes(part), `${part} in: ${words}`);
  await shoot(page, "report-day");

  await page.mouse.move(0, 0);
  await slider(page).focus();
  await page.keyboard.press("Home");
  const first = report.series.find((/** @type {any} */ { at }) => at.startsWith(report.from));
  const said = await slider(page).getAttribute("aria-valuetext");
  assert.ok(said?.startsWith(`${weekday(report.from)}: ${first?.accept ?? 0} accepted`), said ?? "");
  await reading.getByText(weekday(report.from)).waitFor();
  await assertAccessible(page);
});

test("days are chosen by dragging, by keyboard, by presets and by dates, and stay in the address", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  const box = await page.locator(".days .chart-over").boundingBox();
  assert.ok(box);
  const over = (/** @type {number} */ index) => box.x + ((index + 0.5) / 30) * box.width;
  await page.mouse.move(over(9), box.y + 60);
  await page.mouse.down();
  await page.mouse.move(over(14), box.y + 80, { steps: 4 });
  await page.mouse.up();
  const dragged = `from=${dayBack(20)}&to=${dayBack(15)}`;
  await page.waitForURL((url) => url.hash.includes(dragged));
  const report = await client.report(TENANT, { from: dayBack(20), to: dayBack(15) });
  const { accept, defer, reject } = report.totals;
  await page.getByText(`Of ${accept + defer + reject} messages from `).waitFor();
  assert.equal(await page.getByLabel("From").inputValue(), dayBack(20));
  await shoot(page, "report-dragged");

  await page.getByRole("button", { name: "7 days", exact: true }).click();
  await page.waitForURL((url) => url.hash.endsWith("?days=7"));
  await page.getByText("messages in the last 7 days").waitFor();
  await slider(page).focus();
  for (const key of ["End", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"])
    await page.keyboard.press(key);
  await page.getByText("press Enter to see these days alone").waitFor();
  await shoot(page, "report-chosen-by-keyboard");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.hash.includes(`from=${dayBack(3)}&to=${dayBack(1)}`));

  await page.getByLabel("From").fill(dayBack(45));
  await page.waitForURL((url) => url.hash.includes(`from=${dayBack(45)}&to=${dayBack(1)}`));
  await page.getByText("messages from").waitFor();
  await page.reload();
  await page.getByText("messages from").waitFor();
  assert.equal(await page.getByLabel("From").inputValue(), dayBack(45));
  assert.equal(await slider(page).getAttribute("aria-valuemax"), "44");
});

for (const { width, theme } of LOOKS) {
  test(`all that is kept can be looked at, day by day: ${width} px, ${theme}`, async (t) => {
    const page = await open(t, { at: `/tenants/${TENANT}?days=400`, width, theme });
    await page.getByText("messages in the last 400 days").waitFor();
    assert.equal(await slider(page).getAttribute("aria-valuemax"), "399");
    await shoot(page, `report-400-${width}-${theme}`);
    await page.getByText("Figures of each day").click();
    const figures = page.getByRole("table", { name: "Figures of each day" });
    const report = await client.report(TENANT, { from: dayBack(399), to: dayBack(0) });
    const { at, accept, defer, reject } = report.series.at(-1);
    const row = figures.getByRole("row", { name: weekday(at.slice(0, 10)) });
    const cells = await row.getByRole("cell").allInnerTexts();
    assert.deepEqual(cells.slice(0, 3), [accept, defer, reject].map(String));
    assert.equal(await figures.getAttribute("aria-rowcount"), "401", "days without mail are there");
    await assertAccessible(page);
    await assertFits(page);
  });
}

test("servers are found by standing, stage and words, which the address keeps", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  const table = page.getByRole("table", { name: `Servers of ${TENANT}` });
  const names = () => table.getByRole("rowheader").allInnerTexts();
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
  const report = await client.report(TENANT);
  const standing = (/** @type {string} */ state) =>
    report.servers.filter((/** @type {any} */ server) => server.standing.state === state).length;
  const options = await page.getByLabel("Standing").locator("option").allInnerTexts();
  assert.deepEqual(options, [
    `All (${report.servers.length})`,
    `Out of date (${standing("out_of_date")})`,
    `Current (${standing("current")})`,
    `Unknown (${standing("unknown")})`,
  ]);
  await page.getByLabel("Standing").selectOption("current");
  await page.getByText(`${standing("current")} of ${report.servers.length} servers`).waitFor();
  assert.equal((await names()).length, standing("current"));
  await page.getByLabel("Standing").selectOption("");
  await page.getByLabel("Stage").selectOption({ label: "Stage 8 (1)" });
  assert.deepEqual(await names(), ["EX01.contoso.com"]);
  await page.getByLabel("Stage").selectOption("");
  await page.getByLabel("Search").fill("exchange 2016 ex10");
  await page.waitForURL((url) => url.hash.includes("q=exchange+2016+ex10"));
  await page.getByText("No server is like that.").waitFor();
  await page.getByLabel("Search").fill("exchange 2013 ex10");
  await page.getByText("1 of 12 servers").waitFor();
  assert.deepEqual(await names(), ["EX10.contoso.com"]);
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    "INPUT",
    "typing is not interrupted",
  );
  await page.waitForURL((url) => url.hash.includes("q=exchange+2013+ex10"));
  await page.reload();
  await page.getByText("1 of 12 servers").waitFor();
  assert.deepEqual(await names(), ["EX10.contoso.com"]);
});

test("the strictest comes first, and each column sorts", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  const table = page.getByRole("table", { name: `Servers of ${TENANT}` });
  const names = async () =>
    (await table.getByRole("rowheader").allInnerTexts()).map((name) => name.split("\n")[0]);
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
  assert.deepEqual((await names()).slice(0, 5), [
    "EX01.contoso.com",
    "EX07.contoso.com",
    "EX02.contoso.com",
    "EX10.contoso.com",
    "EX11.contoso.com",
  ]);
  await page.getByRole("button", { name: "Next change" }).click();
  await page.waitForURL((url) => url.hash.includes("sort=next"));
  assert.deepEqual((await names()).slice(0, 2), ["EX05.contoso.com", "EX07.contoso.com"]);
  await page.getByRole("button", { name: "Build" }).click();
  assert.equal((await names())[0], "legacy.contoso.com");
  await page.getByRole("button", { name: "Build" }).click();
  assert.equal((await names())[0], "EX06.contoso.com");
  assert.equal(
    await page.getByRole("columnheader", { name: "Build" }).getAttribute("aria-sort"),
    "descending",
  );
});

test("each server's row says what it runs, what is required, what its mail meets and what comes", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  const row = async (/** @type {string} */ name) =>
    (await page.getByRole("row", { name }).locator("th, td").allInnerTexts())
      .join(" ")
      .replaceAll(/\s+/g, " ");
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
  assert.match(
    await row("EX02.contoso.com"),
    /15\.1\.2507\.39 Exchange 2016 15\.1\.2507\.61 539 days behind Out of date behind on security updates 6 of 8 30 min\/h deferred 10 min\/h rejected .* in .* 30 min\/h deferred, 20 min\/h rejected/,
  );
  assert.match(await row("EX04.contoso.com"), /all accepted \(exempt\) otherwise 20 min\/h deferred/);
  assert.match(await row("mail.contoso.com"), /2 nodes/);
  assert.match(
    await row("legacy.contoso.com"),
    /a supported version Out of date out of support silent all accepted/,
  );
  await page.getByRole("link", { name: "EX02.contoso.com" }).click();
  await page.waitForURL((url) => url.hash === `#/tenants/${TENANT}/servers/ex02.contoso.com`);
});

test("the download is the API's own table", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}?days=7` });
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download CSV" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), `tidegate-${TENANT}-${dayBack(6)}-${dayBack(0)}.csv`);
  const { text } = await client.ask("GET", `/v1/tenants/${TENANT}/report?from=${dayBack(6)}`, {
    headers: { accept: "text/csv" },
  });
  assert.equal(await readFile(await download.path(), "utf8"), text);
});

test("a tenant without mail is told how to begin", async (t) => {
  const { keys } = await world();
  const page = await open(t, { at: "/tenants/nobody-yet" });
  await page.getByText("No Exchange server of nobody-yet has been seen yet.").waitFor();
  await page.getByRole("link", { name: "Keys", exact: true }).last().waitFor();
  await shoot(page, "report-empty");
  await assertAccessible(page);
  const reader = await open(t, { at: "/tenants/nobody-yet", key: keys.fleet, width: 360 });
  await reader.getByText("Have an admin make a key for the gateway.").waitFor();
  await shoot(reader, "report-empty-360");
  await assertFits(reader);
});

/** Own tenants: their machines, what is done to them, and what the headline says. */
const STATES = [
  {
    tenant: "page-fine",
    life: {
      machines: [
        { host: "ex01.example", build: "15.2.2562.53" },
        { host: "ex02.example", build: "15.1.2507.75" },
      ],
    },
    says: /^Both servers are up to date\.$/,
  },
  {
    tenant: "page-unsure",
    life: { machines: [{ host: "ex01.example", build: "15.2.2562.53" }, { host: "old.example" }] },
    says: /^No server is known to be out of date; 1 of 2 shows too little to tell\.$/,
  },
  {
    tenant: "page-blocked",
    life: { machines: [{ host: "ex01.example", build: "15.0.1497.48", days: 100 }] },
    says: /^The one server is out of date, and all its mail is rejected\.$/,
    also: ["1 blocked entirely"],
  },
  {
    tenant: "page-paused",
    life: { machines: [{ host: "ex01.example", build: "15.1.2507.39", days: 45 }] },
    pause: { days: 14, reason: "Migration" },
    says: /^The one server is out of date; ex01 will be throttled 20 min\/h from .*, in 1\d days\.$/,
    also: ["Enforcement is paused until", "all accepted (paused)"],
  },
  {
    tenant: "page-reporting",
    life: {
      policy: { mode: "report" },
      machines: [{ host: "ex01.example", build: "15.1.2507.39", days: 45 }],
    },
    says: /^The one server is out of date; ex01 would be throttled 20 min\/h from .*, in .*\.$/,
    also: [
      "Nothing is enforced: this is what would happen.",
      "1 would be throttled",
      "all accepted (report only)",
    ],
  },
];

for (const { tenant, life, pause, says, also = [] } of STATES) {
  test(`the headline is true of ${tenant.slice(5)} servers`, async (t) => {
    await live(client, tenant, life);
    if (pause) {
      const { status } = await client.ask("POST", `/v1/tenants/${tenant}/pauses`, { body: pause });
      assert.equal(status, 201);
    }
    for (const { width, theme } of LOOKS) {
      const page = await open(t, { at: `/tenants/${tenant}`, width, theme });
      await page.locator(".headline-first").waitFor();
      assert.match(await headline(page), says);
      for (const text of also) await page.getByText(text).first().waitFor();
      await shoot(page, `report-${tenant.slice(5)}-${width}-${theme}`);
      await assertAccessible(page);
      await assertFits(page);
    }
  });
}

test("where the operator holds all tenants back, the report says so", async (t) => {
  const dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  t.after(() => dev.stop());
  const braked = await new Client(dev).ask("PUT", "/v1/control/mode", { body: { mode: "report" } });
  assert.equal(braked.status, 200, braked.text);
  await live(new Client(dev), "held", { machines: [{ host: "ex01.example", build: "15.1.2507.39" }] });
  const page = await open(t, { server: dev.url, at: "/tenants/held" });
  await page
    .getByText("Enforcement is halted for all tenants: all mail is accepted, and clocks stand still.")
    .waitFor();
  assert.equal(await headline(page), "The one server is out of date.");
  await page.getByText("the clock stands still").waitFor();
  await shoot(page, "report-held");
  await assertAccessible(page);
  await page.getByRole("link", { name: "ex01.example" }).click();
  await page.getByText("All its mail is accepted, because enforcement is halted for all tenants.").waitFor();
});

test("names of any length fit", async (t) => {
  const host = [60, 63, 63, 63].map((length, index) => "abcd".charAt(index).repeat(length)).join(".");
  await live(client, "page-long", {
    machines: [
      { host, build: "15.1.2507.39" },
      { host: "x".repeat(253), build: "15.1.2507.39" },
    ],
  });
  for (const width of [1280, 800, 360]) {
    const page = await open(t, { at: "/tenants/page-long", width });
    await page.getByRole("link", { name: "x".repeat(253) }).waitFor();
    await shoot(page, `report-long-${width}`);
    await assertFits(page);
  }
});

test("mail that comes meanwhile shows within a minute, and countdowns move", async (t) => {
  await live(client, "page-fresh", { machines: [{ host: "ex01.example", build: "15.1.2507.39" }] });
  const page = await open(t, { at: "/tenants/page-fresh" });
  await page.getByText("Of 3 messages in the last 30 days all were accepted.").waitFor();
  const before = await page.locator(".table .countdown").textContent();
  const header = received({ host: "ex01.example", now: ago(0) });
  await client.decide(event({ tenant: "page-fresh", record: "sync", header }));
  await page.clock.fastForward(61_000);
  await page.getByText("Of 4 messages in the last 30 days all were accepted.").waitFor();
  await page.clock.fastForward(26 * 3_600_000);
  await page.waitForFunction(
    (before) => document.querySelector(".table .countdown")?.textContent !== before,
    before,
    POLLED,
  );
});

test("a report that cannot be loaded says so and can be tried again; one that is there stays", async (t) => {
  const page = await open(t, {
    at: `/tenants/${TENANT}`,
    prepare: (page) => page.route("**/report?*", (route) => route.abort()),
  });
  await page.getByText("Tidegate could not be reached.").waitFor();
  await shoot(page, "report-failed");
  await assertAccessible(page);
  await page.unroute("**/report?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
  await page.route("**/report?*", (route) => route.abort());
  await page.clock.fastForward(61_000);
  await page.getByText("Tidegate could not be reached.").waitFor();
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
  await shoot(page, "report-stale");
});

test("who may pauses enforcement where the report shows the need, and who may not is not asked to", async (t) => {
  const tenant = "page-pausing";
  await live(client, tenant, { machines: [{ host: "ex01.example", build: "15.1.2507.39", days: 45 }] });
  const { keys } = await world();
  const page = await open(t, { at: `/tenants/${tenant}` });
  await page.getByText("1 throttled").waitFor();
  await page.getByRole("button", { name: "Pause enforcement" }).press("Enter");
  await page.getByRole("dialog", { name: "Pause enforcement" }).waitFor();
  await page.getByLabel("Reason").fill("Migration");
  await shoot(page, "report-pause-dialog");
  await assertAccessible(page);
  await page.getByRole("button", { name: "Pause now" }).click();
  await page.getByText("all mail is accepted, and clocks stand still").waitFor();
  await page.getByText("all accepted (paused)").waitFor();
  await page.getByRole("link", { name: "Change or end the pause" }).waitFor();
  await shoot(page, "report-pausing");
  const reader = await open(t, { at: `/tenants/${tenant}`, key: keys.fleet });
  await reader.getByText("all mail is accepted, and clocks stand still").waitFor();
  assert.equal(await reader.locator(".pause-button").count(), 0);
});

test("a key sees the tabs that it can use, and another tenant's report not at all", async (t) => {
  const { keys } = await world();
  const tabs = async (/** @type {string} */ key) => {
    const page = await open(t, { key });
    const bar = page.getByRole("navigation", { name: `Parts of ${TENANT}` });
    await bar.waitFor();
    assert.equal(
      await page.evaluate(() => location.hash),
      `#/tenants/${TENANT}`,
      "its own tenant comes first",
    );
    return bar.getByRole("link").allInnerTexts();
  };
  const reader = ["Report", "Pauses & exemptions", "Policy", "Notifications", "Audit"];
  assert.deepEqual(await tabs(keys.viewer), reader);
  assert.deepEqual(await tabs(keys.operator), [...reader.slice(0, 3), "Keys", ...reader.slice(3)]);
  const page = await open(t, { key: keys.viewer, at: "/tenants/fabrikam" });
  await page.getByText("Your key may not see this.").waitFor();
  await page.goto(page.url().replace("fabrikam", `${TENANT}/keys`));
  await page.getByText("Your key cannot use this part.").waitFor();
});

test("10,000 servers scroll smoothly, and are searched while one types", async (t) => {
  const { servers: known, ...overview } = await client.report(TENANT);
  const servers = Array.from({ length: 10_000 }, (_, index) => {
    const id = `ex${String(index).padStart(5, "0")}.contoso.com`;
    return { ...known[index % known.length], id, name: id };
  });
  const opened = async () => {
    const page = await open(t, {
      at: `/tenants/${TENANT}`,
      ownTimers: true,
      prepare: (page) =>
        page.route("**/report?*", (route) => {
          const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
          const next = from + 1000 < servers.length ? String(from + 1000) : null;
          return route.fulfill({ json: { ...overview, servers: servers.slice(from, from + 1000), next } });
        }),
    });
    const started = performance.now();
    await page.getByText("10,000 servers", { exact: true }).waitFor();
    console.log(`report: 10,000 servers are there after ${Math.round(performance.now() - started)} ms`);
    return page;
  };
  // a browser may hold a page for hidden, which then gets no frames: another page gets some
  let page = await opened();
  let frames = await scrollThrough(page, 1000).catch(withoutFrames);
  for (let attempt = 0; frames === undefined && attempt < 2; attempt += 1) {
    await page.close();
    page = await opened();
    frames = await scrollThrough(page, 1000).catch(withoutFrames);
  }
  if (frames === undefined) return t.skip("the browser gives its pages no frames");
  const of = (/** @type {"wall" | "cpu"} */ kind) => {
    const sorted = frames.map((frame) => frame[kind]).sort((one, other) => one - other);
    const at = (/** @type {number} */ share) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    return `median ${ms(at(0.5))}, 99 % within ${ms(at(0.99))}, longest ${ms(at(1))}`;
  };
  const ms = (/** @type {number} */ length) => `${length.toFixed(1)} ms`;
  console.log(`report: ${frames.length} frames through 10,000 rows: ${of("wall")}`);
  console.log(`report: of these the page's own work: ${of("cpu")}`);
  const rows = await page.getByRole("row").count();
  assert.ok(rows > 10 && rows < 200, `${rows} rows are in the document`);
  assert.ok(frames.length > 300, "that was no scrolling through");
  const searched = performance.now();
  await page.getByLabel("Search").fill("ex07123");
  await page.getByText("1 of 10,000 servers").waitFor();
  console.log(`report: a search among them took ${Math.round(performance.now() - searched)} ms`);
  await page.getByRole("link", { name: "ex07123.contoso.com" }).waitFor();
});

/** Tells that no frame came; any other error goes on. @param {unknown} error @returns {undefined} */
function withoutFrames(error) {
  if (!String(error).includes("no frame came")) throw error;
  console.log(`report: ${String(error).split("\n")[0]}`);
  return undefined;
}

/**
 * Scrolls from top to bottom, some pixels with each frame. How long each took by the clock depends on what else runs on
 * this machine; the main thread's own time does not.
 * @param {import("playwright-core").Page} page
 * @param {number} step
 */
async function scrollThrough(page, step) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
  };
  const height = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
  const frames = [];
  let before = await worked();
  for (let at = 0; at < height; at += step) {
    const wall = await inFrames(
      page,
      async (at) => {
        const start = await nextFrame();
        scrollTo(0, at);
        return (await nextFrame()) - start;
      },
      at,
    );
    const now = await worked();
    frames.push({ wall, cpu: now - before });
    before = now;
  }
  return frames;
}
