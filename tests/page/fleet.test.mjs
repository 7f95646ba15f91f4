/** The list of all tenants, on a worker of its own: who needs somebody, found quickly, also among ten thousand. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import { csv } from "../../www/src/lib/csv.ts";
import { Client, event, received, rfc3339, until } from "../support/client.mjs";
import { now } from "../support/day.mjs";
import { startDev } from "../support/dev.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { inFrames, POLLED } from "./support/frames.mjs";
import { assertFits, LOOKS, open, shoot } from "./support/world.mjs";

const MINUTE = 60;
const DAY = 86_400;
const NOW = now();
/** Out of date by every edition of the baseline; newer than the catalog knows. */
const [OUTDATED, CURRENT] = ["15.0.1497.48", "15.2.2562.999"];
/** Columns to sort by, as the address and the page name them. */
const SORTS = [
  ["tenant", "Tenant"],
  ["mode", "Mode"],
  ["servers", "Servers"],
  ["updated", "Updated"],
  ["reject", "Rejected, 24 h"],
  ["worst", "Worst stage"],
];
const LONG = `a-tenant-of-sixty-three-characters-${"x".repeat(28)}`;

suite("the fleet", { timeout: 600_000 }, () => {
  /** @type {import("../support/dev.mjs").Dev} */
  let dev;
  /** @type {Client} */
  let client;

  before(
    async () => {
      dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
      client = new Client(dev);
    },
    { timeout: 120_000 },
  );
  after(() => dev?.stop());

  test("where there is no tenant yet the page says how to begin", async (t) => {
    const page = await open(t, { server: dev.url });
    await page.getByText("There is no tenant yet.").waitFor();
    await shoot(page, "fleet-empty");
    await assertAccessible(page);
  });

  test("tenants come to where they stand by mail alone", { timeout: 120_000 }, async () => {
    await live("blocked", { mode: "enforce" }, 100, OUTDATED);
    await live("throttled", { mode: "enforce" }, 45, OUTDATED);
    await live("reported", { mode: "report" }, 100, OUTDATED);
    await live("paused", { mode: "enforce" }, 55, OUTDATED);
    await live("patched", { mode: "enforce" }, 3, CURRENT);
    await client.putPolicy(LONG, { mode: "off" });
    const pause = { days: 5, reason: "Moving house" };
    const { status } = await client.ask("POST", "/v1/tenants/paused/pauses", { body: pause });
    assert.equal(status, 201);
    await until(
      "the list shows them all",
      async () => {
        const { items } = (await client.ask("GET", "/v1/tenants")).json;
        const found = (/** @type {string} */ id) =>
          items.find((/** @type {any} */ item) => item.tenant === id);
        return (
          items.length === 6 && found("paused").paused_until !== null && found("blocked").last_day.reject > 0
        );
      },
      { ms: 30_000, every: 250 },
    );
  });

  /**
   * A tenant whose one server has been there for some days, and has sent a message every five minutes of an hour of the
   * last day.
   * @param {string} tenant
   * @param {object} policy
   * @param {number} days
   * @param {string} build
   */
  async function live(tenant, policy, days, build) {
    const start = NOW - days * DAY;
    await client.putPolicy(tenant, policy, { now: start });
    const hour = Math.floor(NOW / 3600) * 3600 - 5 * 3600;
    const moments = [start, start + MINUTE];
    for (let day = 15; day < days; day += 15) moments.push(start + day * DAY);
    for (let minute = 0; minute < 60; minute += 5) moments.push(hour + minute * MINUTE);
    for (const now of moments) {
      const header = received({ host: `MX1.${tenant}.com`, build, now });
      const { recorded } = await client.decide(
        event({ tenant, event_id: `${tenant}-${now}`, record: "sync", header }),
        { now },
      );
      assert.equal(recorded, true);
    }
    await client.tick(tenant, { now: NOW });
  }

  /** @param {import("playwright-core").Page} page */
  const names = (page) => page.getByRole("rowheader").allTextContents();
  /** @param {import("playwright-core").Page} page @param {string} tenant */
  const row = (page, tenant) =>
    page.getByRole("row").filter({ has: page.getByRole("link", { name: tenant, exact: true }) });

  /** Those that say how it stands. @param {import("playwright-core").Page} page @param {string} tenant */
  const cellsOf = async (page, tenant) => {
    const texts = await row(page, tenant).getByRole("cell").allTextContents();
    const standing = [...texts.slice(0, 3), ...texts.slice(4, 6)];
    return standing.map((text) => text.replaceAll("\u00a0", " "));
  };

  for (const { width, theme } of LOOKS) {
    test(`the sentence that matters, and the worst tenants first: ${width} px, ${theme}`, async (t) => {
      const page = await open(t, { server: dev.url, width, theme });
      await page
        .getByText(
          "4 of 6 tenants have out-of-date servers; 1 has reached a blocking stage, 1 a throttling one.",
        )
        .waitFor();
      assert.deepEqual(await names(page), ["blocked", "reported", "paused", "throttled", "patched", LONG]);
      await shoot(page, `fleet-${width}-${theme}`);
      await assertAccessible(page);
      await assertFits(page);
      await page.getByRole("button", { name: "Add a tenant" }).click();
      await page.getByRole("dialog").waitFor();
      await shoot(page, `fleet-add-${width}-${theme}`);
      await assertAccessible(page);
    });
  }

  test("each row says what becomes of mail now, and what would", async (t) => {
    const page = await open(t, { server: dev.url });
    const says = async (/** @type {string} */ tenant, /** @type {string[]} */ cells) =>
      assert.deepEqual(await cellsOf(page, tenant), cells);
    await row(page, "blocked").waitFor();
    await says("blocked", ["Enforce", "1 out of date", "Stage 8all rejected", "0", "12"]);
    await says("throttled", ["Enforce", "1 out of date", "Stage 310 min/h deferred", "2", "0"]);
    await says("reported", ["Report", "1 out of date", "Stage 8all would be rejected", "0", "12 would be"]);
    await says("paused", ["Enforce", "1 out of date", "Stage 4all accepted (paused)", "4", "0"]);
    await says("patched", ["Enforce", "1 current", "", "0", "0"]);
    await says(LONG, ["Off", "none yet", "", "0", "0"]);
  });

  test("a row tells when the first of its servers comes to its next stage, and which one", async (t) => {
    const page = await open(t, { server: dev.url, at: "/?sort=next" });
    const next = (/** @type {string} */ tenant) => row(page, tenant).getByRole("cell").nth(3);
    await row(page, "throttled").waitFor();
    assert.deepEqual((await names(page)).slice(0, 2), ["throttled", "paused"], "the nearest comes first");
    const at = await next("throttled").locator("time").getAttribute("datetime");
    assert.equal(at, rfc3339(NOW + 5 * DAY));
    for (const tenant of ["blocked", "reported", "patched", LONG]) {
      assert.equal(await next(tenant).textContent(), "", tenant);
    }
    await next("throttled").getByRole("link", { name: "mx1.throttled.com" }).click();
    await page.getByRole("heading", { level: 1, name: "MX1.throttled.com" }).waitFor();
  });

  test("search, mode and worst stage narrow the list, and the address keeps them", async (t) => {
    const page = await open(t, { server: dev.url });
    await page.getByLabel("Search").fill("ED");
    await page.getByText("5 of 6 tenants", { exact: true }).waitFor();
    await page.getByLabel("Mode").selectOption("enforce");
    await page.getByText("4 of 6 tenants", { exact: true }).waitFor();
    await page.getByLabel("Worst stage").selectOption({ label: "Throttled or blocked (3)" });
    assert.deepEqual(await names(page), ["blocked", "paused", "throttled"]);
    await page.waitForURL(/q=ED/i);
    await page.reload();
    await page.getByText("3 of 6 tenants", { exact: true }).waitFor();
    assert.deepEqual(await names(page), ["blocked", "paused", "throttled"]);
    await page.getByLabel("Search").fill("nobody");
    await page.getByRole("button", { name: "Show all tenants" }).click();
    await page.getByText("6 tenants", { exact: true }).waitFor();
    assert.equal(new URL(page.url()).hash, "#/");
  });

  test("every column sorts, by the keyboard too, and the address keeps it", async (t) => {
    const page = await open(t, { server: dev.url });
    await row(page, "blocked").waitFor();
    for (const label of [
      "Tenant",
      "Mode",
      "Servers",
      "Worst stage",
      "Next change",
      "Deferred, 24 h",
      "Rejected, 24 h",
      "Paused until",
      "Updated",
    ]) {
      const heading = page.getByRole("columnheader", { name: label });
      const was = await heading.getAttribute("aria-sort");
      await heading.getByRole("button").press("Enter");
      await page.waitForFunction(
        ([label, was]) =>
          [...document.querySelectorAll("th[aria-sort]")].some(
            (th) => th.textContent?.startsWith(String(label)) && th.getAttribute("aria-sort") !== was,
          ),
        [label, was],
        POLLED,
      );
    }
    await page.getByRole("columnheader", { name: "Tenant" }).getByRole("button").click();
    const ascending = [LONG, "blocked", "patched", "paused", "reported", "throttled"];
    assert.deepEqual(await names(page), ascending);
    await page.reload();
    await row(page, "blocked").waitFor();
    assert.deepEqual(await names(page), ascending);
    await page.getByRole("columnheader", { name: "Rejected" }).getByRole("button").click();
    await page.getByRole("columnheader", { name: "Rejected" }).getByRole("button").click();
    assert.deepEqual((await names(page)).slice(0, 2), ["blocked", "reported"]);
  });

  test("the file has the tenants that are shown, in their order, and runs nothing", async (t) => {
    const page = await open(t, { server: dev.url, at: "/?worst=block&sort=tenant" });
    await row(page, "blocked").waitFor();
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download CSV" }).click();
    const file = await coming;
    assert.equal(file.suggestedFilename(), "tidegate-tenants.csv");
    const lines = (await readFile(await file.path(), "utf8")).split("\r\n");
    assert.match(lines[0] ?? "", /^tenant,mode,effective_mode,servers_out_of_date,/);
    assert.match(lines[1] ?? "", /^blocked,enforce,enforce,1,0,0,8,0,60,,,0,0,12,0,0,,20/);
    assert.match(lines[2] ?? "", /^reported,report,report,1,0,0,8,0,60,,,12,0,0,0,12,,20/);
    assert.equal(lines.length, 4);
    const cells = await csv([["=1+1", "+1", "-1", "@x", "\tx", '\r"', "a=b", -1, null]]).text();
    assert.equal(cells, `'=1+1,'+1,'-1,'@x,'\tx,"'\r""",a=b,-1,\r\n`);
  });

  test("a new tenant's id is checked, and its policy comes next", async (t) => {
    const page = await open(t, { server: dev.url });
    await page.getByRole("button", { name: "Add a tenant" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a tenant" });
    await dialog.getByLabel("Id").fill("No Such Id");
    await page.keyboard.press("Enter");
    await dialog.getByLabel("Id").and(page.locator(":focus:invalid")).waitFor();
    await dialog.getByLabel("Id").fill("blocked");
    await dialog.getByText("There is such a tenant already.").waitFor();
    await dialog.getByRole("link", { name: "Go to blocked" }).waitFor();
    await dialog.getByLabel("Id").fill("newcomer");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/tenants\/newcomer\/policy$/);
    await page.getByRole("heading", { level: 1, name: "newcomer" }).waitFor();
  });

  test("who only reads sees all tenants and adds none", async (t) => {
    const body = { role: "viewer", tenant: null, name: "Helpdesk" };
    const { key } = (await client.ask("POST", "/v1/keys", { body })).json;
    const page = await open(t, { server: dev.url, key });
    await row(page, "blocked").waitFor();
    assert.equal(await page.getByRole("button", { name: "Add a tenant" }).count(), 0);
  });

  test("where the emergency brake holds all tenants the list says so first", async (t) => {
    const brake = (/** @type {string} */ mode) => client.ask("PUT", "/v1/control/mode", { body: { mode } });
    assert.equal((await brake("report")).status, 200);
    t.after(() => brake("enforce"));
    const page = await open(t, { server: dev.url });
    await page.getByText("The emergency brake holds all tenants at report:").waitFor();
    await page
      .getByText("4 of 6 tenants have out-of-date servers; none is being throttled or blocked.")
      .waitFor();
    const [mode, , worst] = await cellsOf(page, "blocked");
    assert.deepEqual([mode, worst], ["Enforceheld at report", "Stage 8all would be rejected"]);
    await shoot(page, "fleet-brake");
    await assertAccessible(page);
  });

  for (const width of [1280, 360]) {
    test(`ten thousand tenants come page by page and do not lag: ${width} px`, {
      timeout: 240_000,
    }, async (t) => {
      const page = await open(t, { server: dev.url, width, at: "/check", ownTimers: true });
      const tenants = manyTenants(10_000);
      let refused = false;
      let goOn = () => {};
      const halfway = new Promise((resolve) => {
        goOn = () => resolve(undefined);
      });
      await page.route("**/v1/tenants?*", async (route) => {
        const query = new URL(route.request().url()).searchParams;
        const start = Number(query.get("cursor") ?? 0);
        assert.equal(query.get("limit"), "1000");
        if (start === 5_000) await halfway;
        if (start === 8_000 && !refused) {
          refused = true;
          return route.fulfill({
            status: 503,
            json: { status: 503, title: "Unavailable", detail: "Not now." },
          });
        }
        const next = start + 1_000;
        return route.fulfill({
          json: { items: tenants.slice(start, next), next: next < tenants.length ? String(next) : null },
        });
      });
      await page.getByRole("link", { name: "Tenants" }).click();
      await page.getByText("5,000 tenants, more are being loaded …").waitFor();
      const section = page.getByRole("region", { name: "Tenants" });
      assert.equal(await section.getAttribute("aria-busy"), "true");
      goOn();
      await page.getByText("8,000 tenants", { exact: true }).waitFor();
      // it stands above the rows, which are still being laid out
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("10,000 tenants", { exact: true }).waitFor({ timeout: 60_000 });
      assert.equal(await section.getAttribute("aria-busy"), "false");

      await watchPaints(page);
      const word = [..."tenant-0777"];
      const keys = await bestOf(3, async () => {
        await page.getByLabel("Search").focus();
        for (const key of word) await press(page, key);
        await page.getByText("10 of 10,000 tenants").waitFor();
        for (const _ of word) await press(page, "Backspace");
        await page.getByText("10,000 tenants", { exact: true }).waitFor();
        return takePaints(page, "input", 2 * word.length);
      });
      const sorts = await bestOf(3, async () => {
        const times = [];
        for (const [id, label] of SORTS) {
          if (width > 1000) await page.getByRole("columnheader", { name: label }).getByRole("button").click();
          else await page.getByLabel("Sort by").selectOption(id);
          times.push(...(await takePaints(page, width > 1000 ? "click" : "change", 1)));
        }
        return times;
      });
      const { frames, blank, rows } = await scrollThrough(page);
      t.diagnostic(`${width} px: from key to paint ${told(keys)}; from sort to paint ${told(sorts)}`);
      t.diagnostic(
        `${frames} screens scrolled, ${blank} with a blank row, at most ${rows} rows in the document`,
      );
      assert.equal(blank, 0);
      assert.ok(rows < 100);
      await shoot(page, `fleet-many-${width}`, { whole: false });
      await assertAccessible(page);
    });
  }
});

/** @param {number} count */
function manyTenants(count) {
  const stages = [null, [1, 0, 0], [3, 10, 0], [6, 30, 10], [8, 0, 60]].map(
    (stage) => stage && { number: stage[0], throttle_minutes: stage[1], block_minutes: stage[2] },
  );
  return Array.from({ length: count }, (_, index) => {
    const worst_stage = stages[index % 7] ?? null;
    const [enforce, report] = [index % 3 === 0, index % 3 === 1];
    return {
      tenant: `tenant-${String(index).padStart(5, "0")}.example.com`,
      mode: enforce ? "enforce" : report ? "report" : "off",
      servers: { current: index % 13, out_of_date: worst_stage ? 1 + (index % 5) : 0, unknown: index % 4 },
      worst_stage,
      next_change: null,
      last_day: {
        accept: index,
        defer: enforce ? index % 17 : 0,
        reject: enforce ? index % 11 : 0,
        would_defer: report ? index % 19 : 0,
        would_reject: report ? index % 7 : 0,
      },
      paused_until: index % 50 === 0 ? rfc3339(NOW + 9 * DAY) : null,
      updated_at: rfc3339(NOW - (index % 300)),
    };
  });
}

/** Notes how long it takes from each key, click and choice to the paint that shows what came of it. @param {import("playwright-core").Page} page */
async function watchPaints(page) {
  await page.evaluate(() => {
    /** @type {any} */ (globalThis).paints = [];
    for (const type of ["input", "click", "change"]) {
      const note = (/** @type {Event} */ event) => {
        requestAnimationFrame(() => {
          // what is posted in the frame comes after its paint
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () =>
            /** @type {any} */ (globalThis).paints.push([type, performance.now() - event.timeStamp]);
          port2.postMessage(null);
        });
      };
      addEventListener(type, note, true);
    }
  });
}

/**
 * The times of so many events, in milliseconds, once they are there; no longer noted then.
 * @param {import("playwright-core").Page} page
 * @param {string} type
 * @param {number} count
 * @returns {Promise<number[]>}
 */
async function takePaints(page, type, count) {
  await page.waitForFunction(
    ([type, count]) =>
      /** @type {any} */ (globalThis).paints.filter((/** @type {any} */ [of]) => of === type).length >= count,
    /** @type {const} */ ([type, count]),
    POLLED,
  );
  const paints = await page.evaluate(() => /** @type {any} */ (globalThis).paints.splice(0));
  const times = paints
    .filter((/** @type {any} */ [of]) => of === type)
    .map((/** @type {any} */ [, ms]) => ms);
  assert.equal(times.length, count);
  return times;
}

/**
 * Each step's best time of several rounds: what the page needs, whatever else the machine does meanwhile.
 * @param {number} rounds
 * @param {() => Promise<number[]>} measure the steps' times, always as many
 */
async function bestOf(rounds, measure) {
  let best = await measure();
  for (let round = 1; round < rounds; round += 1) {
    const times = await measure();
    best = best.map((time, step) => Math.min(time, times[step] ?? time));
  }
  return best;
}

/** One key, and the paint that follows it. @param {import("playwright-core").Page} page @param {string} key */
async function press(page, key) {
  await page.keyboard.press(key);
  await inFrames(page, () => afterPaint());
}

/** A screen and a half every frame; looks at three heights of each whether a row is there. @param {import("playwright-core").Page} page */
async function scrollThrough(page) {
  return inFrames(
    page,
    async () => {
      const body = document.querySelector("tbody");
      scrollTo(0, 0);
      await afterPaint();
      scrollTo(0, (body?.getBoundingClientRect().top ?? 0) + 1);
      let [frames, blank, rows] = [0, 0, 0];
      while (frames < 250) {
        scrollBy(0, innerHeight * 1.5);
        await afterPaint();
        frames += 1;
        rows = Math.max(rows, document.querySelectorAll("tbody tr").length);
        const heights = [60, innerHeight / 2, innerHeight - 4];
        if (
          heights.some((y) => !document.elementFromPoint(innerWidth / 2, y)?.closest("tbody tr:not(.space)"))
        )
          blank += 1;
      }
      return { frames, blank, rows };
    },
    undefined,
    { ms: 60_000 },
  );
}

/** @param {number[]} times */
function median(times) {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** @param {number[]} times */
function told(times) {
  return `${Math.round(median(times))} ms in the middle, ${Math.round(Math.max(...times))} ms at most, of ${times.length}`;
}
