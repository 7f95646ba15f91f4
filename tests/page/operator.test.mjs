/** What operators set for all tenants, on a worker of their own: the brake, keys, catalog and baselines, the audit trail. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { at, Client, event, rfc3339 } from "../support/client.mjs";
import { now } from "../support/day.mjs";
import { startDev } from "../support/dev.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { POLLED } from "./support/frames.mjs";
import { assertFits, LOOKS, open, shoot } from "./support/world.mjs";

/** What turns around the text behind it, unseen. */
const TURN = "\u202e";
const HOSTILE = `<img src=x onerror="document.title='hit'">${TURN}`;

suite("the operator's page", () => {
  /** @type {import("../support/dev.mjs").Dev} */
  let dev;
  /** @type {Client} */
  let client;
  /** @type {Record<"viewer" | "operator" | "bound", string>} */
  let keys;

  before(
    async () => {
      dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
      client = new Client(dev);
      await client.putPolicy("contoso", { mode: "report" });
      keys = {
        viewer: await make({ role: "viewer", tenant: null, name: "Helpdesk" }),
        operator: await make({ role: "operator", tenant: null, name: "Night shift" }),
        bound: await make({ role: "operator", tenant: "contoso", name: "Contoso's own" }),
      };
      await make({ role: "admin", tenant: null, name: "n".repeat(100) });
      await make({
        role: "gateway",
        tenant: "fabrikam",
        name: "mx9",
        gateway: { own_hops: 1, connector: "partner" },
      });
    },
    { timeout: 120_000 },
  );
  after(() => dev?.stop());

  /** @param {object} key */
  async function make(key) {
    const { status, json, text } = await client.ask("POST", "/v1/keys", { body: key });
    assert.equal(status, 201, text);
    return json.key;
  }

  /** @param {string} path */
  const read = async (path) => (await client.ask("GET", path)).json;

  /** @param {import("playwright-core").Page} page @param {string} name */
  const dialog = (page, name) => page.getByRole("dialog", { name });
  /** @param {import("playwright-core").Page} page @param {string | RegExp} name */
  const keyRow = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });

  for (const { width, theme } of LOOKS) {
    test(`all parts and dialogs can be read and used: ${width} px, ${theme}`, {
      timeout: 120_000,
    }, async (t) => {
      const page = await open(t, { server: dev.url, at: "/operator", width, theme });
      const look = async (/** @type {string} */ name) => {
        await shoot(page, `operator-${name}-${width}-${theme}`);
        await assertAccessible(page);
        await assertFits(page);
      };
      await page.getByText("The emergency brake is off: each tenant's own mode holds.").waitFor();
      await keyRow(page, "mx9").waitFor();
      await look("keys");

      await page.getByRole("button", { name: "Pull the emergency brake" }).click();
      await look("brake");
      await page.keyboard.press("Escape");

      await page.getByRole("button", { name: "Make a key" }).click();
      await page.getByLabel("Gateway", { exact: true }).check();
      await page.getByLabel("One tenant").check();
      await look("make");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Rotate mx9" }).click();
      await look("rotate");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Revoke mx9" }).click();
      await look("revoke");
      await page.keyboard.press("Escape");

      await page.getByRole("link", { name: "Catalog & baselines" }).click();
      await page.getByRole("button", { name: "microsoft", exact: true }).click();
      await page.getByText("Products and their newest releases").click();
      await look("facts");
      await page.getByRole("button", { name: "Another version of strict" }).click();
      await page.getByText("There is no such version, or it is kept no more.").waitFor();
      await look("restore");
      await page.keyboard.press("Escape");

      await page.getByRole("link", { name: "Audit", exact: true }).click();
      await page.getByText("Made a key").first().waitFor();
      await look("audit");
    });
  }

  test("an admin pulls the brake and releases it, by the keyboard, and reads first what will happen", async (t) => {
    t.after(() => client.ask("PUT", "/v1/control/mode", { body: { mode: "enforce" } }));
    const page = await open(t, { server: dev.url, at: "/operator" });
    await page.getByRole("button", { name: "Pull the emergency brake" }).press("Enter");
    await dialog(page, "Emergency brake")
      .getByText(/^All mail of all tenants is accepted within 90 seconds, and clocks stand still\./)
      .waitFor();
    await page.getByRole("button", { name: "Accept all mail", exact: true }).press("Enter");
    await page.getByText("The emergency brake is on: all mail of all tenants is accepted.").waitFor();
    await page.getByText("The brake is pulled: all mail is accepted within 90 seconds.").waitFor();
    assert.equal((await read("/v1/control/mode")).mode, "report");
    await shoot(page, "operator-braked");
    await assertAccessible(page);
    const change = page.getByRole("button", { name: "Change the emergency brake" });
    await change.waitFor();
    await change.press("Enter");
    await dialog(page, "Emergency brake").getByLabel("Accept all mail, record nothing").press("Space");
    await page.getByText(/what comes meanwhile is in no report/).waitFor();
    await dialog(page, "Emergency brake").getByLabel("No brake").press("Space");
    await page.getByText(/deferred and rejected again, in tenants that enforce/).waitFor();
    await page.getByRole("button", { name: "Release the brake" }).press("Enter");
    await page.getByText("The emergency brake is off: each tenant's own mode holds.").waitFor();
    assert.equal((await read("/v1/control/mode")).mode, "enforce");
    await page.getByRole("link", { name: "Audit", exact: true }).click();
    const changes = page.getByRole("row").filter({ hasText: "Changed the emergency brake" });
    await changes.first().waitFor();
    const [released] = await changes.allTextContents();
    assert.match(released ?? "", /mode report → enforce$/);
  });

  test("who may not change or read something is offered none of it", async (t) => {
    const parts = async (/** @type {string} */ key, /** @type {string} */ at) => {
      const page = await open(t, { server: dev.url, at, key });
      await page.getByText(/^The emergency brake is off/).waitFor();
      return {
        page,
        tabs: await page
          .getByRole("link", { name: /^(Keys|Catalog & baselines|Notifications|Audit)$/ })
          .allTextContents(),
      };
    };
    const viewer = await parts(keys.viewer, "/operator");
    assert.deepEqual(viewer.tabs, ["Catalog & baselines", "Notifications"]);
    await viewer.page.getByRole("heading", { name: "Baselines" }).waitFor();
    assert.equal(await viewer.page.getByRole("button", { name: /brake|version|key/i }).count(), 0);
    const operator = await parts(keys.operator, "/operator?part=audit");
    assert.deepEqual(operator.tabs, ["Keys", "Catalog & baselines", "Notifications"]);
    assert.equal(await operator.page.getByRole("button", { name: /brake/ }).count(), 0);
    await keyRow(operator.page, "mx9").waitFor();
    assert.equal(
      await operator.page.getByRole("button", { name: /^Revoke n+$/ }).count(),
      0,
      "an admin's key",
    );
    await operator.page.getByRole("button", { name: "Make a key" }).click();
    await operator.page.getByLabel("Operator", { exact: true }).waitFor();
    assert.equal(await operator.page.getByLabel("Admin", { exact: true }).count(), 0);
    const bound = await open(t, { server: dev.url, at: "/operator", key: keys.bound });
    await bound.getByText("Your key is for one tenant.").waitFor();
  });

  test("a gateway's key is made, shown once, rotated and revoked", { timeout: 60_000 }, async (t) => {
    const page = await open(t, { server: dev.url, at: "/operator" });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Gateway", { exact: true }).check();
    await page.getByLabel("One tenant").check();
    await page.getByLabel("Tenant", { exact: true }).fill("Contoso Ltd");
    await page.getByLabel("Name", { exact: true }).fill("mx1");
    await page.getByLabel("Connector").selectOption("on-premises");
    await page.getByLabel("Own Received fields").fill("1");
    await page.getByRole("button", { name: "Make the key" }).click();
    const bound = page.getByLabel("Tenant", { exact: true });
    await bound.and(page.locator(":focus:invalid")).waitFor();
    await bound.fill("contoso");
    await page.getByRole("button", { name: "Make the key" }).click();
    const shown = dialog(page, "The key mx1");
    const first = await shown.getByLabel("API key").inputValue();
    await shoot(page, "operator-made");
    await assertAccessible(page);
    await shown.getByRole("button", { name: "Copy", exact: true }).click();
    await shown.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first);
    await shown.getByRole("button", { name: "I have copied it" }).click();
    await page.getByText("The key mx1 was made.").waitFor();
    await keyRow(page, "mx1").getByText("on-premises, 1 own field").waitFor();
    assert.equal((await page.content()).includes(first), false);
    const ask = (/** @type {string} */ key) =>
      client.ask("POST", "/v1/decide", {
        key,
        fresh: true,
        body: event({ tenant: "contoso", event_id: key, header: "" }),
      });
    assert.equal((await ask(first)).status, 200);

    await page.getByRole("button", { name: "Rotate mx1" }).click();
    await page.getByRole("button", { name: "Make the new key" }).click();
    const second = await dialog(page, "The key mx1").getByLabel("API key").inputValue();
    // no key loses it: neither Escape nor the way back
    for (const key of ["Escape", "Escape"]) await page.keyboard.press(key);
    await page.evaluate(() => {
      location.hash = "#/check";
    });
    await page.getByText("Copy it first: it cannot be shown again.").waitFor();
    assert.equal(await dialog(page, "The key mx1").getByLabel("API key").inputValue(), second);
    await dialog(page, "The key mx1").getByRole("button", { name: "I have copied it" }).click();
    await page.getByText("mx1 has a second key.").waitFor();
    await keyRow(page, /The older of two: revoke it once everything uses the newer one\./).waitFor();
    assert.equal(await page.getByRole("button", { name: "Rotate mx1" }).count(), 0, "two live");

    await page.getByRole("button", { name: "Revoke mx1, the older one" }).click();
    const sure = dialog(page, "Revoke mx1?");
    await sure.getByText(/stops working within 90 seconds, for good/).waitFor();
    await sure.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("button", { name: "Revoke mx1, the older one" }).click();
    await sure.getByRole("button", { name: "Revoke the key" }).click();
    const said = page.getByText("mx1 is revoked. It stops working within 90 seconds.");
    await said.and(page.locator(":focus")).waitFor();
    await page.getByRole("button", { name: "Rotate mx1" }).waitFor();
    assert.deepEqual([(await ask(first)).status, (await ask(second)).status], [401, 200]);

    await make({ role: "gateway", tenant: "contoso", name: "mx1" });
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Gateway", { exact: true }).check();
    await page.getByLabel("One tenant").check();
    await page.getByLabel("Tenant", { exact: true }).fill("contoso");
    await page.getByLabel("Name", { exact: true }).fill("mx1");
    await page.keyboard.press("Enter");
    await page.getByText(/^two keys of this tenant, role and name live already/).waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
  });

  test("a tenant's operator makes keys for that tenant alone", async (t) => {
    const page = await open(t, { server: dev.url, at: "/tenants/contoso/keys", key: keys.bound });
    await keyRow(page, /^Contoso's own \(yours\)$/).waitFor();
    assert.equal(await keyRow(page, "mx9").count(), 0, "another tenant's");
    await page.getByRole("button", { name: "Make a key" }).click();
    await dialog(page, "Make a key for contoso").waitFor();
    await page.getByLabel("Viewer", { exact: true }).check();
    assert.equal(await page.getByLabel("Admin", { exact: true }).count(), 0);
    assert.equal(await page.getByLabel("Tenant", { exact: true }).count(), 0);
    await page.getByLabel("Name", { exact: true }).fill("Auditor");
    const lastDay = rfc3339(now() + 30 * 24 * 3600).slice(0, 10);
    await page.getByLabel("Last day").fill(lastDay);
    await page.getByLabel("Networks").fill("192.0.2.0/24, ten");
    await page.keyboard.press("Enter");
    await page.getByText(/^not a network such as/).waitFor();
    await page.getByLabel("Networks").fill("192.0.2.0/24, 2001:db8::/32");
    await assertAccessible(page);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "I have copied it" }).click();
    await keyRow(page, "Auditor").getByText("192.0.2.0/24, 2001:db8::/32").waitFor();
    await keyRow(page, "Auditor").getByText("never yet").waitFor();
    const { items } = await read("/v1/keys?tenant=contoso");
    const made = items.find((/** @type {any} */ { name, role }) => name === "Auditor" && role === "viewer");
    assert.equal(made.expires_at, rfc3339(at(`${lastDay}T00:00:00Z`) + 24 * 3600));
    await shoot(page, "operator-bounded");
    await page.getByLabel("Search").fill("auditor");
    await keyRow(page, /^Contoso's own/).waitFor({ state: "detached" });
  });

  test("a baseline is read as a table, and goes back to an earlier version", async (t) => {
    const { baseline } = await read("/v1/baselines/microsoft");
    const later = { effective: "2099-03-01", products: { "Exchange Server SE": { max_lag_days: 60 } } };
    const body = { ...baseline, editions: [...baseline.editions, later] };
    assert.equal((await client.ask("PUT", "/v1/baselines/microsoft", { body })).status, 200);
    const page = await open(t, { server: dev.url, at: "/operator?part=facts" });
    await page.getByRole("button", { name: "microsoft", exact: true }).click();
    const edition = page.getByRole("table", { name: "microsoft from 1 Mar 2099" });
    assert.deepEqual(await edition.getByRole("row").allTextContents(), [
      "Exchange Server SEout of date once a newer security update of its cumulative update has been public for 60 days",
    ]);
    const first = page.getByRole("table", { name: "microsoft from 23 Jun 2023" });
    await page.getByText(/^\d+ earlier editions$/).click();
    await first.getByRole("row", { name: "Exchange Server 2007 out of date, whatever the build" }).waitFor();
    await page.getByRole("button", { name: "Go back to an earlier version of microsoft" }).click();
    const sure = dialog(page, "Baseline microsoft: go back");
    assert.equal(
      await sure.getByLabel("Go back to").locator("option:checked").textContent(),
      "the built-in version",
    );
    await sure.getByText(`${baseline.editions.length} editions; in force is the one of`).waitFor();
    await sure.getByRole("button", { name: "Put it in force" }).click();
    await page.getByText("Baseline microsoft: the built-in version is in force within 90 seconds.").waitFor();
    assert.deepEqual((await read("/v1/baselines/microsoft")).baseline, baseline);
  });

  test("the catalog tells its newest release, and goes back to an earlier version", async (t) => {
    const { catalog } = await read("/v1/catalog");
    const newer = {
      product: "Exchange Server SE",
      cu: "RTM",
      su: "Jan99SU",
      release_date: "2099-01-12",
      build: "15.2.2562.999",
    };
    const putting = await client.ask("PUT", "/v1/catalog", {
      body: { ...catalog, releases: [...catalog.releases, newer] },
    });
    assert.equal(putting.status, 200, putting.text);
    const page = await open(t, { server: dev.url, at: "/operator?part=facts" });
    const region = page.getByRole("region", { name: "Catalog of releases" });
    await region
      .getByText(/the newest is Exchange Server SE RTM Jan99SU of 12 Jan 2099, 15\.2\.2562\.999\./)
      .waitFor();
    await region
      .getByText(`${catalog.products.length} products, ${catalog.releases.length + 1} releases`)
      .waitFor();
    // an update that no server was seen to stamp is listed, since it obliges nobody
    const unseen = [...catalog.releases, newer].filter(
      (/** @type {any} */ { stamped, release_date }) => !stamped && release_date >= "2016",
    );
    assert.ok(unseen.length > 0);
    await region.getByText(`${unseen.length} releases not seen in mail yet`).click();
    const listed = region.getByRole("table", { name: "Releases whose number was not seen in mail" });
    await listed.getByRole("cell", { name: newer.build, exact: true }).waitFor();
    await region.getByRole("button", { name: "Go back to an earlier version" }).click();
    const sure = dialog(page, "Catalog: go back");
    await sure
      .getByText(`${catalog.products.length} products, ${catalog.releases.length} releases`)
      .waitFor();
    await sure.getByRole("button", { name: "Put it in force" }).click();
    await region.getByText(/^The built-in version is in force/).waitFor();
    assert.equal((await read("/v1/catalog")).version, 0);
  });

  test("the audit trail goes back page by page, and what others wrote stays text", {
    timeout: 60_000,
  }, async (t) => {
    const make = async (/** @type {string} */ name) => {
      const { json } = await client.ask("POST", "/v1/keys", { body: { role: "viewer", tenant: null, name } });
      return json.id;
    };
    const ids = [];
    for (let count = 0; count < 59; count += 1) ids.push(await make(`key ${count}`));
    // each waits until KV has confirmed it
    const revoked = await Promise.all(ids.map((id) => client.ask("DELETE", `/v1/keys/${id}`)));
    assert.ok(revoked.every(({ status }) => status === 204 || status === 202));
    await make(HOSTILE);
    const page = await open(t, { server: dev.url, at: "/operator" });
    await page.getByText(HOSTILE.replace(TURN, "⟨U+202E⟩")).first().waitFor();
    await page.getByRole("link", { name: "Audit", exact: true }).click();
    const table = page.getByRole("table", { name: "Changes for all tenants, newest first" });
    await table.getByText(HOSTILE.replace(TURN, "⟨U+202E⟩")).waitFor();
    assert.equal(await table.getAttribute("aria-rowcount"), "101");
    await page.getByRole("button", { name: "Show older changes" }).click();
    await page.waitForFunction(
      () => Number(document.querySelector("table")?.getAttribute("aria-rowcount")) > 121,
      undefined,
      POLLED,
    );
    await page.getByRole("button", { name: "Show older changes" }).waitFor({ state: "detached" });
    assert.equal(await page.title(), "Operator · Tidegate");
    assert.equal(await page.locator("img[src=x]").count(), 0);
  });
});
