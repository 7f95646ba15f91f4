/** The policy of a tenant: edited, checked, previewed, saved, and never over somebody else's change. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertAccessible } from "./support/axe.mjs";
import { ago } from "./support/lives.mjs";
import { handOver, keyOf, makeTenant, textOf } from "./support/settings.mjs";
import { assertFits, LOOKS, open, shoot, world } from "./support/world.mjs";

const OLD = "15.1.2507.39";
const REPORTING = "reporting-policy-of-test";
const HELP = "https://help.example.net/exchange";

before(async () => {
  await makeTenant(
    REPORTING,
    { mode: "report", operator: "Example Mail", help_url: HELP },
    {
      "ex01.example.com": { build: OLD, days: 45 },
      "ex02.example.com": { build: "15.0.1497.48", days: 70 },
      "ex03.example.com": { build: "15.1.2507.75", days: 3 },
    },
  );
});

/** @param {string} tenant */
const at = (tenant) => `/tenants/${tenant}/policy`;

let made = 0;
/**
 * A tenant for one test. @param {object} [policy]
 * @param {Parameters<typeof makeTenant>[2]} [servers]
 */
async function fresh(policy = { mode: "report", operator: "Example Mail" }, servers = undefined) {
  made += 1;
  const tenant = `policy-${made}-of-test`;
  await makeTenant(tenant, policy, servers);
  return tenant;
}

/** @param {string} tenant */
async function policyOf(tenant) {
  const { client } = await world();
  return (await client.ask("GET", `/v1/tenants/${tenant}/policy`)).json;
}

/** @param {import("playwright-core").Page} page */
async function preview(page) {
  await page.getByRole("button", { name: "Preview and save" }).click();
  const dialog = page.getByRole("dialog", { name: "Save this policy?" });
  await dialog.waitFor();
  return dialog;
}

/** @param {import("playwright-core").Page} page */
async function save(page) {
  const dialog = await preview(page);
  await dialog.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("status").filter({ hasText: "The policy is saved." }).waitFor();
}

test("before a change is saved, a preview shows what it does to each server and what differs", async (t) => {
  const page = await open(t, { at: at(REPORTING) });
  assert.equal(await page.getByLabel("Report", { exact: true }).isChecked(), true);
  await page.getByLabel("Enforce", { exact: true }).check();
  await page.getByLabel("Operator", { exact: true }).fill("Example Mail Ltd");
  const dialog = await preview(page);
  await dialog.getByText("2 of 3 servers would stand otherwise").waitFor();
  await dialog.getByText("Nothing becomes stricter at once").waitFor();
  const rows = dialog.getByRole("table").getByRole("row");
  const first = await textOf(rows.nth(1));
  assert.match(first, /ex0[12]\.example\.com.*all accepted \(report only\) ?stage \d of 8.*held back/);
  assert.equal(await rows.count(), 3, "who stands as before is not listed");
  await dialog.getByText("enforce", { exact: true }).waitFor();
  await dialog.getByText("Example Mail Ltd", { exact: true }).waitFor();
  await shoot(page, "policy-preview");
  assert.equal((await policyOf(REPORTING)).mode, "report", "nothing is saved by looking");
  await dialog.getByRole("button", { name: "Go on editing" }).click();
  assert.equal(await page.getByLabel("Enforce", { exact: true }).isChecked(), true);
  await page.getByRole("button", { name: "Discard" }).click();
  assert.equal(await page.getByLabel("Report", { exact: true }).isChecked(), true);
  assert.equal(await page.getByRole("button", { name: "Preview and save" }).count(), 0);
  await page.locator("[role=status]:focus", { hasText: "Your edits are discarded." }).waitFor();
});

