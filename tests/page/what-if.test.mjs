/** What if: the ladder climbed on trial, by the engine in the browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nowMs } from "../support/day.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { LOOKS, open, shoot } from "./support/world.mjs";

const FOUND = "2026-11-26T08:15Z";
/** In stage 5 of the default ladder, which rejects 5 minutes and defers 30. */
const MIXED = "2027-01-30T08:30Z";
const DAY = 86_400_000;
/** Days from detection on which each stage of the default ladder begins. */
const DAYS = [0, 30, 40, 50, 60, 70, 80, 90];

/** As the page writes moments of UTC: a year that is the reader's own is left out. @param {string} moment */
function written(moment) {
  const [date, time] = moment.slice(0, -1).split("T");
  const parts = /** @type {const} */ ({ day: "numeric", month: "short", timeZone: "UTC" });
  const isThisYear = new Date(nowMs()).getUTCFullYear() === Number(date?.slice(0, 4));
  const format = new Intl.DateTimeFormat("en-GB", isThisYear ? parts : { ...parts, year: "numeric" });
  return `${format.format(new Date(moment))} ${time}`;
}

/** @param {Record<string, string>} query */
function supposed(query) {
  return `/what-if?${new URLSearchParams({ build: "15.1.2507.39", found: FOUND, at: MIXED, ...query })}`;
}

/** @param {import("playwright-core").Locator} locator */
async function textOf(locator) {
  return ((await locator.first().textContent()) ?? "").replace(/\s+/g, " ");
}

/** When each stage begins, in days from detection. @param {import("playwright-core").Page} page */
async function daysOf(page) {
  const table = page.getByRole("table", { name: "The dates of all stages" });
  await table.waitFor();
  const dates = await table.locator("time").evaluateAll((times) => times.map((time) => time.dateTime));
  return dates.map((date) => (Date.parse(date) - Date.parse(FOUND)) / DAY);
}

/** @param {import("playwright-core").Page} page */
function verdict(page) {
  return textOf(page.locator(".verdict"));
}

/** The published FNV-1a, 64 bit. @param {string} text */
function fnv1a(text) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & ((1n << 64n) - 1n);
  return hash;
}

/** @param {number} minute */
const named = (minute) => `:${String(((minute % 60) + 60) % 60).padStart(2, "0")}`;

for (const { width, theme } of LOOKS) {
  test(`who has no key learns when a build would be deferred and rejected: ${width} px, ${theme}`, async (t) => {
    const page = await open(t, { at: supposed({}), key: null, width, theme, zone: "UTC" });
    await page.getByText("15.1.2507.39 (Exchange Server 2016 CU23 Apr24HU) is out of date").waitFor();
    assert.match(
      await verdict(page),
      new RegExp(
        `15\\.1\\.2507\\.61 or later is required\\. ?From ${written("2026-12-26T08:15Z")} some of its mail is deferred; ` +
          `from ${written("2027-01-25T08:15Z")} some is rejected; from ${written("2027-02-24T08:15Z")} all of it is rejected\\. ` +
          `On ${written("2027-01-30T08:30Z")} it is in stage 5: 30 min/h deferred, 5 min/h rejected\\.`,
      ),
    );
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
      false,
      "scrolls sideways",
    );
    await shoot(page, `what-if-${width}-${theme}`);
    await assertAccessible(page);
    for (const part of ["Pauses", "Ladder", "Names"])
      await page.locator("summary", { hasText: part }).click();
    await page.getByRole("button", { name: "Add a pause" }).click();
    await shoot(page, `what-if-open-${width}-${theme}`);
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
      false,
      "scrolls sideways",
    );
    await assertAccessible(page);
  });
}

test("nothing that is supposed leaves the browser", async (t) => {
  const page = await open(t, { at: supposed({}), key: null });
  await page.getByText("it is in stage 5").waitFor();
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByLabel("Build").fill("15.1.2507.6");
  await page.getByText("15.1.2507.6 (Exchange Server 2016").waitFor();
  await page.waitForURL(/build=15\.1\.2507\.6(&|$)/);
  assert.deepEqual(asked, []);
});

test("a pause moves all later stages by its days, and nothing before it", async (t) => {
  // both days included, within stage 3
  const page = await open(t, { at: supposed({ pauses: "2027-01-08..2027-01-11" }), key: null, zone: "UTC" });
  assert.deepEqual(
    await daysOf(page),
    DAYS.map((days) => (days > 40 ? days + 4 : days)),
  );
  await page.locator("summary", { hasText: "Pauses" }).click();
  await page.getByRole("button", { name: "Remove pause 1" }).click();
  await page.getByText("Pauses none").waitFor();
  assert.deepEqual(await daysOf(page), DAYS);
});

test("a changed ladder is climbed at once, a faulty one is explained and not climbed", async (t) => {
  const page = await open(t, { at: supposed({}), key: null, zone: "UTC" });
  await daysOf(page);
  await page.locator("summary", { hasText: "Ladder" }).click();
  const second = page.getByRole("group", { name: /^Stage 2/ });
  await second.getByLabel("Lasts").fill("3");
  const shorter = DAYS.map((days) => (days > 30 ? days - 7 : days));
  await page.getByText("Ladder your own").waitFor();
  assert.deepEqual(await daysOf(page), shorter);
  await second.getByLabel("Deferred min/h").fill("70");
  await page.getByRole("alert").getByText("at most 60 together").waitFor();
  assert.deepEqual(await daysOf(page), shorter);
  await page.getByRole("button", { name: "Back to the default" }).click();
  assert.deepEqual(await daysOf(page), DAYS);
  await page.getByRole("button", { name: "Remove stage 8" }).click();
  await page.getByRole("button", { name: "Add a stage" }).and(page.locator(":focus")).waitFor();
  assert.deepEqual(await daysOf(page), DAYS.slice(0, 7));
});

