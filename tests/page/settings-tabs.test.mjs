/** The tenant's keys and audit trail, and which tabs a key opens. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertAccessible } from "./support/axe.mjs";
import { dayFromNow, keyOf, makeTenant, textOf } from "./support/settings.mjs";
import { assertFits, LOOKS, open, shoot, world } from "./support/world.mjs";

const TENANT = "tabs-of-test";
const HOSTILE = `<img src=x onerror="document.title='hit'">`;

before(async () => {
  const { client } = await world();
  await makeTenant(TENANT, { mode: "report" }, { "ex01.example.com": { build: "15.1.2507.39" } });
  await client.putPolicy(TENANT, { mode: "enforce", operator: "Example Mail" });
  const body = { days: 2, reason: HOSTILE, starts_on: dayFromNow(3) };
  assert.equal((await client.ask("POST", `/v1/tenants/${TENANT}/pauses`, { body })).status, 201);
});

test("the audit trail tells who changed what, from what to what", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}/audit` });
  const pause = page.getByRole("row").filter({ hasText: "Paused enforcement" });
  assert.ok((await textOf(pause)).includes(HOSTILE), "what was typed stands there as text");
  const policy = page.getByRole("row").filter({ hasText: "Changed the policy" }).first();
  assert.match(await textOf(policy), /mode ?report → enforce/);
  assert.match(await textOf(policy), /operator ?this mail service → Example Mail/);
  assert.doesNotMatch(await page.title(), /hit/);
});

test("keys are for operators: who only reads is not offered them", async (t) => {
  const viewer = await open(t, { at: `/tenants/${TENANT}/keys`, key: await keyOf(TENANT, "viewer") });
  await viewer.getByText("Your key cannot use this part.").waitFor();
  assert.equal(await viewer.getByRole("link", { name: "Keys", exact: true }).count(), 0);
  const operator = await open(t, { at: `/tenants/${TENANT}/keys`, key: await keyOf(TENANT, "operator") });
  await operator.getByRole("rowheader", { name: /operator of .* \(yours\)/ }).waitFor();
});

for (const { width, theme } of LOOKS) {
  test(`keys and audit trail can be read and used by all: ${width} px, ${theme}`, async (t) => {
    await keyOf(TENANT, "operator");
    const page = await open(t, { at: `/tenants/${TENANT}/audit`, width, theme });
    await page.getByText("Paused enforcement").waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `audit-${width}-${theme}`);
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByRole("rowheader").first().waitFor();
    await assertAccessible(page);
    await assertFits(page);
    await shoot(page, `tenant-keys-${width}-${theme}`);
  });
}
