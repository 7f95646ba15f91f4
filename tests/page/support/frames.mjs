/**
 * Frames of the browser's own. A page that the browser holds for hidden gets none, for good, and what awaits one would
 * wait without end: here nothing waits longer than `FRAME_MS`, and such a page is brought to the front.
 */

import { setTimeout } from "node:timers/promises";

/** Beyond this no frame comes any more. */
const FRAME_MS = 3_000;
const ATTEMPTS = 3;
const NONE = "no frame came";

/** How `waitForFunction` asks: by default it does with each frame. */
export const POLLED = { polling: 50 };

/**
 * Gives pages `nextFrame()`, the moment of the next animation frame, and `afterPaint()`, by the browser's own timers
 * whatever clock the page is given later.
 * @param {import("playwright-core").BrowserContext} context
 */
export async function offerFrames(context) {
  await context.addInitScript(
    ([ms, none]) => {
      const [request, cancel] = [requestAnimationFrame.bind(window), cancelAnimationFrame.bind(window)];
      const [start, stop] = [setTimeout.bind(window), clearTimeout.bind(window)];
      const nextFrame = () =>
        new Promise((resolve, reject) => {
          const id = request((moment) => {
            stop(timer);
            resolve(moment);
          });
          const timer = start(() => {
            cancel(id);
            reject(new Error(`${none} within ${ms} ms; the page is ${document.visibilityState}`));
          }, ms);
        });
      const afterPaint = () => nextFrame().then(() => new Promise((resolve) => start(resolve)));
      Object.assign(window, { nextFrame, afterPaint });
    },
    /** @type {const} */ ([FRAME_MS, NONE]),
  );
}

/**
 * Runs `body` in the page as `page.evaluate` does; it may await frames. Where none comes, or no answer within `ms` (the
 * timers of a page that is held stand still too), the page is brought to the front and `body` runs once more.
 * @template Argument, Result
 * @param {import("playwright-core").Page} page
 * @param {(argument: Argument) => Promise<Result>} body
 * @param {Argument} [argument]
 * @param {{ ms?: number }} [options]
 * @returns {Promise<Result>}
 */
export async function inFrames(page, body, argument, { ms = 3 * FRAME_MS } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const end = new AbortController();
    const late = setTimeout(ms, undefined, { signal: end.signal }).then(() => {
      throw new Error(`${NONE}, nor an answer within ${ms} ms`);
    });
    try {
      // @ts-expect-error its own types are stricter
      return await Promise.race([page.evaluate(body, argument), late]);
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes(NONE)) throw error;
      console.log(`page: ${String(error).split("\n")[0]}; it is brought to the front`);
      await bringToFront(page);
    } finally {
      late.catch(() => {});
      end.abort();
    }
  }
}

/** @param {import("playwright-core").Page} page */
async function bringToFront(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await session.detach();
  await page.bringToFront();
}
