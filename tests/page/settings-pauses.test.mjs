/** Pauses of a tenant: what they cost, and how they are granted, lengthened, ended and withdrawn. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertAccessible } from "./support/axe.mjs";
import { dayFromNow, keyOf, makeTenant, shown, textOf } from "./support/settings.mjs";
import { assertFits, LOOKS, open, shoot, world } from "./support/world.mjs";

const TENANT = "pauses-of-test";
const BUDGET = 20;
const AT = `/tenants/${TENANT}/pauses`;
/** One whose budget nothing is taken from. */
const THRIFTY = "thrifty-of-test";
/** The year whose 20 December comes next: pauses over its end are split by year. */
const YEAR = Number(dayFromNow().slice(0, 4)) + (dayFromNow().slice(5) < "12-20" ? 0 : 1);
const HOSTILE = `<img src=x onerror="document.title='hit'">`;

before(async () => {
  for (const tenant of [TENANT, THRIFTY])
    await makeTenant(tenant, { mode: "enforce", pause_days_per_year: BUDGET });
});

/**
 * In how many days a pause of so many may begin that lies in one year: well within the 366 that the API allows.
 * @param {number} days
 */
function inOneYear(days) {
  const year = (/** @type {number} */ ahead) => dayFromNow(ahead).slice(0, 4);
  return year(20) === year(20 + days - 1) ? 20 : 20 + days;
}

/** @param {string} [tenant] */
async function pauses(tenant = TENANT) {
  const { client } = await world();
  return (await client.ask("GET", `/v1/tenants/${tenant}/pauses`)).json;
}

/**
 * @param {object} body
 * @param {string} [tenant]
 */
async function grant(body, tenant = TENANT) {
  const { client } = await world();
  const answer = await client.ask("POST", `/v1/tenants/${tenant}/pauses`, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

/** Ends what tests have left open. */
async function endAll() {
  const { client } = await world();
  for (const { id, state } of (await pauses()).items) {
    if (state !== "ended") await client.ask("DELETE", `/v1/tenants/${TENANT}/pauses/${id}`);
  }
}

/** @param {import("playwright-core").Page} page */
async function openDialog(page) {
  await page.getByRole("button", { name: "Pause enforcement" }).click();
  const dialog = page.getByRole("dialog", { name: "Pause enforcement" });
  await dialog.getByLabel("Days", { exact: true }).waitFor();
  return dialog;
}

/**
 * The figures of a year in the dialog: left, taken, left then.
 * @param {import("playwright-core").Locator} dialog
 * @param {number} year
 */
async function costOf(dialog, year) {
  return dialog
    .getByRole("row")
    .filter({ has: dialog.page().getByRole("rowheader", { name: String(year) }) })
    .getByRole("cell")
    .allTextContents();
}

test("what a pause costs stands there while it is typed, split by year over New Year", async (t) => {
  const page = await open(t, { at: `/tenants/${THRIFTY}/pauses` });
  const dialog = await openDialog(page);
  await dialog.getByLabel("On a day to come").check();
  await dialog.getByLabel("First day").fill(`${YEAR}-12-20`);
  await dialog.getByLabel("Days", { exact: true }).fill("20");
  assert.deepEqual(await costOf(dialog, YEAR), ["20", "12", "8"]);
  assert.deepEqual(await costOf(dialog, YEAR + 1), ["20", "8", "12"]);
  const sentence = await textOf(dialog.getByRole("status"));
  assert.match(sentence, new RegExp(`until 9 Jan ${YEAR + 1}, 01:00: 20 days, the last one \\w+, 8 Jan`));
  await dialog.getByLabel("Days", { exact: true }).fill("40");
  assert.deepEqual(await costOf(dialog, YEAR + 1), ["20", "28", "8 too many"]);
  await shoot(page, "pause-over-new-year");
});

test("a pause over the budget is refused with the year and the days left", async (t) => {
  const page = await open(t, { at: `/tenants/${THRIFTY}/pauses` });
  const dialog = await openDialog(page);
  await dialog.getByLabel("On a day to come").check();
  const first = dayFromNow(inOneYear(25));
  await dialog.getByLabel("First day").fill(first);
  await dialog.getByLabel("Days", { exact: true }).fill("25");
  await dialog.getByLabel("Reason").fill("Too long");
  await dialog.getByRole("button", { name: "Plan the pause" }).click();
  const refused = dialog
    .getByRole("alert")
    .filter({ hasText: `${first.slice(0, 4)} has 20 days of pause left` });
  await refused.waitFor();
  assert.equal(await dialog.getByLabel("Days", { exact: true }).getAttribute("aria-invalid"), "true");
  await assertAccessible(page);
});

test("a pause is granted, changed in length and ended early, and says which days come back", async (t) => {
  t.after(endAll);
  const page = await open(t, { at: AT });
  await page.getByText("Enforcement is not paused.").waitFor();
  const dialog = await openDialog(page);
  await dialog.getByLabel("Days", { exact: true }).fill("3");
  await dialog.getByLabel("Reason").fill(HOSTILE);
  await dialog.getByRole("button", { name: "Pause now" }).click();
  await page.getByRole("status").filter({ hasText: "Enforcement is paused until" }).waitFor();
  await page.getByText(HOSTILE).waitFor();
  await page.getByText(/^Enforcement is paused until .*in 2 days/).waitFor();

  await page.getByRole("button", { name: /^Change length of the pause of/ }).click();
  const length = page.getByRole("dialog", { name: "Change the pause's length" });
  await length.getByLabel("Days in all").fill("5");
  await length.getByText(`the last one`).waitFor();
  await length.getByRole("button", { name: "Change the length" }).click();
  await page.getByRole("status").filter({ hasText: "The pause lasts until" }).waitFor();
  const [changed] = (await pauses()).items;
  assert.deepEqual([changed.days, changed.last_day], [5, dayFromNow(4)]);

  await page.getByRole("button", { name: /^End now: the pause of/ }).click();
  const end = page.getByRole("dialog", { name: "End the pause now?" });
  assert.match(await textOf(end.locator("p")), /days? of \d{4}.* comes? back to the budget/);
  await shoot(page, "pause-end");
  await end.getByRole("button", { name: "End it now" }).click();
  const said = page.getByRole("status").filter({ hasText: "The pause has ended" });
  await said.and(page.locator(":focus")).waitFor();
  await page.getByText("Enforcement is not paused.").waitFor();
  const { items, budget } = await pauses();
  assert.equal(items[0].state, "ended");
  const thisYear = budget.years[0];
  assert.ok(thisYear.left >= BUDGET - 2, "days not begun are back");
});

test("a planned pause that would overlap another is told before it is asked for, and can be withdrawn", async (t) => {
  t.after(endAll);
  const before = inOneYear(3);
  const first = dayFromNow(before + 1);
  await grant({ days: 2, reason: "Stocktaking", starts_on: first });
  const page = await open(t, { at: AT });
  const dialog = await openDialog(page);
  await dialog.getByLabel("On a day to come").check();
  await dialog.getByLabel("First day").fill(dayFromNow(before));
  await dialog.getByLabel("Days", { exact: true }).fill("2");
  const from = shown(first).replace(/ \d{4}$/, "");
  await dialog.getByText(`overlap the pause of ${from} – ${shown(dayFromNow(before + 2))}`).waitFor();
  await dialog.getByLabel("Reason").fill("Meets another");
  await dialog.getByRole("button", { name: "Plan the pause" }).click();
  await dialog.getByRole("alert").filter({ hasText: "it overlaps pause" }).waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: new RegExp(`^Withdraw: the pause of ${from}`) }).click();
  const end = page.getByRole("dialog", { name: "Withdraw the pause?" });
  await end.getByText(`2 days of ${first.slice(0, 4)} come back to the budget.`).waitFor();
  await end.getByRole("button", { name: "Withdraw it" }).click();
  await page.getByRole("cell").filter({ hasText: "Withdrawn" }).first().waitFor();
});

