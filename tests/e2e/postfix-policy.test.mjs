/**
 * Postfix's policy service sees no header: it reports, and where a key asks for more it defers an address from which
 * nobody but refused servers has handed mail over for 30 days.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { event, received, until } from "../support/client.mjs";
import { BLOCKED, published, startEdge } from "../support/edge.mjs";
import { storeKey } from "../support/gateways.mjs";

const MINUTE = 60;
const DAY = 24 * 3600;
const IP = "203.0.113.7";
const PATCHED = "15.1.2507.61";
const DEFERRED = /^450 4\.7\.230 Connecting Exchange server version is out-of-date; /;
/** The start of a minute that passes, at which a server that mails since 95 days is blocked. */
const START = BLOCKED - (BLOCKED % (5 * MINUTE)) + 5 * MINUTE;

/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  edge = await startEdge({ ledger: true });
});
after(() => edge.stop());
afterEach(() => edge.kv.setMode("ok"));

/**
 * A tenant's mail through one gateway.
 */
class Gateway {
  /** @param {string} tenant @param {string} key */
  constructor(tenant, key) {
    this.tenant = tenant;
    this.key = key;
  }

  /**
   * @param {string} tenant
   * @param {{ refuses?: boolean, policy?: object }} [options]
   */
  static async of(tenant, { refuses = true, policy = {} } = {}) {
    const settings = { tenant, ...(refuses ? { postfix_refusals: true } : {}) };
    const key = await storeKey(edge.kv, tenant, settings);
    await edge.client.putPolicy(tenant, { mode: "enforce", ...policy }, { now: START - 96 * DAY });
    await published(edge.kv, `policy/${tenant}`, () => true);
    return new Gateway(tenant, key);
  }

  /**
   * A message with its header; whether it was accepted.
   * @param {{ host?: string, now: number, build?: string, ip?: string, header?: string, connector?: string }} message
   */
  async atData({ host = "EX01.contoso.com", now, build, ip = IP, header, connector }) {
    const body = event({
      tenant: this.tenant,
      record: "sync",
      client: { ip },
      header: header ?? received({ host, now, ...(build ? { build } : {}) }),
      ...(connector ? { connector } : {}),
    });
    const answer = await edge.client.decide(body, { now, key: this.key, fresh: true });
    assert.equal(answer.degraded, false, answer.why);
    return answer.action === "accept";
  }