test("the strictest consequence comes first", async (t) => {
  const tenant = await fresh(
    { mode: "enforce", waves: { "Exchange Server 2013": null } },
    {
      "a-current.example.com": { build: "15.1.2507.75", days: 3 },
      "b-blocked.example.com": { build: OLD, days: 70 },
      "c-deferred.example.com": { build: OLD, days: 35 },
    },
  );
  const page = await open(t, { at: at(tenant) });
  await page.getByLabel("Baseline", { exact: true }).selectOption("strict");
  const dialog = await preview(page);
  const names = await dialog.getByRole("table").getByRole("rowheader").allTextContents();
  assert.match(names[0] ?? "", /^b-blocked/);
  await dialog.getByText("1 becomes out of date").waitFor();
});

test("a saved policy is what the API has, with everything that was typed", async (t) => {
  const tenant = await fresh();
  const page = await open(t, { at: at(tenant) });
  await page.getByLabel("Enforce", { exact: true }).check();
  await page.getByLabel("Partner", { exact: true }).check();
  await page.getByLabel("Always accepted").fill("postmaster, abuse helpdesk");
  await page.getByLabel("Exchange Server SE", { exact: true }).selectOption("day");
  await page.getByLabel("First day on which Exchange Server SE is enforced").fill("2027-01-15");
  await page.getByLabel("Exchange Server 2013", { exact: true }).selectOption("never");
  const stage = page.getByRole("group", { name: /^Stage 2/ });
  await stage.getByLabel("Deferred min/h").fill("7");
  await page.getByRole("button", { name: "Remove stage 7" }).click();
  await page.getByRole("button", { name: "Add a relay" }).click();
  await page.getByLabel("Its name, or the end of it").fill("relay.example.net");
  await page.getByLabel("Networks that it connects from").fill("10.0.0.0/8, 2001:db8::/32");
  await page.getByLabel("Enforce behind relays too").check();
  await page.getByLabel("Operator", { exact: true }).fill("Example Mail");
  await page.getByLabel("Address for help", { exact: true }).fill(HELP);
  await page.getByLabel("When mail is deferred").fill("{operator}: {server} is late by {retry_after} s");
  await page.getByLabel("Days of pause a year").fill("30");
  await page.getByLabel("Exempt servers", { exact: true }).check();
  await save(page);
  const policy = await policyOf(tenant);
  assert.deepEqual(
    [policy.mode, policy.scope, policy.always_accept, policy.waves],
    [
      "enforce",
      ["on_premises", "partner"],
      ["postmaster", "abuse", "helpdesk"],
      { "Exchange Server 2013": null, "Exchange Server SE": "2027-01-15" },
    ],
  );
  assert.equal(policy.ladder.length, 7);
  assert.equal(policy.ladder[1].throttle_minutes, 7);
  assert.deepEqual(policy.trusted_relays, [
    { host: "relay.example.net", networks: ["10.0.0.0/8", "2001:db8::/32"] },
  ]);
  assert.deepEqual(
    [policy.enforce_behind_relays, policy.help_url, policy.reply.throttle],
    [true, HELP, "{operator}: {server} is late by {retry_after} s"],
  );
  assert.deepEqual([policy.pause_days_per_year, policy.delegated], [30, ["exempt"]]);
  assert.equal(await page.getByRole("button", { name: "Preview and save" }).count(), 0);
});