test("while a pause runs, another one begins after it", async (t) => {
  t.after(endAll);
  await grant({ days: 2, reason: "Running" });
  const page = await open(t, { at: AT });
  const dialog = await openDialog(page);
  await dialog.getByText("Enforcement is paused already").waitFor();
  assert.equal(await dialog.getByLabel("First day").inputValue(), dayFromNow(2));
});

test("the keyboard alone pauses enforcement, and Escape gives the focus back", async (t) => {
  t.after(endAll);
  const page = await open(t, { at: AT });
  const button = page.getByRole("button", { name: "Pause enforcement" });
  await button.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Days", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await button.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Enter");
  await dialog.getByLabel("Days", { exact: true }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("1");
  for (let stop = 0; stop < 2; stop += 1) await page.keyboard.press("Tab");
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "Enforcement is paused until" }).waitFor();
});

test("a viewer reads pauses and is offered nothing to change them", async (t) => {
  t.after(endAll);
  await grant({ days: 1, reason: "For everybody to read", starts_on: dayFromNow(20) });
  const page = await open(t, { at: AT, key: await keyOf(TENANT, "viewer") });
  await page.getByText("For everybody to read").waitFor();
  assert.deepEqual(await page.getByRole("main").getByRole("button").allTextContents(), []);
});

for (const { width, theme } of LOOKS) {
  test(`pauses and their dialogs can be read and used by all: ${width} px, ${theme}`, async (t) => {
    t.after(endAll);
    const long = "A reason that somebody wrote without thinking of narrow screens ".repeat(5).trim();
    await grant({ days: 2, reason: "Running now" });
    await grant({ days: 3, reason: long, starts_on: dayFromNow(20) });
    const page = await open(t, { at: AT, width, theme });
    await page.getByText(long).first().waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `pauses-${width}-${theme}`);
    const opened = [
      { button: "Pause enforcement", name: "pause" },
      { button: /^Change length/, name: "length" },
      { button: /^End now/, name: "end" },
      { button: /^Withdraw/, name: "withdraw" },
    ];
    for (const { button, name } of opened) {
      await page.getByRole("button", { name: button }).first().click();
      await page
        .getByRole("dialog")
        .getByRole("button", { name: /Cancel|Keep it/ })
        .waitFor();
      await assertAccessible(page);
      await assertFits(page);
      await shoot(page, `pauses-${name}-${width}-${theme}`);
      await page.keyboard.press("Escape");
    }
  });
}
