/** What is loaded, and what becomes of it: kept on the way back, refreshed within bounds, told where it does not come. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { nowMs } from "../support/day.mjs";
import { open, TENANT, world } from "./support/world.mjs";

const NONE = { accept: 0, defer: 0, reject: 0, would_defer: 0, would_reject: 0 };

/**
 * Answers with so many tenants, page by page, and counts how often it was asked.
 * @param {import("playwright-core").Page} page
 * @param {number} count
 */
async function withTenants(page, count) {
  const asked = { times: 0 };
  await page.route("**/v1/tenants?*", async (route) => {
    asked.times += 1;
    const query = new URL(route.request().url()).searchParams;
    const start = Number(query.get("cursor") ?? 0);
    const end = Math.min(count, start + Number(query.get("limit")));
    const items = Array.from({ length: end - start }, (_, index) => ({
      tenant: `tenant-${String(start + index).padStart(4, "0")}`,
      mode: "enforce",
      servers: { current: 1, out_of_date: 0, unknown: 0 },
      worst_stage: null,
      next_change: null,
      last_day: NONE,
      paused_until: null,
      updated_at: new Date(nowMs() - 60_000).toISOString(),
    }));
    await route.fulfill({ json: { items, next: end < count ? String(end) : null } });
  });
  return asked;
}

test("who goes back to the tenants is where they were, and nothing is loaded again", async (t) => {
  const page = await open(t, { at: "/check" });
  const asked = await withTenants(page, 3000);
  await page.getByRole("link", { name: "Tenants" }).click();
  await page.getByText("3,000 tenants", { exact: true }).waitFor();
  assert.equal(asked.times, 3);
  await page.evaluate(() => scrollTo(0, 30_000));
  const name = "tenant-0530";
  await page.getByRole("link", { name }).click();
  await page.getByRole("heading", { name }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), 0);
  await page.goBack();
  await page.getByRole("link", { name }).waitFor();
  const scrolled = await page.evaluate(() => scrollY);
  assert.ok(Math.abs(scrolled - 30_000) < 900, `${scrolled} px`);
  assert.equal(asked.times, 3);
});

test("a list is refreshed as seldom as it is long, and tells of when it is", async (t) => {
  const page = await open(t, { at: "/check" });
  const asked = await withTenants(page, 1000);
  await page.getByRole("link", { name: "Tenants" }).click();
  await page.getByText("1,000 tenants", { exact: true }).waitFor();
  await page.getByText(/^As of \d\d:\d\d/).waitFor();
  await page.clock.fastForward(5 * 60_000);
  assert.equal(asked.times, 1, "ten minutes' worth of rows");
  const refreshed = page.waitForResponse("**/v1/tenants?*");
  await page.clock.fastForward(6 * 60_000);
  await refreshed;
  assert.equal(asked.times, 2);
  const again = page.waitForResponse("**/v1/tenants?*");
  await page.getByRole("button", { name: "Refresh" }).click();
  await again;
  assert.equal(asked.times, 3);
});

test("a server's page reads the audit trail once, however often it is refreshed", async (t) => {
  let trails = 0;
  let servers = 0;
  const page = await open(t, {
    at: `/tenants/${TENANT}/servers/ex02.contoso.com`,
    prepare: async (page) => {
      page.on("request", (request) => {
        trails += Number(request.url().includes("/audit"));
        servers += Number(request.url().endsWith("/servers/ex02.contoso.com"));
      });
    },
  });
  await page.getByText("has been out of date since").waitFor();
  const before = trails;
  for (const round of [2, 3]) {
    await page.locator(".as-of button:enabled").waitFor();
    const again = page.waitForResponse((response) => response.url().endsWith("/servers/ex02.contoso.com"));
    await page.clock.fastForward(61_000);
    await again;
    assert.equal(servers, round);
  }
  assert.equal(trails, before);
});

test("a date is typed at one's own pace, and counts once it is whole", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  let reports = 0;
  page.on("request", (request) => {
    reports += Number(request.url().includes("/report?"));
  });
  const from = page.getByLabel("From");
  await from.waitFor();
  const day = new Date(nowMs() - 40 * 86_400_000).toISOString().slice(0, 10);
  const [year, month, date] = day.split("-");
  const before = reports;
  await from.click({ position: { x: 14, y: 18 } });
  await page.keyboard.type(`${month}${date}`);
  await page.clock.fastForward(31_000);
  await page.keyboard.type(String(year));
  assert.equal(await from.inputValue(), day);
  assert.equal(reports, before, "nothing is asked for on the way");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.hash.includes(`from=${day}`));
  await page.getByText("messages from").waitFor();
  // what is no date goes when the field is left
  await from.click({ position: { x: 14, y: 18 } });
  await page.keyboard.press("Delete");
  await page.getByLabel("Search").focus();
  assert.equal(await from.inputValue(), day);
});

