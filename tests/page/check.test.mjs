import assert from "node:assert/strict";
import { appendFileSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { msg, zip } from "../check/support/files.mjs";
import { sample } from "../support/samples.mjs";
import { assertAccessible } from "./support/axe.mjs";
import { drop, file, folder } from "./support/files.mjs";
import { inFrames } from "./support/frames.mjs";
import { manyServers, writeMailbox } from "./support/mailbox.mjs";
import { watchMemory, watchProgress, watchThread } from "./support/vitals.mjs";
import { LOOKS, open, shoot } from "./support/world.mjs";

const MEGABYTE = 1_000_000;
/** Exchange Server 2016 CU23 Aug25SU, and SE Sep26SU */
const [OLD, NEW] = [sample(6), sample(1)];
const MESSAGE = `${NEW.header}${OLD.header}From: a@example.com\r\nSubject: Hello\r\n\r\nHello.\r\n`;
const NOTHING = "From: a@example.com\r\nTo: b@example.org\r\nSubject: Hello\r\n";

/** @param {string} by */
const received = (by) =>
  `Received: from a (10.0.0.9) by ${by} (10.0.0.5) with\n Microsoft SMTP Server id 15.1.2507.39; Fri, 6 Nov 2026 11:10:51 -0400\n`;

/**
 * Opens the view and waits until it has all it needs.
 * @param {import("node:test").TestContext} t
 * @param {Parameters<typeof open>[1]} [options]
 */
async function openCheck(t, options = {}) {
  const page = await open(t, { at: "/check", key: null, ...options });
  await page.getByRole("heading", { name: "Check a header" }).waitFor();
  await page.waitForLoadState("networkidle");
  return page;
}

/** @typedef {import("playwright-core").Page} Page */

/**
 * Gives the page a file by its button.
 * @param {Page} page
 * @param {string} path
 */
async function choose(page, path) {
  const picking = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose a file" }).press("Enter");
  await (await picking).setFiles(path);
}

/**
 * @param {Page} page
 * @param {string} text
 */
async function check(page, text) {
  await page.getByLabel("Header of a message").fill(text);
  await page.getByRole("button", { name: "Check", exact: true }).click();
}

/**
 * @param {Page} page
 * @param {string | RegExp} sentence
 */
async function answers(page, sentence, timeout = 15_000) {
  await page.getByRole("heading", { name: sentence }).waitFor({ timeout });
}

/** @param {Page} page */
async function exported(page) {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export CSV" }).click(),
  ]);
  return readFileSync(await download.path(), "utf8");
}

/** @param {number} octets */
function megabytes(octets) {
  return `${Math.round(octets / MEGABYTE)} MB`;
}

/** @param {Page} page */
async function assertFits(page) {
  const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(scrolls, false, "scrolls sideways");
}

for (const { width, theme } of LOOKS) {
  test(`a pasted header is explained hop by hop, with its evidence and dates: ${width} px, ${theme}`, async (t) => {
    const page = await openCheck(t, { width, theme });
    await shoot(page, `check-empty-${width}-${theme}`);
    await assertAccessible(page);
    await assertFits(page);

    await page.getByRole("button", { name: "Try it with an example" }).click();
    await answers(page, "1 of 2 Exchange servers in this message is out of date.");
    const row = page.getByRole("row", { name: /chn-vm-ex03/ });
    await row.getByText("15.1.2507.61").waitFor();
    await row.getByText("Exchange 2016 CU23 Aug25SU").waitFor();
    await row.getByText("Some deferred").waitFor();
    await page.getByRole("button", { name: /chn-vm-ex03/ }).press("Enter");
    for (let stage = 1; stage <= 8; stage += 1)
      await page.getByText(`Stage ${stage}`, { exact: true }).waitFor();
    const marked = page.locator(".check-detail mark");
    assert.match(
      (await marked.textContent()) ?? "",
      /^by chn-vm-ex03\.mchp-main\.com .* id 15\.1\.2507\.58/s,
    );
    const hops = page.getByRole("list", { name: "How the message came" }).getByRole("listitem");
    assert.deepEqual(
      (await hops.getByRole("heading").allInnerTexts()).map((name) => name.split(".")[0]),
      ["chn-vm-ex4", "chn-vm-ex03"],
      "newest first",
    );
    await shoot(page, `check-example-${width}-${theme}`);
    await assertAccessible(page);
    await assertFits(page);
  });

  test(`a mailbox is listed server by server: ${width} px, ${theme}`, async (t) => {
    const page = await openCheck(t, { width, theme });
    const path = join(folder(t), "archive.mbox");
    const written = writeMailbox(path, 5 * MEGABYTE);
    await choose(page, path);
    await answers(
      page,
      new RegExp(`^\\d+ of ${written.servers.size} Exchange servers in this mailbox are out of date\\.`),
    );
    await page.getByText(`archive.mbox: ${written.messages} messages`).waitFor();
    await shoot(page, `check-mailbox-${width}-${theme}`);
    await assertAccessible(page);
    await assertFits(page);
  });
}

