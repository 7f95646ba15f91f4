/** What is put right in pasted text, and what is left as it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { samples } from "../support/samples.mjs";
import { page } from "./support/reader.mjs";

const HOP =
  "Received: from a by EX01 with Microsoft SMTP Server id 15.1.2507.39; Fri, 6 Nov 2026 11:10:51 -0400";
const FOLDED = HOP.replace(" with", "\n with");
const TORN = HOP.replace(" with", "\nwith");
const REST = "From: a@example.com\nSubject: x\n";

/** @param {string} text */
const read = (text) => page.headerText(text);

test("a header as it should be comes out as it went in", () => {
  for (const { n, header } of samples()) {
    const text = `${header}${REST}`.replaceAll("\r\n", "\n");
    assert.deepEqual(read(`${text}\nbody\n\n${HOP}\n`), { text, mended: false }, `block ${n}`);
    assert.equal(read(text.replaceAll("\n", "\r\n")).text, text, `block ${n}`);
  }
});

test("what somebody wrote above, or a banner, is no part of it", () => {
  for (const above of [
    "Hello,\n\n",
    "Hello:\n\n",
    "+OK 12 octets\n",
    "Microsoft Mail Internet Headers Version 2.0\n",
    "\n \n",
  ]) {
    assert.equal(read(`${above}${FOLDED}\n${REST}`).text, `${FOLDED}\n${REST}`, above);
  }
});

test("a body's lines never become fields", () => {
  const body = `Hello.\n\n${HOP}\n\n> ${HOP}\n\n    ${HOP}\n`;
  for (const header of [`${FOLDED}\n${REST}`, REST]) assert.equal(read(`${header}\n${body}`).text, header);
});

test("quotes, indentations, empty lines and lost blanks are put right together", () => {
  const header = `${FOLDED}\n${REST}`;
  const torn = `${TORN}\n${REST}`;
  const lines = (/** @type {string} */ text, /** @type {string} */ before) =>
    text.replaceAll(/^/gm, before).trimEnd();
  for (const [name, text] of [
    ["quoted", lines(header, "> ")],
    ["quoted twice", lines(header, "> > ")],
    ["indented", lines(header, "\t")],
    ["quoted and indented", lines(header, ">     ")],
    ["empty lines", header.replaceAll("\n", "\n\n")],
    ["torn", torn],
    ["torn and quoted", lines(torn, "> ")],
    ["torn, with empty lines", torn.replaceAll("\n", "\n\n")],
    ["first line indented", ` ${header}`],
    ["blanks that do not break", header.replaceAll(" ", "\u00a0")],
  ]) {
    assert.equal(read(/** @type {string} */ (text))?.text.trimEnd(), header.trimEnd(), name);
  }
  for (const text of [lines(header, "> "), torn, header.replaceAll("\n", "\n\n")])
    assert.ok(read(text).mended, text);
});

test("a line that is no field goes on with a Received field alone, and only until its date", () => {
  const after = `${HOP}\n(junk)\n${REST}`;
  assert.equal(read(after).text, after);
  const other = `Subject: x\njunk\n${HOP}\n`;
  assert.equal(read(other).text, other);
  const times = "Received: from a by b\n11:10:51 x\n[IPv6:2001:db8::1]\nfe80::1) y\n";
  assert.equal(read(times).text, "Received: from a by b\n 11:10:51 x\n [IPv6:2001:db8::1]\n fe80::1) y\n");
});

test("names and values on lines of their own, and in columns, are put together", () => {
  const apart = "Subject:\t\nx\nReceived:\t\nfrom a by b; Fri, 6 Nov 2026 11:10:51 -0400\nX-Y:\t\nz\n";
  assert.match(read(apart).text, /^Received:\t\n from a by b/m);
  assert.match(read("Received\nfrom a by b\nSubject\nx\n").text, /^Received:\n from a by b/);
  assert.match(read("Received\tfrom a by b\nSubject\tx\n").text, /^Received:\tfrom a by b/);
  assert.equal(read("Received with thanks\nfrom Ben\n"), null);
});

test("text without a field is no header", () => {
  for (const none of ["", "\n\n", "Hello, how are you?", "11:10 it rained", "> quoted\n> text", "\r\r\r"])
    assert.equal(read(none), null, none);
});

test("header fields are found in what APIs answer, as a whole or in part", () => {
  const pair = (/** @type {string} */ name, /** @type {string} */ value) => ({ name, value });
  const pairs = [pair("Received", "from a by b"), pair("Subject", "x\r\nReceived: forged")];
  const text = "Received: from a by b\nSubject: x  Received: forged\n";
  const graph = { id: "AAMk", internetMessageHeaders: pairs };
  const gmail = { payload: { headers: pairs, parts: [{ headers: [pair("Content-Type", "text/plain")] }] } };
  for (const one of [pairs, graph, gmail]) assert.deepEqual(page.jsonHeaders(JSON.stringify(one)), [text]);
  assert.deepEqual(page.jsonHeaders(JSON.stringify({ value: [graph, graph] })), [text, text]);
  assert.deepEqual(page.jsonHeaders(`"internetMessageHeaders": ${JSON.stringify(pairs)},\n`), [text]);
  assert.deepEqual(page.jsonHeaders('{"id": "AAMk"}'), []);
  assert.equal(page.jsonHeaders("[cid:1] Hello"), null);
});
