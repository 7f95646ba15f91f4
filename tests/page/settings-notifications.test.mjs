/** What a tenant was told, day by day, and the webhooks that it is posted to. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { until } from "../support/client.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { ago } from "./support/lives.mjs";
import { handOver, keyOf, makeTenant, textOf } from "./support/settings.mjs";
import { assertFits, LOOKS, open, shoot, world } from "./support/world.mjs";

const TENANT = "notifications-of-test";
const QUIET = "quiet-notifications-of-test";
const FAILING = "failing-webhooks-of-test";
const OLD = "15.1.2507.39";
/** @param {string} [tenant] */
const at = (tenant = TENANT) => `/tenants/${tenant}/notifications`;

before(async () => {
  await makeTenant(
    TENANT,
    { mode: "enforce" },
    Object.fromEntries([1, 2, 3, 4].map((number) => [`ex0${number}.example.com`, { build: OLD, days: 75 }])),
  );
  await makeTenant(QUIET, { mode: "enforce" });
});

/** @param {string} [tenant] */
async function webhooks(tenant = TENANT) {
  const { client } = await world();
  return (await client.ask("GET", `/v1/tenants/${tenant}/webhooks`)).json.items;
}

/**
 * @param {string} url
 * @param {string} [tenant]
 */
async function addWebhook(url, tenant = TENANT) {
  const { client } = await world();
  const answer = await client.ask("POST", `/v1/tenants/${tenant}/webhooks`, { body: { url } });
  assert.equal(answer.status, 201, answer.text);
}

async function deleteWebhooks() {
  const { client } = await world();
  for (const { id } of await webhooks()) await client.ask("DELETE", `/v1/tenants/${TENANT}/webhooks/${id}`);
}

/**
 * The moments of the notifications that are shown.
 * @param {import("playwright-core").Page} page
 */
async function moments(page) {
  const list = page.getByRole("region", { name: "Notifications" }).getByRole("listitem");
  return list
    .locator("> .time time")
    .evaluateAll((all) => all.map((each) => Date.parse(each.getAttribute("datetime") ?? "")));
}

test("notifications stand newest first beneath their days, with times in the reader's zone", async (t) => {
  const page = await open(t, { at: at(), zone: "America/New_York" });
  await page.getByText("The latest 30 notifications").waitFor();
  const shown = await moments(page);
  assert.equal(shown.length, 30);
  assert.deepEqual(
    shown,
    [...shown].sort((one, other) => other - one),
  );
  const day = (/** @type {number} */ moment) =>
    new Intl.DateTimeFormat("en-GB", {
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      timeZone: "America/New_York",
    }).format(moment);
  const days = await page.getByRole("heading", { level: 3 }).allTextContents();
  assert.deepEqual(days, [...new Set(shown.map(day))]);
  const text = await textOf(page.getByRole("region", { name: "Notifications" }));
  assert.doesNotMatch(text, /\d{4}-\d\d-\d\d|UTC/, "no time is left as the API writes it");
  await page.getByRole("button", { name: "Show older ones" }).click();
  await until("more are shown", async () => (await moments(page)).length > 30);
});

test("the list can be narrowed to one kind, which the address remembers", async (t) => {
  const page = await open(t, { at: at() });
  await page.getByLabel("Show").selectOption("Found out of date");
  await page.getByText(/^4 of \d+ notifications$/).waitFor();
  assert.equal((await moments(page)).length, 4);
  assert.match(page.url(), /kind=server\.detected/);
  await page.getByRole("link", { name: "ex01.example.com" }).click();
  await page.getByRole("heading", { level: 1 }).filter({ hasText: "ex01.example.com" }).waitFor();
  await page.goBack();
  await page.getByText(/^4 of \d+ notifications$/).waitFor();
});

test("a tenant that was told nothing yet learns what it will be told", async (t) => {
  const page = await open(t, { at: at(QUIET) });
  await page.getByText("Nothing was told yet.").waitFor();
  await assertAccessible(page);
  await shoot(page, "notifications-empty");
});

