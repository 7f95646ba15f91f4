/** Exempt servers: found by name, exempted with a reason and a last day, changed, ended. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertAccessible } from "./support/axe.mjs";
import { ago } from "./support/lives.mjs";
import { dayFromNow, handOver, keyOf, makeTenant, textOf } from "./support/settings.mjs";
import { assertFits, LOOKS, open, shoot, world } from "./support/world.mjs";

const TENANT = "exemptions-of-test";
const DELEGATING = "delegating-exemptions-of-test";
const LONG = `${"long-label-of-a-server.".repeat(10)}example.com`;
const OLD = "15.1.2507.39";
/** @param {string} [tenant] */
const at = (tenant = TENANT) => `/tenants/${tenant}/pauses`;

before(async () => {
  await makeTenant(TENANT, { mode: "enforce" }, { "ex01.example.com": { build: OLD, days: 45 } });
  for (let number = 2; number <= 9; number += 1)
    await handOver(TENANT, `ex0${number}.example.com`, "15.1.2507.75", ago(1));
  await handOver(TENANT, LONG, "15.1.2507.75", ago(1));
  await makeTenant(
    DELEGATING,
    { mode: "enforce", delegated: ["exempt"] },
    { "ex01.example.com": { build: OLD, days: 5 } },
  );
});

/** @param {string} server */
async function exemption(server, tenant = TENANT) {
  const { client } = await world();
  return client.ask("GET", `/v1/tenants/${tenant}/servers/${server}/exemption`);
}

/** @param {string} server */
async function exempt(server, reason = "Replaced in January", days = 30) {
  const { client } = await world();
  const body = { reason, expires_at: `${dayFromNow(days + 1)}T00:00:00Z` };
  const address = `/v1/tenants/${TENANT}/servers/${server}/exemption`;
  assert.equal((await client.ask("PUT", address, { body })).status, 200);
}

/** @param {string[]} servers */
async function end(...servers) {
  const { client } = await world();
  for (const server of servers)
    await client.ask("DELETE", `/v1/tenants/${TENANT}/servers/${server}/exemption`);
}

test("a server is found by a part of its name and exempted until the end of a day", async (t) => {
  t.after(() => end("ex01.example.com"));
  const page = await open(t, { at: at() });
  await page.getByText("No server is exempt.").waitFor();
  await page.getByRole("button", { name: "Exempt a server" }).click();
  const dialog = page.getByRole("dialog", { name: "Exempt a server" });
  await dialog.getByText("The first 6 are shown").waitFor();
  await dialog.getByLabel("Find a server").fill("nowhere");
  await dialog.getByText("No server has “nowhere” in its name.").waitFor();
  await dialog.getByLabel("Find a server").fill("EX01");
  await dialog.getByText(/behind on security updates, stage 3/).waitFor();
  await dialog.getByLabel("ex01.example.com").check();
  await dialog.getByLabel("Reason").fill("Replaced in January");
  await dialog.getByLabel("Last day").fill(dayFromNow(40));
  await dialog.getByText(/Until .* in 40 days/).waitFor();
  await dialog.getByRole("button", { name: "Exempt the server" }).click();
  await page.getByRole("status").filter({ hasText: "ex01.example.com is exempt until" }).waitFor();
  const row = page.getByRole("row").filter({ hasText: "ex01.example.com" });
  await row.getByText("Replaced in January").waitFor();
  assert.match(await textOf(row), /10 min\/h deferred ?stage 3/, "what would be otherwise");
  const { json } = await exemption("ex01.example.com");
  assert.equal(json.expires_at, `${dayFromNow(41)}T00:00:00Z`);
});

test("reason and end of an exemption can be changed", async (t) => {
  t.after(() => end("ex02.example.com"));
  await exempt("ex02.example.com");
  const page = await open(t, { at: at() });
  await page.getByRole("button", { name: "Change exemption of ex02.example.com" }).click();
  const dialog = page.getByRole("dialog", { name: "Change the exemption of ex02.example.com" });
  await dialog.getByLabel("Reason").waitFor();
  assert.equal(await dialog.getByLabel("Reason").inputValue(), "Replaced in January");
  assert.equal(await dialog.getByLabel("Last day").inputValue(), dayFromNow(30));
  await dialog.getByLabel("Reason").fill("Replaced in March");
  await dialog.getByLabel("Last day").fill(dayFromNow(90));
  await dialog.getByRole("button", { name: "Change the exemption" }).click();
  await page.getByRole("row").filter({ hasText: "Replaced in March" }).waitFor();
  const { json } = await exemption("ex02.example.com");
  assert.deepEqual([json.reason, json.expires_at], ["Replaced in March", `${dayFromNow(91)}T00:00:00Z`]);
});