test("what is pasted is answered at once, and the reader stays in the text", async (t) => {
  const page = await openCheck(t);
  const box = page.getByLabel("Header of a message");
  await box.focus();
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text", text);
    const pasted = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    if (document.activeElement?.dispatchEvent(pasted)) document.execCommand("insertText", false, text);
  }, MESSAGE);
  await answers(page, "1 of 2 Exchange servers in this message is out of date.");
  assert.equal(await box.evaluate((element) => element === document.activeElement), true);
});

test("a message dropped anywhere on the page is checked, over a target that can be seen", async (t) => {
  const page = await openCheck(t);
  const path = file(t, "message.eml", MESSAGE);
  await drop(page, [path], async () => {
    await page.getByText("Drop the file to check it.").waitFor();
    await shoot(page, "check-drop");
  });
  await answers(page, "1 of 2 Exchange servers in this message is out of date.");
  assert.equal(await page.getByText("Drop the file to check it.").count(), 0);
  await drop(page, [path, path]);
  await page.getByText("Drop one file at a time.").waitFor();
  await drop(page, [folder(t)]);
  await page.getByText("That is a folder").waitFor();
});

test("another baseline judges at once what was read, without the file", async (t) => {
  const page = await openCheck(t);
  // later updates of its cumulative update have been seen stamped
  const path = file(t, "message.eml", NEW.header.replace(/\b15\.\d+\.\d+\.\d+/, "15.2.2562.45"));
  await choose(page, path);
  await answers(page, "The Exchange server in this message is up to date.");
  rmSync(path);
  await page.getByLabel("Baseline").selectOption("strict");
  await answers(page, "The Exchange server in this message is out of date.");
  await page.getByText("behind on security updates").first().waitFor();
  await page.getByLabel("Baseline").selectOption("microsoft");
  await answers(page, "The Exchange server in this message is up to date.");
});

test("the CSV has a row a server, and no cell that a spreadsheet would run", async (t) => {
  const page = await openCheck(t);
  const hostile =
    "Received: from a by -2+3.example (192.0.2.1) with Microsoft SMTP Server id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000\r\n".replace(
      "+3",
      "-3",
    );
  await check(page, `${hostile}${OLD.header}`);
  await answers(page, "Both Exchange servers in this message are out of date.");
  const lines = (await exported(page)).split("\r\n");
  assert.equal(lines.at(-1), "");
  assert.equal(lines.length, 4);
  assert.match(lines[0] ?? "", /^server,addresses,state,reason,build,.*,stage_1_from,.*,stage_8_from$/);
  assert.ok(
    lines.some((line) =>
      line.startsWith("'-2-3.example,192.0.2.1,out_of_date,behind_on_updates,15.1.2507.39,"),
    ),
  );
  assert.ok(lines.some((line) => line.startsWith("chn-vm-ex03.mchp-main.com,10.10.85.151,out_of_date,")));
});

test("what a sender wrote stays text", async (t) => {
  const page = await openCheck(t);
  const script = "<script>alert(1)</script><img src=x onerror=alert(1)>";
  const header = [
    "Received: from b (192.0.2.1) by EX01.example (10.0.0.1) with Microsoft SMTP Server id 15.1.2507.39;",
    " Mon, 7 Sep 2026 10:00:00 +0000",
    `Received: from <b> (${script}\u202e [192.0.2.1]) by relay.example with ESMTP id 1; Mon, 7 Sep 2026 10:00:00 +0000`,
    `Received: from x by ${script} with Microsoft SMTP Server id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000`,
    `Subject: ${script}\u202e`,
    "",
  ].join("\r\n");
  page.on("dialog", () => assert.fail("a sender's script ran"));
  await check(page, header);
  await answers(page, "The Exchange server in this message is out of date.");
  const hops = (await page.getByRole("list", { name: "How the message came" }).textContent()) ?? "";
  assert.ok(hops.includes(script), hops);
  assert.ok(hops.includes("⟨U+202E⟩"), "what turns text is written out");
  assert.equal(await page.locator("main script, main img").count(), 0);
  await assertAccessible(page);
});

