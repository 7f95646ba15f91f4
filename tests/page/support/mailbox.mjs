/** Mailboxes as archives hold them: real `Received` fields in messages of 2 to 200 KB with bodies. */
import { closeSync, openSync, writeSync } from "node:fs";
import { samples } from "../../support/samples.mjs";

/** The real fields of servers that are recognised, one block each. */
const BLOCKS = samples().filter(({ kind, yields }) => kind === "onprem" && yields.finding === "server");

const OTHER_HOPS = [
  "Received: from mx2.example.org (mx2.example.org [192.0.2.25])\n\tby lists.example.org (Postfix) with ESMTPS id 4B1F2C0A11\n\tfor <list@example.org>; Mon, 7 Sep 2026 10:00:03 +0000 (UTC)\n",
  "Received: from AM0PR01MB4567.eurprd01.prod.outlook.com (2603:10a6:208:ff::20)\n by DB8PR01MB1234.eurprd01.prod.outlook.com (2603:10a6:10:d0::12) with Microsoft\n SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\n 15.21.4242.17; Mon, 7 Sep 2026 10:00:02 +0000\n",
];

const FORGED = "with Microsoft SMTP Server id 15.1.1.1; Mon, 7 Sep 2026 10:00:00 +0000";

/** 240 KB of base64 in lines of 76, and what looks like a header where none is: quoted, and in an attached message. */
const BODY = Buffer.from(Array.from({ length: 3_200 }, (_, line) => bodyLine(line)).join(""));
/**
 * Writes an mbox archive of at least `bytes` octets.
 * @param {string} path
 * @param {number} bytes
 * @returns {{ messages: number, servers: Set<string>, bytes: number }} what has to be found in it
 */
export function writeMailbox(path, bytes) {
  const file = openSync(path, "w");
  const servers = new Set();
  let [written, messages] = [0, 0];
  try {
    while (written < bytes) {
      const block = messages % 3 === 0 ? BLOCKS[(messages / 3) % BLOCKS.length] : undefined;
      if (block?.yields.by) servers.add(block.yields.by.toLowerCase());
      written += writeSync(file, head(messages, block?.header ?? ""));
      // from 2 to 200 KB, most of them short
      const size = 2_000 + Math.round(198_000 * (((messages * 7_919) % 1_000) / 1_000) ** 3);
      written += writeSync(file, BODY, (messages * 76) % 20_000, size);
      written += writeSync(file, "\n\n");
      messages += 1;
    }
  } finally {
    closeSync(file);
  }
  return { messages, servers, bytes: written };
}

/**
 * @param {number} n
 * @param {string} received
 */
function head(n, received) {
  return [
    `From sender@example.com Mon Sep  7 10:00:03 2026\n`,
    OTHER_HOPS[n % 2],
    received.replaceAll("\r\n", "\n"),
    `From: Sender ${n} <sender@example.com>\nTo: list@example.org\nSubject: Message ${n}\n`,
    `Date: Mon, 7 Sep 2026 10:00:00 +0000\nMessage-ID: <${n}@example.com>\nMIME-Version: 1.0\n`,
    `Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n`,
  ].join("");
}

/** @param {number} n */
function bodyLine(n) {
  switch (n % 400) {
    case 7:
      return `>From the start the header said:\n> Received: from x by quoted.example ${FORGED}\n`;
    case 207:
      return `Content-Type: message/rfc822\n\nReceived: from x by attached.example ${FORGED}\n\n`;
    default:
      return `${noise(n)}\n`;
  }
}

/**
 * 76 characters that differ from line to line.
 * @param {number} seed
 */
function noise(seed) {
  let state = seed + 1;
  const octets = Buffer.alloc(57);
  for (let at = 0; at < octets.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    octets[at] = state >>> 16;
  }
  return octets.toString("base64");
}

/**
 * A mailbox of one message a server.
 * @param {number} count
 */
export function manyServers(count) {
  return Array.from(
    { length: count },
    (_, n) =>
      `From a@example.com Mon Sep  7 10:00:03 2026\n` +
      `Received: from a by ex${n}.example.com (10.0.0.1) with Microsoft SMTP Server id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000\n` +
      `Subject: Message ${n}\n\nHello.\n\n`,
  ).join("");
}