test("an end more than a year away is not taken", async (t) => {
  const page = await open(t, { at: at() });
  await page.getByRole("button", { name: "Exempt a server" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("ex01.example.com").check();
  await dialog.getByLabel("Reason").fill("For ever");
  await dialog.getByLabel("Last day").fill(dayFromNow(365));
  await dialog.getByRole("button", { name: "Exempt the server" }).click();
  const invalid = await dialog
    .getByLabel("Last day")
    .evaluate((/** @type {HTMLInputElement} */ input) => input.validity.rangeOverflow);
  assert.equal(invalid, true);
  assert.equal((await exemption("ex01.example.com")).status, 404);
  await dialog.getByLabel("Last day").fill(dayFromNow(364));
  await dialog.getByRole("button", { name: "Exempt the server" }).click();
  await page.getByRole("status").filter({ hasText: "is exempt until" }).waitFor();
  await end("ex01.example.com");
});

test("ending an exemption says what its mail meets from then on", async (t) => {
  await exempt("ex01.example.com");
  const page = await open(t, { at: at() });
  await page.getByRole("button", { name: "End exemption of ex01.example.com" }).click();
  const dialog = page.getByRole("dialog", { name: "End the exemption of ex01.example.com?" });
  await dialog.getByText("in stage 3: 10 min/h deferred").waitFor();
  await dialog.getByRole("button", { name: "End it now" }).click();
  await page.getByText("No server is exempt.").waitFor();
  assert.equal((await exemption("ex01.example.com")).status, 404);
});

test("a viewer, and an operator to whom it is not left, see exemptions and no controls for them", async (t) => {
  t.after(() => end("ex01.example.com"));
  await exempt("ex01.example.com");
  for (const role of /** @type {const} */ (["viewer", "operator"])) {
    const page = await open(t, { at: at(), key: await keyOf(TENANT, role) });
    await page.getByText("Replaced in January").waitFor();
    assert.equal(await page.getByRole("button", { name: /^(Exempt a server|Change|End)/ }).count(), 0, role);
    const told = page.getByText("Your mail operator grants exemptions: ask there for one.");
    assert.equal(await told.count(), role === "operator" ? 1 : 0);
    assert.equal(
      await page.getByRole("button", { name: "Pause enforcement" }).count(),
      role === "operator" ? 1 : 0,
    );
  }
});

test("an operator to whom it is left exempts the tenant's servers", async (t) => {
  const page = await open(t, { at: at(DELEGATING), key: await keyOf(DELEGATING, "operator") });
  await page.getByRole("button", { name: "Exempt a server" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("ex01.example.com").check();
  await dialog.getByLabel("Reason").fill("By its own operator");
  await dialog.getByRole("button", { name: "Exempt the server" }).click();
  await page.getByText("By its own operator").waitFor();
  assert.equal((await exemption("ex01.example.com", DELEGATING)).json.reason, "By its own operator");
});

for (const { width, theme } of LOOKS) {
  test(`exemptions and their dialogs can be read and used by all: ${width} px, ${theme}`, async (t) => {
    t.after(() => end("ex01.example.com", LONG));
    await exempt("ex01.example.com");
    await exempt(LONG, "A reason that somebody wrote without thinking of narrow screens ".repeat(5).trim());
    const page = await open(t, { at: at(), width, theme });
    await page.getByText("Replaced in January").waitFor();
    await page.getByText("without thinking of narrow screens").waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `exemptions-${width}-${theme}`);
    const opened = [
      { button: "Exempt a server", name: "exempt" },
      { button: `Change exemption of ${LONG}`, name: "change" },
      { button: `End exemption of ${LONG}`, name: "end" },
    ];
    for (const { button, name } of opened) {
      await page.getByRole("button", { name: button }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: /Cancel|Keep it/ }).waitFor();
      if (name === "exempt") {
        await dialog.getByLabel("Find a server").fill("long");
        await dialog.getByLabel(LONG).waitFor();
      }
      await assertAccessible(page);
      await assertFits(page);
      await shoot(page, `exemptions-${name}-${width}-${theme}`);
      await dialog.getByRole("button", { name: /Cancel|Keep it/ }).click();
    }
  });
}