test("what a field cannot hold is not sent, and what the API refuses is told at its field in its words", async (t) => {
  const tenant = await fresh();
  const page = await open(t, { at: at(tenant) });
  const preview = page.getByRole("button", { name: "Preview and save" });
  for (const { label, value, valid } of [
    { label: "Days of pause a year", value: "400", valid: "100" },
    { label: "Address for help", value: "ftp://help.example", valid: HELP },
    { label: "Operator", value: "", valid: "Example Mail" },
  ]) {
    const field = page.getByLabel(label, { exact: true });
    await field.fill(value);
    await preview.click();
    await field.and(page.locator(":focus:invalid")).waitFor();
    await field.fill(valid);
  }
  for (const { label, value, valid, refusal } of [
    { label: "Operator", value: "50%", valid: "Example Mail", refusal: "needs 1 to 100 printable ASCII" },
    { label: "Always accepted", value: "a@b", valid: "abuse", refusal: "local parts are 1 to 64 printable" },
    {
      label: "When mail is rejected",
      value: "{who} is blocked",
      valid: "blocked",
      refusal: "braces enclose one of",
    },
  ]) {
    const field = page.getByLabel(label, { exact: true });
    await field.fill(value);
    await preview.click();
    await page.getByRole("alert").filter({ hasText: refusal }).waitFor();
    await field.and(page.locator("[aria-invalid=true]:focus")).waitFor();
    await field.fill(valid);
  }
  await assertAccessible(page);
  await page
    .getByRole("group", { name: /^Stage 2/ })
    .getByLabel("Rejected min/h")
    .fill("56");
  await preview.click();
  await page.getByRole("alert").filter({ hasText: "at most 60 together" }).waitFor();
  await shoot(page, "policy-refused");
  assert.equal(await page.getByRole("dialog").count(), 0);
});

test("what only the API can refuse lands at its field too", async (t) => {
  const tenant = await fresh();
  const page = await open(t, { at: at(tenant) });
  await page.getByRole("button", { name: "Add a relay" }).click();
  await page.getByLabel("Its name, or the end of it").fill("relay.example.net");
  await page.getByLabel("Networks that it connects from").fill("1:2:3");
  await page.getByRole("button", { name: "Preview and save" }).click();
  const relay = page.getByRole("group", { name: "Relay 1" });
  await relay.getByRole("alert").waitFor();
  await page.locator("[aria-invalid=true]:focus").waitFor();
});

test("somebody else's change in between is told, kept, and joined with the own edits", async (t) => {
  const tenant = await fresh();
  const { client } = await world();
  const page = await open(t, { at: at(tenant) });
  await page.getByLabel("Operator", { exact: true }).fill("Mine");
  await page.getByLabel("Address for help", { exact: true }).fill(HELP);
  const other = { ...(await policyOf(tenant)), operator: "Theirs", mode: "enforce", pause_days_per_year: 10 };
  await client.putPolicy(tenant, other);
  const dialog = await preview(page);
  await dialog.getByRole("button", { name: "Save the policy" }).click();
  const met = page.getByRole("dialog", { name: "Somebody else changed this policy" });
  await met.waitFor();
  await assertAccessible(page);
  await shoot(page, "policy-412");
  await met.getByRole("button", { name: "Load it, and keep my edits" }).click();
  const told = page.getByRole("region", { name: "Changed by somebody else" });
  await told.getByText("Theirs").first().waitFor();
  await told.getByText("Both of you changed operator").waitFor();
  await assertAccessible(page);
  await shoot(page, "policy-met");
  assert.equal(await page.getByLabel("Operator", { exact: true }).inputValue(), "Mine");
  assert.equal(await page.getByLabel("Enforce", { exact: true }).isChecked(), true);
  assert.equal((await policyOf(tenant)).operator, "Theirs", "nothing was overwritten");
  await save(page);
  const policy = await policyOf(tenant);
  assert.deepEqual(
    [policy.operator, policy.help_url, policy.mode, policy.pause_days_per_year],
    ["Mine", HELP, "enforce", 10],
  );
});

