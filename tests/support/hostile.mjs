/**
 * Mail events that are wrong, and those that are meant to do harm.
 */
import { at, event, received } from "./client.mjs";

export const NOW = at("2026-10-01T08:15:08Z");
export const MIB = 1024 * 1024;
/** What the worker reads at most. */
export const MAX_BODY = MIB + 64 * 1024;
export const HEADER = received({ host: "EX01.contoso.com", now: NOW });

/** A gateway's mistakes. @type {[string, string | object, string | undefined][]} what, body, field */
export const BAD_EVENTS = [
  ["nothing", "", undefined],
  ["malformed JSON", '{"tenant":"contoso",', undefined],
  ["text behind the JSON", '{"tenant":"contoso","header":""}}', undefined],
  ["an array", "[]", undefined],
  ["the members in an array", '["contoso",null,"on_premises",null,null,null,null,""]', undefined],
  ["a number", "5", undefined],
  ["UTF-16", Buffer.from('{"tenant":"contoso","header":""}', "utf16le").toString("latin1"), undefined],
  ["no tenant", { header: "" }, "tenant"],
  ["a number as tenant", { tenant: 5, header: "" }, "tenant"],
  ["a tenant in capitals", { tenant: "Contoso", header: "" }, "tenant"],
  ["an empty tenant", { tenant: "", header: "" }, "tenant"],
  ["a tenant of 64 characters", { tenant: "a".repeat(64), header: "" }, "tenant"],
  ["a tenant of 500,000 characters", { tenant: "a".repeat(500_000), header: "" }, "tenant"],
  ["a tenant with a slash", { tenant: "a/b", header: "" }, "tenant"],
  ["a tenant with NUL", { tenant: "a\0", header: "" }, "tenant"],
  ["half a surrogate pair as tenant", '{"tenant":"\\ud800","header":""}', "tenant"],
  ["two tenants", '{"tenant":"contoso","header":"","tenant":"fabrikam"}', "tenant"],
  ["no header", { tenant: "contoso" }, "header"],
  ["a number as header", { tenant: "contoso", header: 5 }, "header"],
  ["a header field without a value", { tenant: "contoso", header: [["A", "b"], ["C"]] }, "header[1]"],
  ["an unknown connector", { tenant: "contoso", header: "", connector: "x25" }, "connector"],
  ["a number as connector", { tenant: "contoso", header: "", connector: 5 }, "connector"],
  ["an unknown way to record", { tenant: "contoso", header: "", record: "later" }, "record"],
  ["too many own hops", { tenant: "contoso", header: "", own_hops: 17 }, "own_hops"],
  ["less than no own hops", { tenant: "contoso", header: "", own_hops: -1 }, "own_hops"],
  ["half an own hop", { tenant: "contoso", header: "", own_hops: 0.5 }, "own_hops"],
  ["a number as event id", { tenant: "contoso", header: "", event_id: 5 }, "event_id"],
  ["no address", { tenant: "contoso", header: "", client: { ip: "ten" } }, "client.ip"],
  ["a number as address", { tenant: "contoso", header: "", client: { ip: 7 } }, "client.ip"],
  ["an unknown member", { tenant: "contoso", header: "", conector: "internet" }, "conector"],
  ["an unknown member inside", { tenant: "contoso", header: "", client: { port: 25 } }, "client.port"],
  [
    "a number as recipient",
    { tenant: "contoso", header: "", envelope: { to: ["a@b", 1] } },
    "envelope.to[1]",
  ],
];

const RECEIVED =
  "Received: from a.example (10.0.0.9) by b.example with ESMTP id 1; Thu, 1 Oct 2026 08:15:08 +0000\r\n";
const EXCHANGE =
  "by EX01.contoso.com (10.53.40.201) with Microsoft SMTP Server id 15.1.2507.39; Thu, 1 Oct 2026 08:15:08 +0000";

/** Strings that JSON cannot hold: octets between the quotes. @param {string | Buffer} octets */
function rawHeader(octets) {
  const [head, tail] = JSON.stringify(event({ tenant: "contoso", header: "@" })).split('@"');
  return Buffer.concat([Buffer.from(head), Buffer.from(octets), Buffer.from(`"${tail}`)]);
}

const INVALID = Buffer.concat(Array(20_000).fill(Buffer.from([0xff, 0xc3, 0x2e, 0xed, 0xa0, 0x80])));