test("a webhook is added for an https address, its secret shown once, and deleted", async (t) => {
  t.after(deleteWebhooks);
  const page = await open(t, { at: at() });
  await page.getByRole("button", { name: "Add a webhook" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a webhook" });
  const address = dialog.getByLabel("Address");
  const submit = dialog.getByRole("button", { name: "Add the webhook" });
  await address.fill("http://hooks.example.com/");
  await submit.click();
  const mismatch = await address.evaluate(
    (/** @type {HTMLInputElement} */ input) => input.validity.patternMismatch,
  );
  assert.equal(mismatch, true, "an address without TLS is not sent");
  await address.fill("https://192.168.0.1/");
  await submit.click();
  await dialog.getByRole("alert").filter({ hasText: "no address of the public Internet" }).waitFor();
  await address.fill("https://hooks.example.com/tidegate");
  await submit.click();
  const made = page.getByRole("dialog", { name: "The webhook's secret" });
  assert.match(await made.getByLabel("Secret").inputValue(), /^whsec_.{20,}/);
  await assertAccessible(page);
  await shoot(page, "webhook-secret");
  await made.getByRole("button", { name: "I have copied it" }).click();
  await page.getByText("All is delivered.").waitFor();
  assert.equal(await page.getByText(/whsec_[A-Za-z0-9+/]{20}/).count(), 0);
  await page.getByRole("button", { name: "Delete https://hooks.example.com/tidegate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete it" }).click();
  await page.getByText("There is none.").waitFor();
  assert.deepEqual(await webhooks(), []);
});

test("a webhook that takes nothing is named at the top, with what waits for it", async (t) => {
  await makeTenant(FAILING, { mode: "enforce" }, { "ex01.example.com": { build: "15.1.2507.75", days: 1 } });
  await addWebhook("https://no-such-host.example/hook", FAILING);
  for (const minutes of [0, 1]) await handOver(FAILING, "ex02.example.com", OLD, ago(0) + minutes * 60);
  await until("the delivery has failed", async () => (await webhooks(FAILING))[0]?.failing_since, {
    ms: 30_000,
    every: 250,
  });
  const page = await open(t, { at: at(FAILING) });
  const trouble = page.getByText(/no-such-host\.example has taken no notification since/);
  assert.match(await textOf(trouble), /1 notification waits for it/);
  await page.getByText("Failing", { exact: true }).waitFor();
  await assertAccessible(page);
  await shoot(page, "webhook-failing");
});

test("a viewer reads webhooks and how to verify them, and can change none", async (t) => {
  t.after(deleteWebhooks);
  await addWebhook("https://hooks.example.com/for-viewers");
  const page = await open(t, { at: at(), key: await keyOf(TENANT, "viewer") });
  await page.getByText("https://hooks.example.com/…", { exact: true }).waitFor();
  assert.equal(await page.getByText("for-viewers").count(), 0, "the path can be a secret");
  await page.getByText("How a receiver verifies a delivery").click();
  await page.getByText("webhook-signature").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Add|Delete)/ }).count(), 0);
});

for (const { width, theme } of LOOKS) {
  test(`notifications and webhooks can be read and used by all: ${width} px, ${theme}`, async (t) => {
    t.after(deleteWebhooks);
    await addWebhook(`https://hooks.example.com/${"a-long-way/".repeat(20)}`);
    const page = await open(t, { at: at(), width, theme });
    await page.getByText("All is delivered.").waitFor();
    await page.getByText("How a receiver verifies a delivery").click();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `notifications-${width}-${theme}`);
    if (width < 1000) {
      await page.getByRole("button", { name: "Webhooks ↓" }).click();
      await page.locator("[aria-labelledby=webhooks]:focus").waitFor();
    }
    for (const { button, name } of [
      { button: "Add a webhook", name: "add" },
      { button: /^Delete https/, name: "delete" },
    ]) {
      await page.getByRole("button", { name: button }).click();
      await page.getByRole("dialog").waitFor();
      await assertAccessible(page);
      await assertFits(page);
      await shoot(page, `webhook-${name}-${width}-${theme}`);
      await page.keyboard.press("Escape");
    }
  });
}
