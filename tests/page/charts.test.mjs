/** Charts: told apart by everybody, read and zoomed by mouse, by touch and by keyboard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { coloursOf, contrast } from "./support/png.mjs";
import { open, shoot, TENANT } from "./support/world.mjs";

const SERVER = `/tenants/${TENANT}/servers/ex02.contoso.com`;
const CHARTS = [
  { name: "days", at: `/tenants/${TENANT}`, outcomes: ["accept", "defer", "reject"] },
  { name: "stages", at: SERVER, outcomes: ["defer", "reject"] },
  { name: "hour", at: SERVER, outcomes: ["accept", "defer", "reject"] },
];

for (const { name, at, outcomes } of CHARTS) {
  for (const theme of ["light", "dark"]) {
    test(`outcomes stand out from each other and from the paper: ${name}, ${theme}`, async (t) => {
      const page = await open(t, { at, theme });
      const chart = page.locator(`.${name} .chart-svg`);
      await chart.waitFor();
      const colours = coloursOf(
        await chart.screenshot({ path: `target/screenshots/chart-${name}-${theme}.png` }),
      );
      const [paper, ...marks] = await page.evaluate(
        (names) => {
          const probe = document.body.appendChild(document.createElement("p"));
          return names.map((name) => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color.replace(/^rgb\(|\)$|\s/g, "");
          });
        },
        ["paper", ...outcomes],
      );
      for (const colour of [paper, ...marks])
        assert.ok((colours.get(String(colour)) ?? 0) > 40, `${colour} is painted`);
      // accepted mail is an outline: what lies within is the paper
      const filled = [paper, ...marks.filter((_, index) => outcomes[index] !== "accept")];
      for (const one of filled)
        for (const other of [paper, ...marks]) {
          const apart = outcomes[marks.indexOf(other)] === "accept" && one !== paper;
          if (one === other || apart) continue;
          assert.ok(contrast(String(one), String(other)) >= 3, `${one} and ${other}`);
        }
    });
  }
}

test("where colours are forced, fillings tell outcomes apart", async (t) => {
  const page = await open(t, { at: SERVER });
  await page.emulateMedia({ forcedColors: "active" });
  await page.locator(".stages .chart-svg").waitFor();
  const fills = await page
    .locator(".stages .chart-svg > g > g > rect")
    .evaluateAll((rects) => [...new Set(rects.map((rect) => rect.getAttribute("fill")?.replace(/.*-/, "")))]);
  assert.ok(
    ["defer)", "reject)", "would_defer)", "would_reject)"].every((fill) => fills.includes(fill)),
    `${fills}`,
  );
  await shoot(page, "charts-forced-colours");
});

test("a part of the way up is shown alone by dragging and by keyboard, and all of it again", async (t) => {
  const page = await open(t, { at: SERVER });
  const ticks = () => page.locator(".stages .chart-tick text").allTextContents();
  const over = page.locator(".stages .chart-over");
  await over.waitFor();
  const all = await ticks();
  const box = await over.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 3 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Show all" }).waitFor();
  assert.notDeepEqual(await ticks(), all);
  await shoot(page, "charts-zoomed");
  await page.getByRole("button", { name: "Show all" }).click();
  assert.deepEqual(await ticks(), all);
  await page.getByRole("slider", { name: "Stage" }).focus();
  for (const key of ["Home", "ArrowRight", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.getByRole("button", { name: "Show all" }).waitFor();
  await page.getByRole("slider", { name: "Stage" }).focus();
  await page.keyboard.press("Escape");
  assert.deepEqual(await ticks(), all);
});

test("a finger reads a day, and chooses days by drawing across them", async (t) => {
  const page = await open(t, { at: `/tenants/${TENANT}`, width: 360 });
  const over = page.locator(".days .chart-over");
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  assert.ok(box);
  const session = await page.context().newCDPSession(page);
  const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number} */ share) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [{ x: box.x + box.width * share, y: box.y + 50 }],
    });
  await touch("touchStart", 0.5);
  await touch("touchEnd", 0.5);
  await page.locator(".days .chart-reading").getByText("accepted").waitFor();
  await touch("touchStart", 0.3);
  for (const share of [0.35, 0.45, 0.6]) await touch("touchMove", share);
  await touch("touchEnd", 0.6);
  await page.waitForURL((url) => url.hash.includes("from=") && url.hash.includes("to="));
});