/** What a sender may write. @type {[string, { header: string | [string, string][] } | { body: Buffer }, string, RegExp?][]} */
export const HOSTILE = [
  ["1,001 fields", { header: "X-A: b\r\n".repeat(1_001) }, "no_received", /first 1000 header fields/],
  [
    "1,001 fields above Exchange's",
    { header: "X-A: b\r\n".repeat(1_001) + HEADER },
    "no_received",
    /first 1000 header fields/,
  ],
  ["1,001 pairs", { header: Array(1_001).fill(["X-A", "b"]) }, "no_received", /first 1000 header fields/],
  [
    "25,000 folded pairs",
    { header: Array(25_000).fill(["X-A", " a\r\n b"]) },
    "no_received",
    /first 1000 header fields/,
  ],
  [
    "100,000 empty pairs",
    { header: Array(100_000).fill(["", ""]) },
    "no_received",
    /first 1000 header fields/,
  ],
  ["a field of 1 MiB", { header: `X-A: ${"b".repeat(MIB)}\r\n` }, "no_received"],
  [
    "a Received of 1 MiB",
    { header: `Received: from ${"b".repeat(MIB)}\r\n` },
    "unreadable_field",
    /too long/,
  ],
  [
    "a Received of 1 MiB in folds",
    { header: `Received: a${"\r\n b".repeat(150_000)}\r\n` },
    "unreadable_field",
    /too long/,
  ],
  ["a name of 1 MiB", { header: `${"b".repeat(MIB)}: a\r\n` }, "no_received"],
  ["5,000 Received", { header: RECEIVED.repeat(5_000) }, "other_software", /first 1000 header fields/],
  [
    "1,000 Received of one host",
    {
      header: `Received: ${EXCHANGE.replace("Microsoft SMTP Server", "ShadowRedundancy")}\r\n`.repeat(1_000),
    },
    "update_level_not_shown",
  ],
  [
    "50,000 parentheses",
    { header: `Received: from a ${"(".repeat(50_000)} ${EXCHANGE}\r\n` },
    "unreadable_field",
    /field 0 proves nothing: its FROM clause/,
  ],
  [
    "50,000 closing parentheses",
    { header: `Received: from a ${")".repeat(50_000)} ${EXCHANGE}\r\n` },
    "unreadable_field",
    /field 0 proves nothing: its FROM clause/,
  ],
  [
    "50,000 nested comments",
    { header: `Received: from a ${"(".repeat(50_000)}${")".repeat(50_000)} ${EXCHANGE}\r\n` },
    "unreadable_field",
    /too long/,
  ],
  [
    "50,000 comments",
    { header: `Received: from a ${"()".repeat(30_000)} ${EXCHANGE}\r\n` },
    "unreadable_field",
  ],
  ["50,000 quotes", { header: `Received: from a ${'"'.repeat(50_001)} ${EXCHANGE}\r\n` }, "unreadable_field"],
  [
    "50,000 backslashes",
    { header: `Received: from a (${"\\".repeat(50_001)}) ${EXCHANGE}\r\n` },
    "unreadable_field",
  ],
  [
    "15 fields of 64 KiB of parentheses",
    { header: `Received: from ${"a(".repeat(32_000)}\r\n`.repeat(15) },
    "unreadable_field",
  ],
  ["NUL", { header: `Received: from a\0 ${"\0".repeat(50_000)} ${EXCHANGE}\r\n` }, "unreadable_field"],
  [
    "NUL as it is",
    { body: rawHeader(`Received: from a ${"\0".repeat(50_000)} b\\r\\n`) },
    "unreadable_field",
  ],
  ["no UTF-8", { body: rawHeader(INVALID) }, "no_received"],
  [
    "no UTF-8 in a Received",
    {
      body: rawHeader(
        Buffer.concat([
          Buffer.from("Received: from "),
          INVALID.subarray(0, 60_000),
          Buffer.from(` ${EXCHANGE}\\r\\n`),
        ]),
      ),
    },
    "behind_on_updates",
  ],
  [
    "halves of surrogate pairs",
    { body: rawHeader(`Received: from ${"\\ud800".repeat(10_000)} ${EXCHANGE}\\r\\n`) },
    "behind_on_updates",
  ],
  ["only colons", { header: ":".repeat(MIB) }, "no_received"],
  ["only line ends", { header: "\r\n".repeat(250_000) }, "no_received"],
  ["only carriage returns", { header: "\r".repeat(500_000) }, "no_received"],
  ["nothing", { header: "" }, "no_received"],
];

/** What the rest of an event may hold. @type {[string, object][]} what, members */
export const HOSTILE_ENVELOPES = [
  ["100,000 recipients", { envelope: { to: Array(100_000).fill("a@b") } }],
  ["a recipient of 1 MB", { envelope: { to: ["a".repeat(1_000_000)] } }],
  ["a sender of 1 MB", { envelope: { from: "a".repeat(1_000_000), to: [] } }],
  ["a HELO of 1 MB", { client: { ip: "203.0.113.7", helo: "a".repeat(1_000_000) } }],
  ["an event id of 1 MB", { event_id: "a".repeat(1_000_000) }],
  ["nothing but null", { client: null, envelope: null, event_id: null, record: null, own_hops: null }],
];