test("an address tells all of it to who opens it", async (t) => {
  const page = await open(t, { at: "/what-if", key: null, zone: "UTC" });
  await page.getByLabel("Build").fill("15.2.1748.26");
  await page.getByLabel("Baseline").selectOption("strict");
  await page.getByLabel("Found out of date").fill("2026-12-01T10:00");
  await page.getByLabel("Moment looked at").fill("2027-02-20T10:20");
  await page.locator("summary", { hasText: "Ladder" }).click();
  await page
    .getByRole("group", { name: /^Stage 1/ })
    .getByLabel("Lasts")
    .fill("20");
  await page.locator("summary", { hasText: "Names" }).click();
  await page.getByLabel("Tenant").fill("contoso");
  await page.getByLabel("Server").fill("ex04.contoso.com");
  await page.waitForURL(/server=ex04\.contoso\.com/);
  const [sentence, hour] = [await verdict(page), await textOf(page.locator(".hour"))];
  assert.ok(sentence.includes(`From ${written("2026-12-21T10:00Z")} some of its mail is deferred`), sentence);
  const other = await open(t, { at: new URL(page.url()).hash.slice(1), key: null, zone: "UTC" });
  await other.getByText("15.2.1748.26 (Exchange Server 2019 CU15 May25HU)").waitFor();
  assert.equal(await verdict(other), sentence);
  assert.equal(await textOf(other.locator(".hour")), hour);
});

test("the hour is the server's own, minute by minute", async (t) => {
  for (const server of ["ex01.contoso.com", "ex02.contoso.com"]) {
    const page = await open(t, { at: supposed({ tenant: "contoso", server }), key: null, zone: "UTC" });
    const hour = page.locator(".hour");
    await hour.waitFor();
    const offset = Number(fnv1a(`contoso\0${server}`) % 60n);
    const at = (/** @type {number} */ position) => named(position - offset);
    const text = await textOf(hour);
    assert.ok(text.includes(`Rejected ${at(0)}–${at(4)} 5 min`), `${text}, offset ${offset}`);
    assert.ok(text.includes(`Deferred ${at(5)}–${at(34)} 30 min`), text);
    assert.ok(text.includes(`Accepted ${at(35)}–${at(59)} 25 min`), text);
    await page.getByText(`The hour of ${server} in contoso is shifted by ${offset} minute`).waitFor();
  }
});

test("minutes are read with the keyboard alone", async (t) => {
  const page = await open(t, { at: supposed({}), key: null, zone: "UTC" });
  const minutes = page.getByRole("slider", { name: "Minute of the hour" });
  assert.equal(await minutes.getAttribute("aria-valuetext"), "08:30: deferred");
  await minutes.focus();
  for (const [key, words] of [
    ["Home", "08:00: rejected"],
    ["ArrowRight", "08:01: rejected"],
    ["End", "08:59: accepted"],
    ["ArrowLeft", "08:58: accepted"],
  ]) {
    await page.keyboard.press(key ?? "");
    assert.equal(await minutes.getAttribute("aria-valuetext"), words);
  }
});

test("minutes are the reader's, where zones are half an hour apart too", async (t) => {
  const page = await open(t, { at: supposed({}), key: null, zone: "Asia/Kolkata" });
  const hour = page.locator(".hour");
  await hour.waitFor();
  const text = await textOf(hour);
  assert.ok(text.includes("Rejected :30–:34 5 min"), text);
  assert.ok(text.includes("Accepted :05–:29 25 min"), text);
});

test("another moment is chosen on the picture, by mouse and by keyboard", async (t) => {
  const page = await open(t, { at: supposed({}), key: null, zone: "UTC" });
  await page.getByText("it is in stage 5").waitFor();
  const stages = page.getByRole("slider", { name: "Stage" });
  await stages.focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByText(`On ${written("2027-02-24T08:15Z")} it is in stage 8: all rejected.`).waitFor();
  await page.locator(".stages .chart-over").click({ position: { x: 60, y: 80 } });
  await page.getByText("it is in stage 1: all accepted.").waitFor();
});

test("what is no build is refused in words, and a build that will do is told so", async (t) => {
  const page = await open(t, { at: supposed({ build: "Exchange 2016" }), key: null });
  await page.getByRole("alert").getByText("build").waitFor();
  await assertAccessible(page);
  await page.getByLabel("Build").fill("15.1.2507.75");
  await page
    .getByText("15.1.2507.75 (Exchange Server 2016 CU23 Sep26SUv2) is up to date: its mail is accepted.")
    .waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.getByLabel("Build").fill("14.3.468.0");
  await page.getByText("is out of date: it is out of support.").waitFor();
  await page.getByLabel("Baseline").selectOption("strict");
  await page.getByLabel("Build").fill("15.2.2562.17");
  await page.getByText("No day is set from which Exchange Server SE is enforced").waitFor();
});
