/**
 * The page as users meet it: the built page and worker under wrangler, with the demo's 120 days, in Debian's Chromium.
 * The test files of one process share it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchChromium } from "../../support/chromium.mjs";
import { Client, rfc3339 } from "../../support/client.mjs";
import { now, nowMs } from "../../support/day.mjs";
import { startDev } from "../../support/dev.mjs";
import { offerFrames } from "./frames.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SHOTS = `${ROOT}target/screenshots`;

export const TENANT = "contoso";
export const LOOKS = [
  { width: 1280, theme: "light" },
  { width: 1280, theme: "dark" },
  { width: 360, theme: "light" },
  { width: 360, theme: "dark" },
];

/**
 * @typedef {object} World
 * @property {string} url
 * @property {string} adminKey
 * @property {Client} client asks the API as the admin
 * @property {import("playwright-core").Browser} browser
 * @property {Record<"viewer" | "operator" | "fleet", string>} keys of the demo's tenant, and a viewer's of all tenants
 */

/** @type {Promise<World> | undefined} */
let starting;
/** @type {(() => Promise<unknown>)[]} */
const endings = [];
/** What the pages' security policy stopped, over all tests. */
export const violations = /** @type {string[]} */ ([]);

before(() => world(), { timeout: 600_000 });
after(async () => {
  for (const end of endings.reverse()) await end();
  console.log(`page: ${violations.length} violations of the content security policy`);
  assert.deepEqual(violations, []);
});

/** Starts what runs once for all tests. */
export function world() {
  starting ??= start();
  return starting;
}

async function start() {
  mkdirSync(SHOTS, { recursive: true });
  const dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  endings.push(() => dev.stop());
  await promisify(execFile)(process.execPath, [`${ROOT}tools/demo.mjs`, dev.url, dev.key, rfc3339(now())]);
  const browser = await launchChromium();
  endings.push(() => browser.close());
  const client = new Client(dev);
  /** @param {object} key */
  const make = async (key) => (await client.ask("POST", "/v1/keys", { body: key })).json.key;
  const keys = {
    viewer: await make({ role: "viewer", tenant: TENANT, name: "Reader" }),
    operator: await make({ role: "operator", tenant: TENANT, name: "Contoso's own" }),
    fleet: await make({ role: "viewer", tenant: null, name: "Helpdesk" }),
  };
  return { url: dev.url, adminKey: dev.key, client, browser, keys };
}

/**
 * Opens the page in a window of its own, which the test's end closes. What the console says of errors fails the test.
 * @param {import("node:test").TestContext} test
 * @param {{ at?: string, key?: string | null, width?: number, height?: number, theme?: string, zone?: string,
 *   server?: string, ownTimers?: boolean, prepare?: (page: import("playwright-core").Page) => Promise<unknown> }} [options]
 *   `at`: the address behind `#`; `key`: signs in with it, the admin's by default, null: not at all; `server`: another
 *   worker than the shared one; `ownTimers`: the page keeps the browser's timers and with them the machine's day, for what
 *   measures frames; `prepare`: what is done before the page is opened
 * @returns {Promise<import("playwright-core").Page>}
 */
export async function open(test, options = {}) {
  const {
    at = "/",
    key,
    width = 1280,
    height = 900,
    theme = "light",
    zone,
    server,
    ownTimers,
    prepare,
  } = options;
  const { browser, url, adminKey } = await world();
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme === "dark" ? "dark" : "light",
    timezoneId: zone ?? "Europe/Berlin",
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const errors = /** @type {string[]} */ ([]);
  test.after(async () => {
    await context.close();
    assert.deepEqual(errors, [], "the console has no errors");
  });
  await offerFrames(context);
  if (!ownTimers) await context.clock.install({ time: nowMs() });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.exposeFunction("tellViolation", (/** @type {string} */ text) => violations.push(text));
  await page.addInitScript(
    (kept) => {
      if (kept !== null && sessionStorage.getItem("tidegate.key") === null)
        sessionStorage.setItem("tidegate.key", kept);
      document.addEventListener("securitypolicyviolation", (event) => {
        // @ts-expect-error exposed above
        tellViolation(
          `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
        );
      });
    },
    key === undefined ? adminKey : key,
  );
  page.on("pageerror", (error) => errors.push(error.stack ?? String(error)));
  page.on("console", (said) => {
    // the browser's own words on an answer that is no success: the page's are what tests look at
    const own = said.text().startsWith("Failed to load resource:");
    if (said.type() === "error" && !own) errors.push(said.text());
  });
  await prepare?.(page);
  await page.goto(`${server ?? url}/#${at}`);
  return page;
}

/**
 * A picture of the page in target/screenshots.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {{ whole?: boolean }} [options] false: of what is in sight alone, for pages without end
 */
export async function shoot(page, name, { whole = true } = {}) {
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: whole });
}

/**
 * Fails where the page can be scrolled sideways.
 * @param {import("playwright-core").Page} page
 */
export async function assertFits(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `scrolls sideways: ${content} px on ${screen}`);
}
