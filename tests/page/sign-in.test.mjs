import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible } from "./support/axe.mjs";
import { LOOKS, open, shoot, world } from "./support/world.mjs";

for (const { width, theme } of LOOKS) {
  test(`who has no key finds the door, and what needs none: ${width} px, ${theme}`, async (t) => {
    const page = await open(t, { key: null, width, theme });
    await page.getByLabel("API key").waitFor();
    await shoot(page, `sign-in-${width}-${theme}`);
    await assertAccessible(page);
    const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(scrolls, false, "scrolls sideways");
  });
}

test("a wrong key is refused in words, and the right one opens", async (t) => {
  const page = await open(t, { key: null });
  await page.getByLabel("API key").fill("tg_wrong_key");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This key is not known, or was revoked.").waitFor();
  const { keys } = await world();
  await page.getByLabel("API key").fill(keys.viewer);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
});

test("who signs in by the keyboard goes on where the tenants are", async (t) => {
  const page = await open(t, { key: null });
  const { keys } = await world();
  await page.getByLabel("API key").fill(keys.fleet);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Tenants" }).waitFor();
  await page.locator("main:focus").waitFor();
});

test("the key is forgotten with the tab and at the door", async (t) => {
  const page = await open(t);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
});