  /**
   * What Postfix is answered at RCPT.
   * @param {number} now
   * @param {{ ip?: string, recipient?: string }} [options]
   */
  async atRcpt(now, { ip = IP, recipient = "b@example.org" } = {}) {
    const attributes = { request: "smtpd_access_policy", client_address: ip, recipient };
    const body = new URLSearchParams(attributes).toString();
    const answer = await edge.client.ask("POST", "/gateways/postfix", {
      key: this.key,
      body,
      now,
      fresh: true,
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  }

  /** As a server hands a message over: only what passes at RCPT comes to its header. @param {any} message */
  async hands(message) {
    const text = await this.atRcpt(message.now, message);
    if (text !== "DUNNO") {
      assert.match(text, DEFERRED);
      return "at RCPT";
    }
    return (await this.atData(message)) ? "accepted" : "at DATA";
  }

  /** Lets a server mail for 95 days, so that it is blocked at every minute. @param {{ host?: string, ip?: string }} [from] */
  async grow(from = {}) {
    for (const day of [95, 94, 70, 50, 35, 20, 5, 1]) await this.atData({ ...from, now: START - day * DAY });
  }

  /** Has the address published by a refused message. @param {number} now @param {{ host?: string, ip?: string }} [from] */
  async earn(now, from = {}) {
    assert.equal(await this.atData({ ...from, now }), false);
    await this.knows(from.ip ?? IP, (/** @type {any} */ { until }) => until === now + 15 * MINUTE);
  }

  /** @param {string} address @param {(record: any) => boolean} isIt */
  knows(address, isIt) {
    return published(edge.kv, `peer/${this.tenant}/${address}`, isIt);
  }

  /** Waits until the address is withdrawn. */
  withdrawn() {
    return this.knows(IP, ({ machines }) => machines.length === 0);
  }
}

test("without the key's setting everything goes on to the milter, and nothing is published", async () => {
  const gateway = await Gateway.of("reports", { refuses: false });
  await gateway.grow();
  assert.equal(await gateway.atData({ now: START }), false, "the milter refuses");
  for (let minute = 0; minute < 6; minute += 1) {
    assert.equal(await gateway.atRcpt(START + minute * MINUTE), "DUNNO");
  }
  const keys = (await edge.kv.keys()).map(({ name }) => name);
  assert.deepEqual(
    keys.filter((name) => name.startsWith("peer/")),
    [],
  );
});

test("where the key asks for it a blocked server's address is deferred, never rejected, in four minutes of five", async () => {
  const gateway = await Gateway.of("refuses");
  await gateway.grow();
  await gateway.grow({ ip: "2001:db8:1:2::7" });
  assert.equal(await gateway.atRcpt(START + MINUTE), "DUNNO", "nothing was refused lately");
  await gateway.earn(START);
  const answers = [];
  for (let minute = 0; minute < 15; minute += 1) answers.push(await gateway.atRcpt(START + minute * MINUTE));
  assert.deepEqual(
    answers.map((text) => (DEFERRED.test(text) ? 450 : text)),
    Array.from({ length: 15 }, (_, minute) => (minute % 5 === 0 ? "DUNNO" : 450)),
  );
  assert.equal(await gateway.atRcpt(START + 16 * MINUTE), "DUNNO", "its own answers renew nothing");
  for (const recipient of ["postmaster@example.org", "abuse@example.org"]) {
    assert.equal(await gateway.atRcpt(START + MINUTE, { recipient }), "DUNNO", recipient);
  }
  for (const ip of ["203.0.113.8", "2001:db8:1:3::7", "unknown"]) {
    assert.equal(await gateway.atRcpt(START + MINUTE, { ip }), "DUNNO", ip);
  }
  assert.equal(await gateway.atData({ now: START, ip: "2001:db8:1:2::7" }), false);
  await gateway.knows("2001:db8:1:2::", ({ until }) => until === START + 15 * MINUTE);
  assert.match(await gateway.atRcpt(START + MINUTE, { ip: "2001:db8:1:2:ffff::1" }), DEFERRED, "an IPv6 /64");
  const lines = `request=smtpd_access_policy\nclient_address=${IP}\nrecipient=b@example.org\n\n`;
  const asked = { key: null, headers: { "x-auth-token": gateway.key }, body: lines, now: START + MINUTE };
  const { text } = await edge.client.ask("POST", "/gateways/postfix", asked);
  assert.match(text, /^action=450 4\.7\.230 .*\n\n$/);
  for (const garbage of ["", "\0", "=&=&", "client_address"]) {
    const body = Buffer.from(garbage);
    const answer = await edge.client.ask("POST", "/gateways/postfix", {
      key: gateway.key,
      body,
      now: START + MINUTE,
    });
    assert.equal(answer.text, "DUNNO");
  }
  await edge.kv.setMode("500");
  assert.equal(await gateway.atRcpt(START + MINUTE), "DUNNO", "our own fault delays nothing");
});

test("an address is deferred only after 30 days of being watched", async () => {
  const gateway = await Gateway.of("watched", { refuses: false });
  await gateway.grow();
  await storeKey(edge.kv, "watched", { tenant: "watched", postfix_refusals: true });
  assert.equal(await gateway.atData({ now: START }), false);
  assert.equal(await gateway.atRcpt(START + MINUTE), "DUNNO");
  for (const day of [10, 20, 29]) assert.equal(await gateway.atData({ now: START + day * DAY }), false);
  assert.equal(await gateway.atRcpt(START + 29 * DAY + MINUTE), "DUNNO");
  await gateway.earn(START + 31 * DAY);
  assert.match(await gateway.atRcpt(START + 31 * DAY + MINUTE), DEFERRED);
});

const LATER = START + 2 * MINUTE;

/** What ends it at once, each in a tenant of its own. */
const ENDS = /** @type {[string, (gateway: Gateway) => Promise<unknown>][]} */ ([
  ["its server is patched", (gateway) => gateway.atData({ now: LATER, build: PATCHED })],
  [
    "another server there is acceptable",
    (gateway) => gateway.atData({ now: LATER, host: "EX02.contoso.com", build: PATCHED }),
  ],
  [
    "another server there is out of date, and not refused yet",
    (gateway) => gateway.atData({ now: LATER, host: "EX02.contoso.com" }),
  ],
  [
    "mail of no Exchange server comes from there",
    (gateway) =>
      gateway.atData({ now: LATER, header: "Received: from a by b with ESMTP; x\r\nFrom: a@b\r\n" }),
  ],
  [
    "mail comes from there that is out of the policy's scope",
    (gateway) => gateway.atData({ now: LATER, host: "EX03.contoso.com", connector: "partner" }),
  ],
  [
    "the tenant leaves enforcement",
    async ({ tenant }) => {
      await edge.client.putPolicy(tenant, { mode: "report" }, { now: LATER });
      await published(edge.kv, `policy/${tenant}`, ({ rev }) => rev === 2);
    },
  ],
  [
    "the server is exempt",
    async ({ tenant }) => {
      const body = { reason: "x", expires_at: new Date((LATER + DAY) * 1000).toISOString() };
      const path = `/v1/tenants/${tenant}/servers/ex01.contoso.com/exemption`;
      assert.equal((await edge.client.ask("PUT", path, { body, now: LATER })).status, 200);
      await published(
        edge.kv,
        `phase/${tenant}/ex01.contoso.com`,
        ({ exemptions }) => exemptions?.length > 0,
      );
    },
  ],
]);
for (const [number, [what, end]] of ENDS.entries()) {
  test(`an address is no longer deferred once ${what}`, async () => {
    const gateway = await Gateway.of(`ends-${number}`);
    await gateway.grow();
    await gateway.earn(START);
    assert.match(await gateway.atRcpt(START + MINUTE), DEFERRED);
    await end(gateway);
    const start = performance.now();
    await until("it passes", async () => (await gateway.atRcpt(START + 3 * MINUTE)) === "DUNNO");
    assert.ok(performance.now() - start < 3_000);
  });
}

test("two throttled servers behind one address are deferred in the minutes alone in which both are", async () => {
  const ladder = [
    { days: 30, throttle_minutes: 0, block_minutes: 0 },
    { throttle_minutes: 40, block_minutes: 0 },
  ];
  const gateway = await Gateway.of("both", { policy: { ladder } });
  const hosts = ["EX01.contoso.com", "EX02.contoso.com"];
  for (const host of hosts) await gateway.grow({ host });
  /** @type {string[]} */
  const wrong = [];
  let deferred = 0;
  for (let minute = 0; minute < 60; minute += 1) {
    const now = START + minute * MINUTE;
    const accepted = [];
    for (const host of hosts) accepted.push(await gateway.atData({ now, host }));
    const mayDefer = minute % 5 !== 0 && !accepted.includes(true);
    const isDeferred = DEFERRED.test(await gateway.atRcpt(now));
    deferred += Number(isDeferred);
    if (isDeferred && !mayDefer) wrong.push(`minute ${minute}: ${accepted}`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(deferred > 0, "in some they are");
});

/**
 * A blocked server A and a patched one, B, behind one address: when each of them mails, in minutes from the start.
 * @type {[string, number[], number[]][]}
 */
const PATTERNS = [
  ["A 1 s after each 15 min, B every 10", every(15 + 1 / 60, 3), every(10, 3)],
  ["A every 2 min, B every 10", every(2, 1.5), every(10, 1.5)],
  ["A and B every 10 min", every(10, 3), every(10, 3, 0.5)],
  ["A every 60 min, B every 10", every(60, 4), every(10, 4)],
];

/** Multiples of `step` minutes within so many hours. @param {number} step @param {number} hours */
function every(step, hours, from = 0) {
  return Array.from({ length: Math.floor((hours * 60) / step) }, (_, index) => from + index * step);
}

for (const [number, [what, ofA, ofB]] of PATTERNS.entries()) {
  test(`a patched server behind a blocked one's address is held up by its first message at most: ${what}`, async (t) => {
    const gateway = await Gateway.of(`pattern-${number}`);
    await gateway.grow();
    // the address is published when B mails for the first time
    await gateway.earn(START);
    const mails = [
      ...ofA.slice(1).map((minute) => ({ minute, host: "A", build: undefined })),
      ...ofB.map((minute) => ({ minute: minute + 1, host: "B", build: PATCHED })),
    ].sort((a, b) => a.minute - b.minute);
    let waited = -1;
    const fates = { A: new Map(), B: new Map() };
    for (const { minute, host, build } of mails) {
      let now = START + Math.round(minute * MINUTE);
      const mail = { host: host === "A" ? "EX01.contoso.com" : "EX02.contoso.com", build };
      let fate = await gateway.hands({ ...mail, now });
      if (host === "B" && waited < 0) {
        // as a sender does: it tries again
        for (waited = 0; fate === "at RCPT"; waited += 1) {
          now += MINUTE;
          fate = await gateway.hands({ ...mail, now });
        }
        assert.equal(fate, "accepted");
        await gateway.withdrawn();
      } else {
        const fateOf = fates[/** @type {"A" | "B"} */ (host)];
        fateOf.set(fate, (fateOf.get(fate) ?? 0) + 1);
      }
    }
    t.diagnostic(
      `B's first message waited ${waited} min; then ${[...fates.B].join(" ")}; A: ${[...fates.A].join(" ")}`,
    );
    assert.ok(waited <= 4, "within five minutes one passes");
    assert.deepEqual([...fates.B.keys()], ["accepted"], "B is never refused again");
    assert.ok(!fates.A.has("accepted"), "the milter goes on refusing A");
  });
}

test("an address is seldom written, however much of its mail is refused", async () => {
  const gateway = await Gateway.of("seldom");
  await gateway.grow();
  await gateway.earn(START);
  await edge.kv.reset();
  for (let minute = 1; minute <= 4; minute += 1) await gateway.atData({ now: START + minute * MINUTE });
  const puts = (await edge.kv.log()).filter((entry) => JSON.stringify(entry).includes(`peer/seldom`));
  assert.deepEqual(
    puts.filter((entry) => JSON.stringify(entry).includes("PUT")),
    [],
  );
  await gateway.earn(START + 6 * MINUTE);
});

test("a deleted tenant's addresses are withdrawn, and a server that was deleted counts on as what it was", async () => {
  const gateway = await Gateway.of("deleted");
  await gateway.grow();
  await gateway.grow({ host: "EX02.contoso.com" });
  await gateway.atData({ now: START - MINUTE, host: "EX02.contoso.com", build: PATCHED });
  const path = "/v1/tenants/deleted";
  const ask = (/** @type {string} */ at) => edge.client.ask("DELETE", path + at, { now: START });
  assert.equal((await ask("/servers/ex02.contoso.com")).status, 204);
  assert.equal(await gateway.atData({ now: START }), false);
  await gateway.withdrawn();
  assert.equal(await gateway.atRcpt(START + MINUTE), "DUNNO", "who was patched may still be there");
  assert.equal((await ask("")).status, 204);
  await until("KV has nothing of the tenant", async () => {
    const names = (await edge.kv.keys()).map(({ name }) => name);
    return !names.some((name) => name.split("/")[1] === "deleted" && !name.startsWith("key/"));
  });
});
