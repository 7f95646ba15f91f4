/** What the package puts right in pasted text, and what it leaves as it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { samples } from "../support/samples.mjs";
import { scan } from "./support/reader.mjs";

const HOP =
  "Received: from a by EX01 with Microsoft SMTP Server id 15.1.2507.39; Fri, 6 Nov 2026 11:10:51 -0400";
const FOLDED = HOP.replace(" with", "\n with");
const TORN = HOP.replace(" with", "\nwith");
const REST = "From: a@example.com\nSubject: x\n";

/**
 * @param {string} text
 * @returns {Promise<any>} null: no header was found
 */
async function read(text) {
  const { header, mended } = await scan(text);
  return header === null ? null : { text: header, mended };
}

test("a header as it should be comes out as it went in", async () => {
  for (const { n, header } of samples()) {
    const text = `${header}${REST}`.replaceAll("\r\n", "\n");
    assert.deepEqual(await read(`${text}\nbody\n\n${HOP}\n`), { text, mended: false }, `block ${n}`);
    assert.equal((await read(text.replaceAll("\n", "\r\n"))).text, text, `block ${n}`);
  }
});

test("what somebody wrote above, or a banner, is no part of it", async () => {
  for (const above of [
    "Hello,\n\n",
    "Hello:\n\n",
    "+OK 12 octets\n",
    "Microsoft Mail Internet Headers Version 2.0\n",
    "\n \n",
  ]) {
    assert.equal((await read(`${above}${FOLDED}\n${REST}`)).text, `${FOLDED}\n${REST}`, above);
  }
});

test("a body's lines never become fields", async () => {
  const body = `Hello.\n\n${HOP}\n\n> ${HOP}\n\n    ${HOP}\n`;
  for (const header of [`${FOLDED}\n${REST}`, REST])
    assert.equal((await read(`${header}\n${body}`)).text, header);
});

test("quotes, indentations, empty lines and lost blanks are put right together", async () => {
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
    assert.equal((await read(/** @type {string} */ (text)))?.text.trimEnd(), header.trimEnd(), name);
  }
  for (const text of [lines(header, "> "), torn, header.replaceAll("\n", "\n\n")])
    assert.ok((await read(text)).mended, text);
});

test("a line that is no field goes on with a Received field alone, and only until its date", async () => {
  const after = `${HOP}\n(junk)\n${REST}`;
  assert.equal((await read(after)).text, after);
  const other = `Subject: x\njunk\n${HOP}\n`;
  assert.equal((await read(other)).text, other);
  const times = "Received: from a by b\n11:10:51 x\n[IPv6:2001:db8::1]\nfe80::1) y\n";
  assert.equal(
    (await read(times)).text,
    "Received: from a by b\n 11:10:51 x\n [IPv6:2001:db8::1]\n fe80::1) y\n",
  );
});

test("with an empty line below each line, fields of several lines hide nothing, and a body adds nothing", async () => {
  const header = `${FOLDED}\nDKIM-Signature: v=1; a=rsa-sha256;\n d=example.com\n${HOP}\n${REST}`;
  const spaced = (/** @type {string} */ text) => text.trimEnd().replaceAll("\n", "\n\n");
  assert.equal((await read(spaced(header)))?.text, header);
  // of a signature's other lines, which lost their blanks, nothing is read
  assert.equal(
    (await read(spaced(header).replaceAll("\n d=", "\nd=")))?.text,
    header.replace("\n d=", "\nd="),
  );
  assert.equal((await read(spaced(`${header}\nHello.\n\n${HOP}\n`)))?.text, header);
});

test("names and values on lines of their own, and in columns, are put together", async () => {
  const apart = "Subject:\t\nx\nReceived:\t\nfrom a by b; Fri, 6 Nov 2026 11:10:51 -0400\nX-Y:\t\nz\n";
  assert.match((await read(apart)).text, /^Received:\t\n from a by b/m);
  assert.match((await read("Received\nfrom a by b\nSubject\nx\n")).text, /^Received:\n from a by b/);
  assert.match((await read("Received\tfrom a by b\nSubject\tx\n")).text, /^Received:\tfrom a by b/);
  assert.equal(await read("Received with thanks\nfrom Ben\n"), null);
});

test("text without a field is no header", async () => {
  for (const none of ["", "\n\n", "Hello, how are you?", "11:10 it rained", "> quoted\n> text", "\r\r\r"])
    assert.equal(await read(none), null, none);
});

test("header fields are found in what APIs answer, as a whole or in part", async () => {
  const pair = (/** @type {string} */ name, /** @type {string} */ value) => ({ name, value });
  const pairs = [pair("Received", "from a by b"), pair("Subject", "x\r\nReceived: forged")];
  const text = "Received: from a by b\nSubject: x  Received: forged\n";
  const graph = { id: "AAMk", internetMessageHeaders: pairs };
  const gmail = { payload: { headers: pairs, parts: [{ headers: [pair("Content-Type", "text/plain")] }] } };
  const member = `"internetMessageHeaders": ${JSON.stringify(pairs)},\n`;
  for (const [json, messages] of /** @type {const} */ ([
    ...[pairs, graph, gmail].map((one) => [JSON.stringify(one), 1]),
    [JSON.stringify({ value: [graph, graph] }), 2],
    [member, 1],
  ])) {
    const found = await scan(json);
    assert.deepEqual([found.header, found.messages], [text, messages], json);
  }
  await assert.rejects(scan('{"id": "AAMk"}'), { kind: "json" });
  assert.equal((await scan("[cid:1] Hello")).messages, 0);
  assert.equal((await scan(`[EXTERNAL]\n\n${REST}`)).header, REST);
});
