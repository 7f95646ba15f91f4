/** What the page's process needs, and whether its reader has to wait. */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { world } from "./world.mjs";

/**
 * Watches the processes in which pages run until it is told to stop, and says how much the largest one needed: its own
 * memory, which Chromium calls footprint (anonymous pages: the page, its workers and WebAssembly, not the browser's
 * code), and its resident set.
 * @param {import("node:test").TestContext} test
 */
export async function watchMemory(test) {
  const { browser } = await world();
  const session = await browser.newBrowserCDPSession();
  const most = { footprint: 0, resident: 0 };
  let running = true;
  const watching = (async () => {
    while (running) {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      for (const { id } of processInfo.filter(({ type }) => type === "renderer")) {
        const { footprint, resident } = memory(id);
        most.footprint = Math.max(most.footprint, footprint);
        most.resident = Math.max(most.resident, resident);
      }
      await setTimeout(20);
    }
    await session.detach();
  })();
  const stop = async () => {
    running = false;
    await watching;
    return most;
  };
  test.after(stop);
  return stop;
}

/**
 * Octets, from Linux; none of a process that is gone.
 * @param {number} id
 */
function memory(id) {
  let status = "";
  try {
    status = readFileSync(`/proc/${id}/status`, "utf8");
  } catch {}
  const octets = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { footprint: octets("RssAnon") + octets("VmSwap"), resident: octets("VmRSS") };
}

/**
 * From now on notes how long the page's thread was busy at a stretch, and how far apart frames were.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<() => Promise<{ busy: number, frame: number }>>} milliseconds, the longest of each
 */
export async function watchThread(page) {
  await page.evaluate(() => {
    const longest = { busy: 0, frame: 0 };
    Object.assign(window, { longest });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest.busy = Math.max(longest.busy, duration);
    }).observe({ type: "longtask" });
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      longest.frame = Math.max(longest.frame, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  // @ts-expect-error put there above
  return () => page.evaluate(() => window.longest);
}

/**
 * How many values a progress bar shows from now on.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<() => Promise<number>>}
 */
export async function watchProgress(page) {
  await page.evaluate(() => {
    const values = new Set();
    Object.assign(window, { values });
    new MutationObserver(() => {
      const bar = document.querySelector("progress");
      if (bar) values.add(bar.value);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  // @ts-expect-error put there above
  return () => page.evaluate(() => window.values.size);
}