test("nothing is asked of anybody while a header or a file is checked", async (t) => {
  const page = await open(t, { at: "/check", key: null });
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.reload();
  await page.getByRole("heading", { name: "Check a header" }).waitFor();
  await page.waitForLoadState("networkidle");
  assert.ok(
    asked.some((url) => url.endsWith(".wasm")),
    "what the worker fetches is seen",
  );
  asked.length = 0;
  await check(page, MESSAGE);
  await answers(page, "1 of 2 Exchange servers in this message is out of date.");
  const path = join(folder(t), "archive.mbox");
  writeMailbox(path, MEGABYTE);
  await choose(page, path);
  await answers(page, /Exchange servers in this mailbox/);
  await page.getByLabel("Baseline").selectOption("strict");
  await page.getByRole("button", { name: "MRN-EXCH-01.corp.yadro.com" }).click();
  await page.getByText("Its latest Received field").waitFor();
  assert.deepEqual(asked, []);
});

test("who finds nothing is told why, and what to do", async (t) => {
  const page = await openCheck(t);
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("Paste the header of a message, or choose a file.").waitFor();
  await check(page, NOTHING);
  await answers(page, "No Exchange server is shown by this message.");
  await page.getByText("It has no Received field").waitFor();
  const other =
    "Received: from a by b.example (Postfix) with ESMTP id 4B1F2C0A11; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
  await check(page, `${other}${NOTHING}`);
  await page.getByText("None of its hops is by Exchange.").waitFor();
  const cloud =
    "Received: from a by x.eurprd01.prod.outlook.com with mapi id 15.20.1.1; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
  await check(page, `${cloud}${NOTHING}`);
  await page.getByText("Exchange Online's own").first().waitFor();
  await assertAccessible(page);
  await shoot(page, "check-nothing");
});

test("a compressed mailbox and a message that Outlook saved are read where they are dropped", async (t) => {
  const page = await openCheck(t);
  const mailbox = ["EX01", "EX02"].map(
    (by) => `From a@example.com Fri Nov  6 11:10:51 2026\n${received(by)}\nbody\n`,
  );
  await drop(page, [file(t, "archive.mbox.gz", gzipSync(mailbox.join("\n")))]);
  await answers(page, "Both Exchange servers in this mailbox are out of date.");
  await drop(page, [file(t, "message.msg", msg(received("EX03")))]);
  await answers(page, "The Exchange server in this message is out of date.");
  await page
    .getByRole("list", { name: "How the message came" })
    .getByRole("heading", { name: "EX03" })
    .waitFor();
  await drop(page, [file(t, "mail.zip", zip([{ name: "1.eml", content: received("EX04") }]))]);
  await page
    .getByRole("list", { name: "How the message came" })
    .getByRole("heading", { name: "EX04" })
    .waitFor();
  // one that was appended to another
  await drop(page, [file(t, "two.gz", Buffer.concat(mailbox.map((one) => gzipSync(one))))]);
  await page.getByText("What is compressed in this file breaks off").waitFor();
  await page.getByText("in the part that was read").waitFor();
  await assertAccessible(page);
});

test("what is torn in pasted text is put together, and what cannot be read is not taken for another server's", async (t) => {
  const page = await openCheck(t);
  await check(page, received("EX01").replaceAll("\n ", "\n"));
  await answers(page, "The Exchange server in this message is out of date.");
  await page.getByText("Its lines were put in order first").waitFor();
  await check(page, received("EX01").replace("id 15.1.2507.39", "id fifteen (").concat(NOTHING));
  await page.getByText("cannot be read, so this does not show").waitFor();
  assert.equal(await page.getByText("None of its hops is by Exchange.").count(), 0);
});

test("files that cannot be read are named, with the way to the header", async (t) => {
  const page = await openCheck(t);
  for (const [name, content, advice] of /** @type {const} */ ([
    ["message.msg", msg(null), "This Outlook message (.msg) has no Internet header"],
    ["archive.pst", Buffer.from("2142444e4df864d9", "hex"), "This is a data file of Outlook (.pst, .ost)"],
    ["winmail.dat", Buffer.from("789f3e2200000106", "hex"), "This is winmail.dat"],
    ["archive.mbox.bz2", Buffer.from("425a683931415926", "hex"), "compressed or an archive"],
  ])) {
    await choose(page, file(t, name, content));
    await page.getByText(advice).waitFor();
  }
  await assertAccessible(page);
  await choose(page, file(t, "header.txt", Buffer.from(`\ufeff${MESSAGE}`, "utf16le")));
  await answers(page, "1 of 2 Exchange servers in this message is out of date.");
});

