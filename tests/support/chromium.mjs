/** The browser of the tests: Chromium without a window where Debian has it apart, since it starts and draws in half the time. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
/** As root, and without a word to anybody. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts it; `CHROMIUM` in the environment names another one. Whoever starts it closes it. */
export function launchChromium() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path));
  if (!executablePath || !existsSync(executablePath))
    throw new Error(`${executablePath ?? "Chromium"} is missing: tools/browser.sh installs it`);
  return chromium.launch({ executablePath, args: ARGUMENTS });
}
