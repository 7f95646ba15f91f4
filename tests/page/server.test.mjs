/** A server's page: what becomes of its mail and why, its way up the ladder, and the evidence. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { nowMs } from "../support/day.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { LOOKS, open, shoot, world } from "./support/world.mjs";

/** Tenants of this file's own: one that only reports, and one in whose last stage minutes are closed. */
const OWN = "servers-of-test";
const CLOSING = "closing-of-test";
const LONG = `${"long-label-of-a-server.".repeat(10)}contoso.com`;
/** All that a client's name can hold in a field that Exchange wrote. */
const HOSTILE = "&ltimg/src=x/onerror=document.title='hit'&gt";
const DAY = 86_400_000;
const HOUR = 3_600_000;
const STARTED = nowMs() - 20 * DAY;

before(async () => {
  const { client } = await world();
  await client.putPolicy(OWN, { mode: "report" }, { now: at(0) });
  const ladder = [
    { minutes: 1, throttle_minutes: 0, block_minutes: 0 },
    { throttle_minutes: 20, block_minutes: 15 },
  ];
  await client.putPolicy(CLOSING, { mode: "enforce", ladder }, { now: at(0) });
  for (const minute of [0, 1]) await handOver("hours.example.com", "15.1.2507.39", minute, CLOSING);
  for (const minute of [0, 1, 2]) {
    await handOver("reported.example.com", "15.1.2507.39", minute);
    await handOver(LONG, "15.1.2507.39", minute);
    await handOver("forgotten.example.com", "15.1.2507.39", minute);
    await handOver("exempted.example.com", "15.1.2507.39", minute);
  }
  await handOver("once.example.com", "15.1.2507.39", 0);
});

/** @param {number} minutes since this file's tenant began */
function at(minutes) {
  return new Date(STARTED + minutes * 60_000).toISOString();
}

/**
 * @param {string} host
 * @param {string} build
 * @param {number} minute
 */
function event(host, build, minute, tenant = OWN) {
  const date = new Date(STARTED + minute * 60_000).toUTCString().replace("GMT", "+0000");
  const header =
    `Received: from ${HOSTILE} (192.0.2.7) by ${host} (10.9.0.1) with\r\n` +
    ` Microsoft SMTP Server id ${build}; ${date}\r\nSubject: ${minute}\r\n`;
  return {
    tenant,
    event_id: `${host}-${minute}`,
    connector: "on_premises",
    record: "sync",
    client: { ip: "203.0.113.9", helo: host },
    envelope: { from: "a@example.com", to: ["b@example.org"] },
    header,
  };
}

/** @type {(...about: Parameters<typeof event>) => Promise<void>} */
async function handOver(...about) {
  const { client } = await world();
  const { recorded, why } = await client.decide(event(...about), { now: at(about[2]) });
  assert.equal(recorded, true, why);
}

/** @param {string} id */
const demo = (id) => `/tenants/contoso/servers/${id}.contoso.com`;
/** @param {string} id */
const own = (id) => `/tenants/${OWN}/servers/${id}`;

/**
 * Its text, blanks as one.
 * @param {import("playwright-core").Locator} locator
 */
async function textOf(locator) {
  return ((await locator.first().textContent()) ?? "").replace(/\s+/g, " ");
}

/** @param {import("playwright-core").Page} page */
async function assertFits(page) {
  assert.equal(
    await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
    false,
    "scrolls sideways",
  );
}

for (const { width, theme } of LOOKS) {
  test(`who opens a server reads what becomes of its mail, what to do and why: ${width} px, ${theme}`, async (t) => {
    const page = await open(t, { at: demo("ex02"), width, theme });
    await page.getByText("EX02.contoso.com has been out of date since").waitFor();
    const verdict = await textOf(page.locator(".verdict"));
    assert.match(verdict, /Its mail is deferred 30 min\/h and rejected 10 min\/h\./);
    assert.match(verdict, /From .+ in \d+ days?.* it will be deferred 30 min\/h and rejected 20 min\/h/);
    assert.match(verdict, /from .+ all of it will be rejected\./);
    await page.getByText("Install 15.1.2507.61 (CU23 Oct25SU) or later.").waitFor();
    const marked = await textOf(page.locator("mark"));
    assert.match(marked, /^by EX02\.contoso\.com .* id 15\.1\.2507\.39$/);
    await page.getByText("Apr24HU", { exact: true }).waitFor();
    assert.equal(await page.locator("dd:empty").count(), 0, "a term of which nothing is known is left out");
    await assertFits(page);
    await shoot(page, `server-${width}-${theme}`);
    await assertAccessible(page);
  });
}