test("a mailbox of 200 MB is read while the page stays free, in less than 200 MB of memory", async (t) => {
  const path = join(folder(t), "archive.mbox");
  const written = writeMailbox(path, 200 * MEGABYTE);
  const page = await openCheck(t, { ownTimers: true });
  const memory = await watchMemory(t);
  const progress = await watchProgress(page);
  const thread = await watchThread(page);
  const start = performance.now();
  await choose(page, path);
  await answers(page, /Exchange servers in this mailbox are out of date/, 120_000);
  const seconds = (performance.now() - start) / 1_000;
  const { busy, frame } = await thread();
  t.diagnostic(
    `${megabytes(written.bytes)} in ${seconds.toFixed(1)} s, ${megabytes(written.bytes / seconds)}/s; ` +
      `the page's thread busy for ${Math.round(busy)} ms at most, frames ${Math.round(frame)} ms apart`,
  );
  assert.equal(page.workers().length, 1, "another thread reads");
  const { footprint, resident } = await memory();
  t.diagnostic(`memory ${megabytes(footprint)}; resident with the browser's own code ${megabytes(resident)}`);
  assert.ok(footprint < 200 * MEGABYTE, `${footprint} octets`);
  assert.ok((await progress()) > 2, "the bar moves");
  await page.getByText(`${written.messages.toLocaleString("en-GB")} messages`).waitFor();
  const found = (await exported(page)).split("\r\n").slice(1, -1);
  assert.deepEqual(found.map((line) => line.split(",")[0] ?? "").sort(), [...written.servers].sort());
});

/**
 * A mailbox whose last message goes on for long; the file system keeps nothing of that.
 * @param {import("node:test").TestContext} t
 * @param {number} bytes
 */
function writeLong(t, bytes) {
  const path = join(folder(t), "archive.mbox");
  const written = writeMailbox(path, 5 * MEGABYTE);
  truncateSync(path, bytes);
  return { path, written };
}

test("a mailbox of many gigabytes is read to its end", async (t) => {
  // where the browser loses hold of the file, it does so after some gigabytes
  const { path, written } = writeLong(t, 12_000 * MEGABYTE);
  const page = await openCheck(t);
  await choose(page, path);
  await answers(page, /Exchange servers in this mailbox are out of date/, 180_000);
  await page.getByText(`${written.messages.toLocaleString("en-GB")} messages, 12.0 GB`).waitFor();
});

test("a check of any length can be cancelled, and what was found until there stays", async (t) => {
  const { path, written } = writeLong(t, 50_000 * MEGABYTE);
  const page = await openCheck(t);
  await choose(page, path);
  // before anything is found nothing can stay
  await page.getByText(/^[1-9][\d,]+ messages$/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await answers(page, /Exchange servers in the part that was read are out of date/);
  const read = (await page.getByText(/ of 50\.0 GB, read/).textContent()) ?? "";
  const messages = Number(/: ([\d,]+) messages/.exec(read)?.[1]);
  assert.ok(messages > 0 && messages <= written.messages, read);
  await assertAccessible(page);
});

test("a mailbox that is written to while it is read is not taken for whole, and the reader hears of it", async (t) => {
  const path = join(folder(t), "archive.mbox");
  writeMailbox(path, 20 * MEGABYTE);
  const page = await openCheck(t);
  const growing = setInterval(() => appendFileSync(path, "x"), 5);
  try {
    await choose(page, path);
    await page.getByText("The file was changed, moved or removed").waitFor();
  } finally {
    clearInterval(growing);
  }
  await page.getByRole("heading", { name: /in the part that was read|No message was read/ }).waitFor();
  await assertAccessible(page);
  await shoot(page, "check-changed");
});

test("thousands of servers can be scrolled and sorted", async (t) => {
  const page = await openCheck(t);
  await choose(page, file(t, "many.mbox", manyServers(5_000)));
  await answers(page, "All 5,000 Exchange servers in this mailbox are out of date.", 60_000);
  await page.getByRole("columnheader", { name: "Server" }).getByRole("button").click();
  await page.getByRole("button", { name: "ex0.example.com" }).waitFor();
  assert.ok((await page.getByRole("row").count()) < 200, "only what is in sight is in the document");
  // rows are measured when they come into sight, so the end moves on at first
  const last = page.getByRole("button", { name: "ex999.example.com" });
  for (let tries = 0; tries < 20 && !(await last.isVisible()); tries += 1) {
    await page.keyboard.press("End");
    await inFrames(page, () => nextFrame().then(nextFrame));
  }
  await last.waitFor();
});
