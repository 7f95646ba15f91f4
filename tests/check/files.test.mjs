/** Files of programs are read, or named for what they are, and never take the page's memory or time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { compound, macSource, msg, zip } from "./support/files.mjs";
import { check } from "./support/reader.mjs";

/**
 * @param {string} by
 * @param {string} [build]
 */
const received = (by, build = "15.1.2507.39") =>
  `Received: from MBX1.example.com (10.20.0.7) by ${by} (10.20.0.5) with\r\n Microsoft SMTP Server id ${build}; Fri, 6 Nov 2026 11:10:51 -0400\r\n`;
/** @param {string} by */
const message = (by) => `${received(by)}From: a@example.com\r\nSubject: x\r\n\r\nbody\r\n`;
/** @param {string[]} hosts */
const mailbox = (...hosts) =>
  hosts.map((by) => `From a@example.com Fri Nov  6 11:10:51 2026\n${message(by)}\n`).join("");

/**
 * @param {Parameters<typeof check>[0]} input
 * @param {{ messages: number, by: string[], problem?: string | null }} expected
 */
async function assertFound(input, { messages, by, problem = null }) {
  const answer = await check(input);
  assert.deepEqual(
    { messages: answer.messages, by: answer.servers.map((server) => server.by), problem: answer.problem },
    { messages, by, problem },
  );
}

test("a compressed mailbox is read", async () => {
  await assertFound(gzipSync(mailbox("EX01", "EX02")), { messages: 2, by: ["EX01", "EX02"] });
  await assertFound(gzipSync(gzipSync(message("EX01"))), { messages: 1, by: ["EX01"] });
});

test("a compressed file that breaks off or is damaged is told, with what was read of it", async () => {
  const packed = gzipSync(mailbox(...Array.from({ length: 5_000 }, (_, n) => `EX${n}`)));
  const answer = await check(packed.subarray(0, packed.length - 9));
  assert.equal(answer.problem, "Damaged");
  assert.ok(answer.messages > 4_000, String(answer.messages));
  await assertFound(Buffer.from("1f8b0800", "hex"), { messages: 0, by: [], problem: "Damaged" });
});

test("300 MB that were compressed into one are read in little memory", async () => {
  const start = mailbox("EX01", "EX02");
  const packed = gzipSync(Buffer.concat([Buffer.from(start), Buffer.alloc(300_000_000)]), { level: 1 });
  const before = process.memoryUsage().rss;
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  try {
    await assertFound(packed, { messages: 2, by: ["EX01", "EX02"] });
  } finally {
    clearInterval(watching);
  }
  assert.ok(most - before < 200_000_000, `${most - before} octets`);
});

test("the mail in a .zip file is read, stored or compressed, and nothing else in it", async () => {
  const files = [
    { name: "mail/", content: "", stored: true },
    { name: "mail/1.eml", content: message("EX01") },
    { name: "mail/2.mbox", content: mailbox("EX02", "EX03"), stored: true },
    { name: "mail/3.msg", content: msg(received("EX04")) },
    { name: "mail/4.mbox.gz", content: gzipSync(mailbox("EX05", "EX06")) },
    { name: "__MACOSX/mail/._1.eml", content: message("NONE") },
    { name: "picture.png", content: message("NONE") },
  ];
  await assertFound(zip(files, "a comment PK\x05\x06"), {
    messages: 6,
    by: ["EX01", "EX02", "EX03", "EX04", "EX05", "EX06"],
  });
});

test("a .zip file in which no mail can be read is told", async () => {
  const problem = "zip";
  await assertFound(zip([]), { messages: 0, by: [], problem });
  await assertFound(zip([{ name: "a.png", content: message("EX01") }]), { messages: 0, by: [], problem });
  await assertFound(zip([{ name: "a.eml", content: message("EX01"), flags: 1 }]), {
    messages: 0,
    by: [],
    problem,
  });
  await assertFound(zip([{ name: "a.eml", content: message("EX01"), method: 12 }]), {
    messages: 0,
    by: [],
    problem,
  });
});

test("what of a .zip file cannot be read is told beside what can", async () => {
  const files = [
    { name: "1.msg", content: msg(null) },
    { name: "2.eml", content: message("EX01") },
  ];
  await assertFound(zip(files), { messages: 1, by: ["EX01"], problem: "msg" });
});