test("choosing other days shows at once that something happens", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}` });
  await page.getByText("messages in the last 30 days").waitFor();
  let goOn = () => {};
  const held = new Promise((resolve) => {
    goOn = () => resolve(undefined);
  });
  await page.route("**/report?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "90 days" }).click();
  await page.getByRole("status").getByText("Loading the report").waitFor();
  await page.locator("[aria-busy=true]").first().waitFor();
  await page.getByText("messages in the last 30 days").waitFor();
  goOn();
  await page.getByText("messages in the last 90 days").waitFor();
  assert.equal(await page.getByText("Loading the report").count(), 0);
});

test("what does not answer is given up after half a minute, and a dialog is free again", async (t) => {
  const page = await open(t, { at: "/operator" });
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByLabel("Viewer", { exact: true }).check();
  await page.getByLabel("All tenants").check();
  await page.getByLabel("Name", { exact: true }).fill("Hung");
  await page.route("**/v1/keys", () => {});
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByRole("button", { name: "Making …" }).waitFor();
  for (let times = 0; times < 3; times += 1) await page.keyboard.press("Escape");
  const dialog = page.getByRole("dialog", { name: "Make a key" });
  await dialog.getByRole("button", { name: "Making …" }).waitFor();
  await page.clock.fastForward(31_000);
  await dialog.getByRole("alert").getByText("Tidegate did not answer in time.").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Make a key" }).click();
  await dialog.waitFor();
});

test("an answer that breaks off is told as such", async (t) => {
  const { url } = await world();
  const proxy = createServer((asked, answer) => {
    if (asked.url?.includes("/report?")) {
      answer.writeHead(200, { "content-type": "application/json", "content-length": "5000" });
      answer.write('{"from":');
      setTimeout(() => answer.destroy(), 200);
      return;
    }
    const { method, headers } = asked;
    const onward = request(`${url}${asked.url}`, {
      method,
      headers: { ...headers, host: new URL(url).host },
    });
    onward.on("response", (got) => got.pipe(answer.writeHead(got.statusCode ?? 502, got.headers)));
    asked.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => proxy.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  const page = await open(t, { at: `/tenants/${TENANT}`, server: `http://127.0.0.1:${port}` });
  await page.getByText("The answer broke off.").waitFor();
});

test("what is no answer of the API's is told as such", async (t) => {
  const page = await open(t, {
    at: `/tenants/${TENANT}`,
    prepare: (page) =>
      page.route("**/report?*", (route) => route.fulfill({ contentType: "text/html", body: "<p>Log in" })),
  });
  await page.getByText("The answer was not JSON. Is this page served by Tidegate?").waitFor();
});

test("a fault in one view leaves the others", async (t) => {
  const page = await open(t, {
    at: `/tenants/${TENANT}/servers/ex02.contoso.com`,
    prepare: (page) =>
      page.route("**/servers/ex02.contoso.com", async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ json: { ...(await answer.json()), last_seen: "" } });
      }),
  });
  await page.getByText("The page made a mistake.").waitFor();
  await page.getByRole("link", { name: "Tenants" }).click();
  await page.getByRole("link", { name: TENANT, exact: true }).click();
  await page.getByRole("link", { name: "EX01.contoso.com" }).waitFor();
});

test("a row keeps the focus however far the list is scrolled, and paper gets all rows", async (t) => {
  const page = await open(t, { at: "/check" });
  await withTenants(page, 600);
  await page.getByRole("link", { name: "Tenants" }).click();
  const link = page.getByRole("link", { name: "tenant-0003" });
  await link.focus();
  await page.evaluate(() => scrollTo(0, 20_000));
  await page
    .getByRole("link", { name: /^tenant-03/ })
    .first()
    .waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "tenant-0003");
  assert.ok((await page.getByRole("rowheader").count()) < 100);
  await page.emulateMedia({ media: "print" });
  await page.getByRole("link", { name: "tenant-0599" }).waitFor();
  assert.equal(await page.getByRole("rowheader").count(), 600);
});

test("a key that was copied with characters that cannot be seen is told so", async (t) => {
  const page = await open(t, { key: null });
  await page.getByLabel("API key").fill("tg_0123456789ab_secret\u200b");
  await page.keyboard.press("Enter");
  await page.getByText("characters in it that no key has").waitFor();
  await page.getByLabel("API key").waitFor();
});

test("what was changed from here is not shown as it was before", async (t) => {
  const tenant = "resource-of-test";
  const { client } = await world();
  await client.putPolicy(tenant, { mode: "report", operator: "Before" });
  const page = await open(t, { at: `/tenants/${tenant}/audit` });
  await page.getByText("Changed the policy").waitFor();
  await page.getByRole("link", { name: "Policy", exact: true }).click();
  const operator = page.getByLabel("Operator", { exact: true });
  await operator.fill("After");
  await page.getByRole("button", { name: "Preview and save" }).click();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByText("The policy is saved.").waitFor();
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await page.getByRole("row").filter({ hasText: "Before → After" }).waitFor();
  await page.getByRole("link", { name: "Policy", exact: true }).click();
  await operator.waitFor();
  assert.equal(await operator.inputValue(), "After");
});