test("stages are read with the keyboard alone", async (t) => {
  const page = await open(t, { at: demo("ex02") });
  const stages = page.getByRole("slider", { name: "Stage" });
  assert.match(
    (await stages.getAttribute("aria-valuetext")) ?? "",
    /^Stage 6 from .* 30 min\/h deferred, 10 min\/h rejected/,
  );
  await stages.focus();
  await page.keyboard.press("Home");
  assert.match(
    (await stages.getAttribute("aria-valuetext")) ?? "",
    /^Stage 1 from .*: all accepted; paused until/,
  );
  await page.keyboard.press("ArrowRight");
  assert.match((await stages.getAttribute("aria-valuetext")) ?? "", /^Stage 2 from .*: 5 min\/h deferred$/);
  await page.keyboard.press("End");
  assert.match(
    (await stages.getAttribute("aria-valuetext")) ?? "",
    /^Stage 8 from .* on, for good: all rejected/,
  );
});

test("the dates to come are those of the engine, whatever pauses lie ahead", async (t) => {
  const { client } = await world();
  const page = await open(t, { at: demo("branch"), zone: "UTC" });
  const table = page.getByRole("table", { name: "What comes if nothing is done" });
  await table.waitFor();
  const { json } = await client.ask("GET", "/v1/tenants/contoso/servers/branch.contoso.com");
  const shown = await table.locator("time").evaluateAll((times) => times.map((time) => time.dateTime));
  assert.equal(Date.parse(shown[0] ?? ""), Date.parse(json.stage.next.at));
  // the year's end is paused for five days, which lie in stage 2
  assert.equal(Date.parse(shown[1] ?? "") - Date.parse(shown[0] ?? ""), 15 * DAY);
  assert.equal(Date.parse(shown[2] ?? "") - Date.parse(shown[1] ?? ""), 10 * DAY);
});

test("a patched server is told to be free, with its spell behind it", async (t) => {
  const page = await open(t, { at: demo("ex03") });
  await page.getByText("EX03.contoso.com has been up to date since it was patched on").waitFor();
  await page.getByRole("slider", { name: "Stage" }).waitFor();
  await page.getByRole("cell", { name: "Patched" }).waitFor();
  assert.equal(await page.getByText("Install").count(), 0);
});

test("an exempt server's stage is told to go on when the exemption ends", async (t) => {
  const page = await open(t, { at: demo("ex04") });
  await page.getByText("EX04.contoso.com has been out of date since").waitFor();
  const verdict = await textOf(page.locator(".verdict"));
  assert.match(verdict, /It is exempt until .*: all its mail is accepted, and its clock stands still\./);
  assert.match(verdict, /From .* it will be deferred 20 min\/h;/);
  const table = page.getByRole("table", { name: "What comes if nothing is done" });
  assert.deepEqual(await table.getByRole("rowheader").allInnerTexts(), [
    "Stage 4",
    "Stage 5",
    "Stage 6",
    "Stage 7",
    "Stage 8",
  ]);
});

test("a product out of support is told to be replaced, a silent server to go on where it stopped", async (t) => {
  const page = await open(t, { at: demo("legacy") });
  await page.getByText("legacy.contoso.com was out of date when it last sent mail").waitFor();
  await page.getByText("Exchange Server 2010 is out of support").waitFor();
  await page.getByText("Move to Exchange Server SE.").waitFor();
});

test("a server that never was out of date has no ladder to show", async (t) => {
  const page = await open(t, { at: demo("ex06") });
  await page.getByText("EX06.contoso.com is up to date: all its mail is accepted.").waitFor();
  await page.getByText("Nothing yet: it never was out of date.").waitFor();
  assert.equal(await page.getByRole("slider", { name: "Stage" }).count(), 0);
  await shoot(page, "server-current");
  await assertAccessible(page);
});

test("a farm shows the builds of each machine", async (t) => {
  const page = await open(t, { at: demo("mail") });
  await page.getByText("2 machines send under this name. The best build among them counts for all").waitFor();
  await page.getByText("only because the machine 10.1.0.21 showed build 15.1.2507.75").waitFor();
  for (const row of [
    /^10\.1\.0\.21 Current 15\.1\.2507\.75 CU23 Sep26SUv2/,
    /^10\.1\.0\.22 Out of date 15\.1\.2507\.39 CU23 Apr24HU/,
  ])
    await page.getByRole("row", { name: row }).waitFor();
});

test("where only reports are made, nothing is said to be closed", async (t) => {
  const page = await open(t, { at: own("reported.example.com") });
  await page.getByText("All its mail is accepted, because out-of-date servers are only reported.").waitFor();
  assert.match(
    await textOf(page.locator(".verdict")),
    /it would be deferred 5 min\/h; from .* all of it would be rejected\./,
  );
  await shoot(page, "server-reported");
});

test("one message is told to accuse nobody", async (t) => {
  const page = await open(t, { at: own("once.example.com") });
  await page.getByText("One message of once.example.com shows an out-of-date build.").waitFor();
});