test("a .zip file that is damaged is told, wherever it is", async () => {
  const whole = zip([{ name: "1.eml", content: message("EX01") }]);
  for (let at = 4; at < whole.length; at += 1) {
    const { problem, messages } = await check(whole.subarray(0, at));
    assert.deepEqual([problem, messages], ["Damaged", 0], `cut at ${at}`);
  }
  // a file in a file in a file …
  let nested = zip([{ name: "1.eml", content: message("EX01") }]);
  for (let depth = 0; depth < 6; depth += 1) nested = gzipSync(nested);
  assert.equal((await check(nested)).problem, "packed");
});

test("the Internet header in a .msg file is read, long or short, and no attached message's", async () => {
  const attached = received("NONE");
  for (const filler of ["", "x".repeat(100), "x".repeat(10_000), "x".repeat(200_000)]) {
    const header = `Microsoft Mail Internet Headers Version 2.0\r\n${received("EX01")}X-Filler: ${filler}\r\n${received("EX02")}\r\n`;
    await assertFound(msg(header, { attached }), { messages: 1, by: ["EX01", "EX02"] });
  }
  await assertFound(msg(null, { ansi: received("EX01") }), { messages: 1, by: ["EX01"] });
});

test("a .msg file without a header, and a compound file that is none, are told", async () => {
  await assertFound(msg(null, { attached: received("NONE") }), { messages: 0, by: [], problem: "msg" });
  await assertFound(compound({ WordDocument: Buffer.alloc(5_000) }), {
    messages: 0,
    by: [],
    problem: "document",
  });
});

test("a .msg file that is damaged, or made to keep a reader busy, is over at once", async () => {
  const whole = msg(`${received("EX01")}X-Filler: ${"x".repeat(10_000)}\r\n`);
  const started = performance.now();
  for (let at = 8; at < 512 + 128; at += 4) {
    for (const value of [1, 0x7fffffff]) {
      const broken = Buffer.from(whole);
      broken.writeUInt32LE(value, at);
      const { problem } = await check(broken);
      assert.ok([null, "msg", "document", "Damaged"].includes(problem), `${at}: ${problem}`);
    }
  }
  // every sector follows itself
  const looped = Buffer.from(whole);
  for (let at = looped.length - 1024; at < looped.length; at += 4) looped.writeUInt32LE((at % 1024) / 4, at);
  await check(looped);
  assert.ok(performance.now() - started < 30_000);
});

test("the source of a message that Outlook for Mac keeps is read, with its CR alone at the ends of lines", async () => {
  await assertFound(macSource(message("EX01").replaceAll("\r\n", "\r")), { messages: 1, by: ["EX01"] });
  await assertFound(macSource(message("EX01")), { messages: 1, by: ["EX01"] });
});

test("text that Windows saved as Unicode is read", async () => {
  await assertFound(Buffer.from(`\ufeff${message("EX01")}`, "utf16le"), { messages: 1, by: ["EX01"] });
  await assertFound(Buffer.from(`\ufeff${mailbox("EX01", "EX02")}`), { messages: 2, by: ["EX01", "EX02"] });
});

for (const [problem, octets] of /** @type {const} */ ([
  ["pst", Buffer.from("2142444e4df864d9534d17001300", "hex")],
  ["winmail", Buffer.from("789f3e2200000106900800040000000000", "hex")],
  ["mac", Buffer.from("d00d00000100000000000000000000004d", "hex")],
  ["packed", Buffer.from("425a683931415926", "hex")],
  ["packed", Buffer.from("fd377a585a000004", "hex")],
  ["packed", Buffer.from("28b52ffd0400", "hex")],
  ["packed", Buffer.from("377abcaf271c", "hex")],
  ["packed", Buffer.from("526172211a0700", "hex")],
  ["packed", Buffer.concat([Buffer.alloc(257, "a.eml\0"), Buffer.from("ustar\x0000")])],
  ["packed", gzipSync(Buffer.concat([Buffer.alloc(257, "a.eml\0"), Buffer.from("ustar\x0000")]))],
  ["document", Buffer.from("%PDF-1.7\n")],
  ["document", Buffer.from("{\\rtf1\\ansi Received: from a by b}")],
  ["document", Buffer.from("<!DOCTYPE html>\n<html><p>Received: from a by b</p></html>")],
  [
    "document",
    zip([
      { name: "[Content_Types].xml", content: "" },
      { name: "word/document.txt", content: "" },
    ]),
  ],
  ["olm", zip([{ name: "com.microsoft.__Messages/Inbox/message_00001.xml", content: "<x/>" }])],
  ["json", Buffer.from('{"id": "AAMk", "subject": "x"}')],
])) {
  test(`a file is named for what it is: ${problem}, ${octets.subarray(0, 6).toString("hex")}`, async () => {
    await assertFound(octets, { messages: 0, by: [], problem });
  });
}