test("unsaved edits are asked about before they are left", async (t) => {
  const page = await open(t, { at: at(REPORTING) });
  const operator = page.getByLabel("Operator", { exact: true });
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("link", { name: "Policy" }).click();
  await operator.fill("Half typed");
  const asked = page.getByRole("dialog", { name: "Leave without saving?" });
  await page.getByRole("link", { name: "Audit" }).click();
  await asked.getByRole("button", { name: "Stay here" }).click();
  assert.equal(await operator.inputValue(), "Half typed");
  assert.match(page.url(), /\/policy$/);
  await page.goBack();
  await assertAccessible(page);
  await shoot(page, "policy-unsaved");
  await asked.getByRole("button", { name: "Stay here" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await asked.getByRole("button", { name: "Stay here" }).click();
  const warned = new Promise((resolve) =>
    page.once("dialog", (dialog) => {
      resolve(dialog.type());
      void dialog.dismiss();
    }),
  );
  await page.evaluate(() => location.reload());
  assert.equal(await warned, "beforeunload");
  assert.equal(await operator.inputValue(), "Half typed");
  await page.getByRole("link", { name: "Audit" }).click();
  await asked.getByRole("button", { name: "Leave, and lose it" }).click();
  await page.waitForURL(/\/audit$/);
  await page.getByRole("link", { name: "Policy" }).click();
  await operator.waitFor();
  assert.equal(await operator.inputValue(), "Example Mail");
});

test("a reply reads in the preview as mail servers will get it", async (t) => {
  const template =
    "{operator}, {build} is older than {required}: {n} min/h in stage {stage}. See {help_url}. Bye";
  const tenant = await fresh(
    { mode: "enforce", operator: "Example Mail", reply: { throttle: template } },
    { "ex01.example.com": { build: OLD, days: 35 } },
  );
  let reply = null;
  for (let minute = 0; minute < 60 && reply === null; minute += 1)
    reply = (await handOver(tenant, "ex01.example.com", OLD, ago(0) + minute * 60)).reply;
  const page = await open(t, { at: at(tenant) });
  const field = page.getByLabel("When mail is deferred");
  const sample = page.locator(".template", { has: field }).locator(".sample");
  assert.equal(await textOf(sample), `${reply.code} ${reply.enhanced} ${reply.text}`);
  await page.getByLabel("Address for help", { exact: true }).fill(HELP);
  assert.match(await textOf(sample), /in stage 2\. See https:\/\/help\.example\.net\/exchange\. Bye$/);
  await field.fill("Late by ");
  await page
    .locator(".template", { has: field })
    .getByRole("button", { name: "Insert {retry_after}" })
    .click();
  assert.equal(await field.inputValue(), "Late by {retry_after}");
  await page.keyboard.type(" s");
  assert.equal(await textOf(sample), "450 4.7.230 Late by 240 s");
  await page.getByText("23 of 400 characters").waitFor();
});

test("a tenant's own baseline begins with the one it has, and is refused in the API's words", async (t) => {
  const tenant = await fresh();
  const page = await open(t, { at: at(tenant) });
  await page.getByLabel("Baseline", { exact: true }).selectOption({ label: "this tenant's own …" });
  const editor = page.getByLabel("The tenant's own baseline");
  await editor.waitFor();
  const text = await editor.inputValue();
  assert.match(text, /"15\.1\.2507\.61"/);
  await editor.fill(text.replace("{", "{{"));
  await page.getByRole("button", { name: "Preview and save" }).click();
  await editor.and(page.locator(":focus:invalid")).waitFor();
  assert.match(
    await editor.evaluate((/** @type {HTMLTextAreaElement} */ area) => area.validationMessage),
    /^This is not JSON: /,
  );
  for (const [typed, refusal] of [
    [text.replace("15.1.2507.61", "15.1.2507.99"), "is no release of"],
    [text.replace(/"effective": "/, '"effective": "x'), "not a date"],
  ]) {
    await editor.fill(typed ?? "");
    await page.getByRole("button", { name: "Preview and save" }).click();
    await page
      .getByRole("alert")
      .filter({ hasText: refusal ?? "" })
      .waitFor();
  }
  await editor.fill(text.replace("15.1.2507.61", "15.1.2507.39"));
  await save(page);
  const { baseline } = await policyOf(tenant);
  assert.equal(baseline.name, "own");
  assert.deepEqual(baseline.editions.at(-1).products["Exchange Server 2016"], { minimum: [OLD] });
});

test("who may not change the policy reads it, and why it is not theirs to change", async (t) => {
  for (const role of /** @type {const} */ (["viewer", "operator"])) {
    const page = await open(t, { at: at(REPORTING), key: await keyOf(REPORTING, role) });
    const why = role === "viewer" ? "Your key reads only" : "Your mail operator sets this policy";
    await page.getByText(why).waitFor();
    await page.getByText("Report: All mail is accepted.").waitFor();
    await page.getByRole("rowheader", { name: "Stage 8" }).waitFor();
    await page.getByText(`450 4.7.230 Connecting Exchange server version is out-of-date`).waitFor();
    const main = page.getByRole("main");
    for (const control of /** @type {const} */ (["textbox", "radio", "checkbox", "combobox", "button"]))
      assert.equal(await main.getByRole(control).count(), 0, `${role}: ${control}`);
  }
});

test("an operator to whom the policy is left changes it, but for what an admin sets", async (t) => {
  const tenant = await fresh({ mode: "report", delegated: ["policy"], pause_days_per_year: 40 });
  const page = await open(t, { at: at(tenant), key: await keyOf(tenant, "operator") });
  await page.getByText("They may pause enforcement for 40 days a year, and: change this policy").waitFor();
  assert.equal(await page.getByLabel("Days of pause a year").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Delete this tenant" }).count(), 0);
  await page.getByLabel("Operator", { exact: true }).fill("The tenant itself");
  await save(page);
  const policy = await policyOf(tenant);
  assert.deepEqual(
    [policy.operator, policy.pause_days_per_year, policy.delegated],
    ["The tenant itself", 40, ["policy"]],
  );
});

test("a tenant is deleted only once its name was typed", async (t) => {
  const tenant = await fresh();
  const { client } = await world();
  const page = await open(t, { at: at(tenant) });
  await page.getByRole("button", { name: "Delete this tenant" }).click();
  const dialog = page.getByRole("dialog", { name: `Delete ${tenant}?` });
  const button = dialog.getByRole("button", { name: "Delete it for good" });
  assert.equal(await button.isDisabled(), true);
  await dialog.getByLabel(`Type ${tenant}`).fill(tenant.slice(0, -1));
  assert.equal(await button.isDisabled(), true);
  await dialog.getByLabel(`Type ${tenant}`).fill(tenant);
  await button.click();
  await page.waitForURL(/#\/$/);
  assert.equal((await client.ask("GET", `/v1/tenants/${tenant}`)).status, 404);
});

for (const { width, theme } of LOOKS) {
  test(`the policy can be read and used by all: ${width} px, ${theme}`, async (t) => {
    const page = await open(t, { at: at(REPORTING), width, theme });
    await page.getByRole("button", { name: "Add a relay" }).click();
    await page.getByText("What microsoft requires", { exact: true }).click();
    await page.getByText("Older products").click();
    await page.getByRole("rowheader", { name: "Exchange Server 2016" }).first().waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `policy-${width}-${theme}`);
    await page.getByLabel("Baseline", { exact: true }).selectOption({ label: "this tenant's own …" });
    await page.getByLabel("The tenant's own baseline").fill('{\n  "name": "Own"\n}');
    await page.getByLabel("Its name, or the end of it").fill("relay.example.net");
    await page.getByLabel("Networks that it connects from").fill("10.0.0.0/8");
    await page.getByRole("button", { name: "Preview and save" }).click();
    await page.getByRole("alert").filter({ hasText: "missing field" }).waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByLabel("Enforce", { exact: true }).check();
    await preview(page);
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `policy-preview-${width}-${theme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("button", { name: "Delete this tenant" }).click();
    await page.getByRole("dialog").waitFor();
    await assertAccessible(page);
    await shoot(page, `policy-delete-${width}-${theme}`);
    const reader = await open(t, {
      at: at(REPORTING),
      width,
      theme,
      key: await keyOf(REPORTING, "viewer"),
    });
    await reader.getByText("Your key reads only").waitFor();
    await assertAccessible(reader);
    await assertFits(reader);
    await shoot(reader, `policy-read-${width}-${theme}`);
  });
}