for (const width of [1280, 360]) {
  test(`long names and hostile fields stay text, and the page its width: ${width} px`, async (t) => {
    const page = await open(t, { at: own(LONG), width });
    await page.getByText("This server has been out of date since").waitFor();
    await assertFits(page);
    const field = await textOf(page.locator("pre"));
    assert.ok(field.includes(HOSTILE), field);
    assert.equal(await page.locator("main img").count(), 0);
    await shoot(page, `server-hostile-${width}`);
    await assertAccessible(page);
  });
}

test("a server that is not there is told so", async (t) => {
  const page = await open(t, { at: own("nobody.example.com") });
  await page.getByRole("alert").getByText("There is nothing here.").waitFor();
  await assertAccessible(page);
});

test("who may not forget a server is not asked to", async (t) => {
  const { keys } = await world();
  for (const key of [keys.viewer, keys.operator]) {
    const page = await open(t, { at: demo("ex02"), key });
    await page.getByText("EX02.contoso.com has been out of date since").waitFor();
    assert.equal(await page.getByRole("button", { name: "Forget this server" }).count(), 0);
  }
});

test("an admin forgets a server, after being told what that does", async (t) => {
  const { client } = await world();
  const page = await open(t, { at: own("forgotten.example.com") });
  await page.getByRole("button", { name: "Forget this server" }).click();
  const dialog = page.getByRole("dialog", { name: "Forget forgotten.example.com?" });
  await dialog.getByText("it begins at stage 1").waitFor();
  await shoot(page, "server-forget");
  await assertAccessible(page);
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Forget this server" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.waitForURL(new RegExp(`#/tenants/${OWN}$`));
  const { status } = await client.ask("GET", `/v1/tenants/${OWN}/servers/forgotten.example.com`);
  assert.equal(status, 404);
});

test("an operator exempts a server and ends it again, and the page follows", async (t) => {
  const page = await open(t, { at: own("exempted.example.com") });
  await page.getByText("has been out of date since").waitFor();
  await page.getByRole("button", { name: "Exempt it" }).click();
  const dialog = page.getByRole("dialog", { name: "Exempt exempted.example.com" });
  await dialog.getByLabel("Reason").fill("Replaced next month");
  await dialog.getByRole("button", { name: "Exempt the server" }).click();
  await page.getByRole("status").getByText("exempted.example.com is exempt until").waitFor();
  await page.getByRole("cell", { name: "Exempted" }).waitFor();
  await page.getByText("Replaced next month").waitFor();
  await page.getByRole("button", { name: "End the exemption" }).click();
  await page.getByRole("button", { name: "End it now" }).click();
  await page.getByRole("cell", { name: "Exemption ended" }).waitFor();
  await page.getByRole("button", { name: "Exempt it" }).waitFor();
});

test("a tenant's own operator exempts only where that is delegated to it, a viewer never", async (t) => {
  const { client, keys } = await world();
  const body = { role: "operator", tenant: OWN, name: "Own" };
  const undelegated = (await client.ask("POST", "/v1/keys", { body })).json.key;
  for (const [key, at, count] of [
    [keys.operator, demo("ex02"), 1],
    [keys.viewer, demo("ex02"), 0],
    [undelegated, own("reported.example.com"), 0],
  ]) {
    const page = await open(t, { at, key });
    await page.getByText("has been out of date since").waitFor();
    assert.equal(await page.getByRole("button", { name: "Exempt it" }).count(), count, at);
  }
});

test("the minutes of the hour are those in which the worker refuses", async (t) => {
  const { client } = await world();
  const page = await open(t, { at: `/tenants/${CLOSING}/servers/hours.example.com`, zone: "UTC" });
  await page.getByText("Its mail is deferred 20 min/h and rejected 15 min/h.").waitFor();
  const minutes = page.getByRole("slider", { name: "Minute of the hour" });
  await minutes.focus();
  await page.keyboard.press("Home");
  const hour = Math.floor(nowMs() / HOUR) * HOUR;
  for (let minute = 0; minute < 60; minute += 1) {
    const now = new Date(hour + minute * 60_000).toISOString();
    const sinceStart = Math.round((hour - STARTED) / 60_000) + minute;
    const { action, why } = await client.decide(
      event("hours.example.com", "15.1.2507.39", sinceStart, CLOSING),
      {
        now,
      },
    );
    const words = { accept: "accepted", defer: "deferred", reject: "rejected" }[action];
    const shown = await minutes.getAttribute("aria-valuetext");
    assert.equal(shown?.slice(2), `:${String(minute).padStart(2, "0")}: ${words}`, why);
    await page.keyboard.press("ArrowRight");
  }
  await shoot(page, "server-hour");
  await assertAccessible(page);
});
