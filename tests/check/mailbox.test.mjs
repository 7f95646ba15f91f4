/** Where messages begin and end in a mailbox. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../support/random.mjs";
import { check, page } from "./support/reader.mjs";

const DATED = "From a@example.com Fri Nov  6 11:10:51 2026\n";

/**
 * The first lines of the headers in a mailbox that comes in pieces of that size.
 * @param {string} text
 * @param {number} [size]
 * @returns {string[]}
 */
function headers(text, size = text.length + 1) {
  const octets = new TextEncoder().encode(text);
  /** @type {string[]} */
  const found = [];
  const each = (/** @type {Uint8Array} */ lines) => found.push(new TextDecoder().decode(lines));
  const mailbox = new page.Mailbox(octets, each);
  for (let at = 0; at < octets.length; at += size) mailbox.push(octets.subarray(at, at + size));
  mailbox.finish();
  return found;
}

test("a From line begins a message below an empty line, or where it is as the first one, and above a field", () => {
  const found = (/** @type {string} */ body) => headers(`${DATED}A: 1\n\n${body}B: 2\n\n`).length;
  for (const two of [
    `\n${DATED}`,
    `x\n${DATED}`,
    `x\n\nFrom somebody\n`,
    `x\n\n${DATED}banner without colon\n`,
    `x\n\n${DATED}\n`,
    `x\n\nFrom here on it is prose\nand goes on\n\n${DATED}`,
  ]) {
    assert.equal(found(two), 2, JSON.stringify(two));
  }
  for (const one of [
    "x\nFrom here on prose\n",
    "x\n\n>From somebody\n",
    "x\nFrom \n",
    "x\n\nFromage\n",
    "x\n\n From somebody\n",
    "x\n\nFrom here on it is prose\nand goes on\n",
    `x\n\n${DATED}one\ntwo\n`,
    "\nFrom 1f2e3d4c5b6a79880123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n",
  ]) {
    assert.equal(found(one), 1, JSON.stringify(one));
  }
});

test("patches that are a mailbox of their own are its messages", () => {
  const patch = "From 1f2e3d4c5b6a79880123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nA: 1\n\n---\n\n";
  assert.equal(headers(patch.repeat(3)).length, 3);
});

test("Content-Length is believed where a message or the end follows, and nowhere else", () => {
  const body = `text\n\n${DATED}NONE: 1\n\nmore\n`;
  const found = (/** @type {number} */ length, end = `\n${DATED}B: 2\n\n`) =>
    headers(`${DATED}A: 1\nContent-Length: ${length}\n\n${body}${end}`).map((header) => header[0]);
  assert.deepEqual(found(body.length), ["A", "B"]);
  assert.deepEqual(found(body.length + 1), ["A", "B"], "the empty line is counted, too");
  assert.deepEqual(found(body.length, ""), ["A"]);
  for (const wrong of [0, 3, body.length - 4, body.length + 30, 1e14]) {
    assert.deepEqual(found(wrong), ["A", "N", "B"], String(wrong));
  }
  const many = `${DATED}A: ${"x".repeat(1_000)}\n\nbody\n\n`.repeat(3_000);
  assert.equal(headers(`${DATED}A: 1\nContent-Length: 99999999999\n\n\n${many}`).length, 3_001);
});

test("a header that ends with the next From line, or with the file, is whole", () => {
  assert.deepEqual(headers(`${DATED}A: 1\n${DATED}B: 2`), ["A: 1\n", "B: 2\n"]);
});

test("headers are held for a Content-Length only as far as memory is bounded", () => {
  /** @type {number[]} */
  const found = [];
  const text = new TextEncoder().encode(`${DATED}A: 1\nContent-Length: 99999999999\n\n`);
  const mailbox = new page.Mailbox(text, (/** @type {Uint8Array} */ lines) => found.push(lines.length));
  mailbox.push(text);
  const one = new TextEncoder().encode(`\n${DATED}A: ${"x".repeat(100_000)}\n\n`);
  for (let n = 0; n < 20; n += 1) mailbox.push(one);
  assert.ok(found.length > 10, `${found.length} before the end`);
});

test("lines may end as they like", () => {
  const text = `${DATED}A: 1\n 2\n\nbody\n\n${DATED}B: 1\n\nbody: x\n`;
  for (const eol of ["\n", "\r\n", "\r\r\n", "\r"])
    assert.deepEqual(headers(text.replaceAll("\n", eol)), ["A: 1\n 2\n", "B: 1\n"], JSON.stringify(eol));
});

test("how the mailbox is cut into pieces makes no difference", () => {
  const next = randomFrom(7);
  const lines = [
    DATED.trim(),
    "From ",
    ">From x",
    "From b",
    "\x01\x01\x01\x01",
    "A: 1",
    "",
    " b",
    "Content-Length: 9",
    "x",
    "\r",
  ];
  for (let round = 0; round < 300; round += 1) {
    const eol = ["\n", "\r\n", "\r"][round % 3] ?? "\n";
    const text = Array.from({ length: 30 }, () => lines[Math.floor(next() * lines.length)]).join(eol);
    const whole = headers(text);
    for (const size of [1, 2, 7]) assert.deepEqual(headers(text, size), whole, JSON.stringify(text));
  }
});

test("what a sender wrote takes time in proportion to its length", async () => {
  const fill = (/** @type {string} */ text) => text.repeat(Math.ceil((2 << 20) / text.length));
  for (const hostile of [
    DATED + fill("\r"),
    DATED + fill("From \n"),
    DATED + fill(DATED),
    DATED + fill("A: 1\n\n\x01\x01\x01\x01\n"),
    `${DATED}A: 1\nContent-Length: 99999999999\n\n${fill(`${DATED}A: 1\n\n`)}`,
    fill("\r"),
    fill("> "),
    fill(">\n"),
    fill(" "),
    fill("Received:"),
    fill("Received:\n\n"),
    fill("Received:\nx\n"),
    fill("Received: a\n\nb\n\n"),
    `Received: a\n\n${fill("b\n\n")}`,
    `Received: ${fill("(")}`,
    `Received: a 1:11 +0000${fill(" ")}`,
    `A${fill("-")}`,
    `A: ${fill("\u00a0")}`,
    fill("["),
    `[${fill('{"name":"Received","value":"x"},')}`,
    `{"a":${fill('{"a":')}`,
  ]) {
    const before = performance.now();
    await check(hostile);
    const took = performance.now() - before;
    assert.ok(took < 10_000, `${took} ms of ${JSON.stringify(hostile.slice(0, 60))}`);
  }
});
