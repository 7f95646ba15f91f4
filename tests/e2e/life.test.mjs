/**
 * Servers' lives, from the first message to the patch, on workerd with a clock that the test sets.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, Client, event, mailDate, received, rfc3339, until } from "../support/client.mjs";
import { startDev } from "../support/dev.mjs";
import { actionAt, retryAfter, STAGES } from "../support/ladder.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;

const OUTDATED = "15.1.2507.39";
const PATCHED = "15.1.2507.61";

const POLICY = { mode: "enforce", operator: "Example Mail", help_url: "https://help.example/exchange" };
/** Before anything is sent. */
const POLICY_AT = at("2026-09-10T00:00:00Z");

/** @type {import("../support/dev.mjs").Dev} */
let dev;
/** @type {Client} */
let client;

before(async () => {
  dev = await startDev({ vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
});
after(() => dev.stop());

/** One server and the mail that it hands over. */
class Server {
  /**
   * @param {string} tenant
   * @param {string} host
   */
  constructor(tenant, host) {
    this.tenant = tenant;
    this.host = host;
    this.id = host.toLowerCase();
  }

  /**
   * Hands one message over; each `now` makes another message.
   * @param {number} now
   * @param {{ build?: string, kind?: "smtp" | "pickup" | "no_build", to?: string[], record?: "sync" | "async" }} [message]
   */
  send(now, { build = OUTDATED, kind = "smtp", to = ["b@example.org"], record = "sync" } = {}) {
    const header = received({ host: this.host, now, build, kind });
    const envelope = { from: "a@contoso.com", to };
    return client.decide(event({ tenant: this.tenant, header, record, envelope }), { now });
  }

  /**
   * Is first seen at `start` and sends on until so many days have passed.
   * @param {number} start
   * @param {number} days
   */
  async age(start, days) {
    await this.send(start);
    await this.send(start + HOUR);
    for (let day = 20; day < days; day += 20) await this.send(start + day * DAY);
  }

  /**
   * Falls back to the old build, one message an hour: with the eighth, nothing better is remembered of its name.
   * @param {number} from
   */
  async fallBack(from) {
    const times = Array.from({ length: 8 }, (_, hour) => from + hour * HOUR);
    for (const now of times) assert.equal((await this.send(now)).action, "accept", rfc3339(now));
    return from + 7 * HOUR;
  }

  /** @param {number} now */
  shown(now) {
    return client.server(this.tenant, this.id, { now });
  }

  /** Without the changes of stage. @param {number} now */
  async transitions(now) {
    const { transitions } = await this.shown(now);
    return transitions
      .map((/** @type {any} */ { at, kind }) => `${kind} ${at}`)
      .filter((/** @type {string} */ transition) => !transition.startsWith("stage "));
  }
}

/**
 * @param {string} tenant
 * @param {object} [policy]
 */
async function serverOf(tenant, policy = POLICY) {
  await client.putPolicy(tenant, policy, { now: POLICY_AT });
  return new Server(tenant, "EX01.contoso.com");
}

/**
 * The stage as an answer shows it, and all that follows from it at that moment.
 * @param {any} decision
 * @param {Server} server
 * @param {number} number of the stage, from 1
 * @param {number} now
 */
function assertDecided(decision, server, number, now) {
  const { throttle, block } = STAGES[number - 1];
  const when = `stage ${number}, ${rfc3339(now)}`;
  const action = actionAt(server.tenant, server.id, STAGES[number - 1], now);
  const { stage } = decision;
  assert.deepEqual(
    [stage.number, stage.throttle_minutes, stage.block_minutes],
    [number, throttle, block],
    when,
  );
  assert.deepEqual([decision.action, decision.would, decision.degraded], [action, action, false], when);
  const retry = action === "accept" ? null : retryAfter(server.tenant, server.id, STAGES[number - 1], now);
  assert.equal(decision.retry_after, retry, when);
  const head = "Connecting Exchange server version is out-of-date; connection to Example Mail";
  const tail = "mins/hr. For more information see https://help.example/exchange";
  const replies = {
    accept: null,
    defer: { code: 450, enhanced: "4.7.230", text: `${head} throttled for ${throttle} ${tail}` },
    reject: { code: 550, enhanced: "5.7.230", text: `${head} blocked for ${block} ${tail}` },
  };
  assert.deepEqual(decision.reply, replies[action], when);
}

test("a vulnerable server is recorded, passes all eight stages, and is free with its patch", async (t) => {
  const server = await serverOf("life");
  const start = at("2026-10-01T08:15:08Z");
  /** @param {number} stage from 1; its start, from the default ladder's days */
  const startOf = (stage) => start + [0, 30, 40, 50, 60, 70, 80, 90][stage - 1] * DAY;

  await t.test("its first message is recorded and accuses nobody, nor does a retry of it", async () => {
    const first = await server.send(start);
    assert.deepEqual([first.action, first.recorded, first.degraded], ["accept", true, false]);
    assert.equal(first.standing.state, "out_of_date");
    const header = received({ host: server.host, now: start });
    const retry = await client.decide(event({ tenant: server.tenant, header, record: "sync" }), {
      now: start + 600,
    });
    assert.equal(retry.action, "accept");
    const shown = await server.shown(start + 601);
    assert.equal(shown.first_seen, "2026-10-01T08:15:08Z");
    assert.deepEqual([shown.stage, shown.detected_at, shown.transitions], [null, null, []]);
  });

  await t.test("its second message starts the clock at the first, to the second", async () => {
    const second = await server.send(start + 50 * 60);
    assert.equal(second.action, "accept");
    assert.deepEqual(second.stage, {
      number: 1,
      since: "2026-10-01T08:15:08Z",
      throttle_minutes: 0,
      block_minutes: 0,
      next: { number: 2, at: "2026-10-31T08:15:08Z", throttle_minutes: 5, block_minutes: 0 },
    });
  });

  await t.test("its administrator finds which line of which message condemned it", async () => {
    const shown = await server.shown(start + HOUR);
    const [detected, ...none] = shown.transitions;
    assert.deepEqual(
      [detected.at, detected.kind, detected.build],
      ["2026-10-01T08:15:08Z", "detected", OUTDATED],
    );
    assert.deepEqual([detected.actor, none], ["system", []]);
    assert.deepEqual(shown.spells, [{ detected_at: "2026-10-01T08:15:08Z", ended_at: null, end: null }]);
    assert.deepEqual(
      [shown.throttled_from, shown.blocked_from],
      [rfc3339(startOf(2)), rfc3339(startOf(8))],
      "when its mail is first turned away, and when all of it",
    );
    assert.deepEqual([shown.build, shown.product], [OUTDATED, "Exchange Server 2016"]);
    assert.deepEqual(shown.standing, {
      state: "out_of_date",
      reason: "behind_on_updates",
      required: PATCHED,
      behind_days: 539,
    });
    const [newest, ...older] = shown.evidence;
    assert.ok(older.length === 2, "one entry for each message");
    assert.deepEqual(
      [newest.at, newest.node, newest.field, newest.component, newest.build],
      ["2026-10-01T09:05:08Z", "10.53.40.201", 0, "smtp", OUTDATED],
    );
    assert.match(newest.text, /^by EX01\.contoso\.com \(10\.53\.40\.201\) with .* id 15\.1\.2507\.39$/);
    assert.match(newest.received, /^from mbx-essen-01\.secunet\.de .* 09:05:08 \+0000$/);
  });

  for (let number = 1; number <= 8; number += 1) {
    const begin = startOf(number);
    if (number > 1) {
      await t.test(`stage ${number} begins at the exact second`, async () => {
        const before = await server.send(begin - 1);
        assertDecided(before, server, number - 1, begin - 1);
        assert.equal(before.stage.next.at, rfc3339(begin));
        const then = await server.send(begin);
        assertDecided(then, server, number, begin);
        assert.equal(then.stage.since, rfc3339(begin));
        const next = number < 8 ? rfc3339(startOf(number + 1)) : undefined;
        assert.equal(then.stage.next?.at, next);
      });
    }
    await t.test(`stage ${number} accepts, defers and rejects in its very minutes of the hour`, async () => {
      const hour = Math.ceil((begin + 3 * DAY) / HOUR) * HOUR;
      const minutes = Array.from({ length: 60 }, (_, minute) => hour + minute * 60 + ((minute * 7) % 60));
      const counts = { accept: 0, defer: 0, reject: 0 };
      for (let from = 0; from < 60; from += 10) {
        const some = minutes.slice(from, from + 10);
        const decisions = await Promise.all(some.map((now) => server.send(now, { record: "async" })));
        for (const [index, decision] of decisions.entries()) {
          assertDecided(decision, server, number, some[index]);
          counts[/** @type {"accept" | "defer" | "reject"} */ (decision.action)] += 1;
        }
      }
      const { throttle, block } = STAGES[number - 1];
      assert.deepEqual(counts, { accept: 60 - throttle - block, defer: throttle, reject: block });
    });
  }

  const blocked = startOf(8) + 5 * DAY;

  await t.test("while blocked, a Pickup message and one without a build are accepted", async () => {
    const pickup = await server.send(blocked, { kind: "pickup", build: "15.1.2507.17" });
    assert.deepEqual([pickup.action, pickup.would, pickup.standing.state], ["accept", "accept", "unknown"]);
    assert.equal(pickup.server.id, server.id);
    const bare = await server.send(blocked + 60, { kind: "no_build" });
    assert.deepEqual([bare.action, bare.standing.reason, bare.server.id], ["accept", "no_build", server.id]);
    const usual = await server.send(blocked + 120);
    assertDecided(usual, server, 8, blocked + 120);
  });

  await t.test(
    "while blocked, its administrator can write to postmaster and abuse, and to nobody else",
    async () => {
      const cases = /** @type {[string[], string][]} */ ([
        [["postmaster@example.org"], "accept"],
        [["POSTMASTER@EXAMPLE.ORG", "Abuse@example.org"], "accept"],
        [["postmaster"], "accept"],
        [["postmaster@example.org", "b@example.org"], "reject"],
        [["postmaster.b@example.org"], "reject"],
        [["b@postmaster"], "reject"],
        [[], "reject"],
      ]);
      for (const [to, action] of cases) {
        const decision = await server.send(blocked + 180, { to });
        assert.deepEqual([decision.action, decision.stage.number], [action, 8], to.join());
      }
    },
  );

  const patchedAt = blocked + DAY;

  await t.test("its first message with the patch is accepted and ends it all", async () => {
    const decision = await server.send(patchedAt, { build: PATCHED });
    assert.deepEqual([decision.action, decision.would, decision.stage], ["accept", "accept", null]);
    assert.equal(decision.standing.state, "current");
    const shown = await server.shown(patchedAt + 1);
    assert.deepEqual([shown.stage, shown.detected_at, shown.standing.state], [null, null, "current"]);
    assert.deepEqual(await server.transitions(patchedAt + 1), [
      `patched ${rfc3339(patchedAt)}`,
      "detected 2026-10-01T08:15:08Z",
    ]);
    for (const minute of [1, 20, 40]) {
      const next = await server.send(patchedAt + minute * 60, { build: PATCHED, record: "async" });
      assert.equal(next.action, "accept");
    }
    // what is recorded later must not be heard in a later part of its life
    const last = rfc3339(patchedAt + 40 * 60);
    await until(
      "the last of them is recorded",
      async () => (await server.shown(patchedAt + HOUR)).last_seen === last,
    );
  });

  await t.test("one stale component does not condemn a patched machine", async () => {
    for (const minute of [100, 200]) {
      const stale = await server.send(patchedAt + minute * 60);
      assert.deepEqual([stale.action, stale.would], ["accept", "accept"]);
    }
    const shown = await server.shown(patchedAt + 4 * HOUR);
    assert.equal(shown.detected_at, null);
    assert.equal((await server.transitions(patchedAt + 4 * HOUR)).length, 2);
  });

  await t.test(
    "back on the old build within 30 days it is blocked again, with 7 days of notice",
    async () => {
      const relapse = patchedAt + 20 * DAY;
      const last = await server.fallBack(relapse);
      // with the two stale ones after the patch, the sixth message is the eighth of the old build
      const [newest] = await server.transitions(last);
      assert.equal(newest, `resumed ${rfc3339(relapse + 5 * HOUR)}`);
      const opened = relapse + 6 * HOUR + 7 * DAY;
      assert.equal((await server.send(opened - 1)).action, "accept");
      assertDecided(await server.send(opened), server, 8, opened);
    },
  );
});

test("a relapse within 30 days resumes the clock where the patch stopped it, to the second", async () => {
  const server = await serverOf("relapse");
  await server.age(at("2026-10-03T23:59:59Z"), 41);
  // stage 3 since 2026-11-12T23:59:59Z, and 4 days 20:38:53 before stage 4
  await server.send(at("2026-11-18T03:21:06Z"), { build: PATCHED });
  assert.equal(await server.fallBack(at("2026-11-30T00:26:12Z")), at("2026-11-30T07:26:12Z"));
  const second = await server.send(at("2026-11-30T09:00:00Z"));
  assert.deepEqual([second.action, second.stage.number, second.stage.throttle_minutes], ["accept", 3, 0]);
  assert.deepEqual(
    [second.stage.next.number, second.stage.next.at],
    [4, "2026-12-07T09:00:00Z"],
    "nothing is closed within 7 days of the second message",
  );
  assert.deepEqual(await server.transitions(at("2026-11-30T09:00:01Z")), [
    "resumed 2026-11-30T07:26:12Z",
    "patched 2026-11-18T03:21:06Z",
    "detected 2026-10-03T23:59:59Z",
  ]);
  // 2026-11-30T07:26:12Z and 4 days 20:38:53
  const stages = [at("2026-12-05T04:05:04Z"), at("2026-12-05T04:05:05Z")].map((now) => server.send(now));
  assert.deepEqual(
    (await Promise.all(stages)).map(({ stage }) => stage.number),
    [3, 4],
  );
  const opened = at("2026-12-07T09:00:00Z");
  assert.equal((await server.send(opened - 1)).action, "accept");
  assertDecided(await server.send(opened), server, 4, opened);
  const [last, next] = [at("2026-12-15T04:05:04Z"), at("2026-12-15T04:05:05Z")];
  assertDecided(await server.send(last), server, 4, last);
  assertDecided(await server.send(next), server, 5, next);
});

test("a relapse more than 30 days after the patch starts anew at stage 1", async () => {
  const server = await serverOf("late-relapse");
  await server.age(at("2026-10-02T10:20:30Z"), 95);
  const patchedAt = at("2027-01-05T00:00:01Z");
  await server.send(patchedAt, { build: PATCHED });
  const relapse = await server.fallBack(patchedAt + 30 * DAY + 1 - 7 * HOUR);
  const second = await server.send(relapse + HOUR);
  assert.deepEqual([second.action, second.stage.number, second.stage.since], ["accept", 1, rfc3339(relapse)]);
  assert.deepEqual((await server.transitions(relapse + 3 * HOUR)).slice(0, 2), [
    `detected ${rfc3339(relapse)}`,
    "patched 2027-01-05T00:00:01Z",
  ]);
});

test("a server that was silent for 60 days goes on where it stopped if it is back within 180 days", async () => {
  const server = await serverOf("silent");
  await server.age(at("2026-10-02T10:20:30Z"), 95);
  const monthly = at("2026-12-21T10:20:30Z") + 35 * DAY;
  assertDecided(await server.send(monthly), server, 8, monthly);
  const kept = monthly + 60 * DAY - 1;
  const rare = await server.send(kept);
  assert.deepEqual(
    [rare.action, rare.stage.number],
    ["accept", 8],
    "not refused for 35 days, so 7 days of notice",
  );
  const noticed = kept + 7 * DAY;
  assert.equal((await server.send(noticed - 1)).action, "accept");
  assertDecided(await server.send(noticed), server, 8, noticed);
  const back = noticed + 180 * DAY;
  assert.equal((await server.send(back)).action, "accept");
  const second = await server.send(back + HOUR);
  assert.deepEqual([second.action, second.stage.number], ["accept", 8]);
  assertDecided(await server.send(back + HOUR + 7 * DAY), server, 8, back + HOUR + 7 * DAY);
  assert.deepEqual(await server.transitions(back + 8 * DAY), [
    `resumed ${rfc3339(back)}`,
    `silent ${rfc3339(noticed + 60 * DAY)}`,
    "detected 2026-10-02T10:20:30Z",
  ]);
});

test("a server that was silent for more than 180 days starts anew at stage 1", async () => {
  const server = await serverOf("gone");
  await server.age(at("2026-10-02T10:20:30Z"), 95);
  const back = at("2026-12-21T10:20:30Z") + 180 * DAY + 1;
  await server.send(back);
  const second = await server.send(back + HOUR);
  assert.deepEqual([second.action, second.stage.number, second.stage.since], ["accept", 1, rfc3339(back)]);
});

test("one machine that is up to date keeps all of its name free, and the report says which", async () => {
  const server = await serverOf("farm");
  const start = at("2026-10-01T08:15:08Z");
  const send = (/** @type {number} */ now, /** @type {string} */ address, /** @type {string} */ build) => {
    const header = received({ host: server.host, now, build, address });
    return client.decide(event({ tenant: server.tenant, header, record: "sync" }), { now });
  };
  await send(start, "10.0.0.1", OUTDATED);
  await send(start + HOUR, "10.0.0.2", PATCHED);
  for (const day of [1, 2, 3]) {
    const decision = await send(start + day * DAY, "10.0.0.1", OUTDATED);
    assert.deepEqual([decision.action, decision.standing.state], ["accept", "out_of_date"]);
  }
  const shown = await server.shown(start + 3 * DAY + 60);
  assert.deepEqual([shown.standing.state, shown.build, shown.detected_at], ["current", PATCHED, null]);
  assert.deepEqual(shown.kept_free_by, {
    node: "10.0.0.2",
    build: PATCHED,
    last_seen: rfc3339(start + HOUR),
  });
  assert.deepEqual(
    shown.nodes.map((/** @type {any} */ { address, standing }) => `${address} ${standing.state}`).sort(),
    ["10.0.0.1 out_of_date", "10.0.0.2 current"],
  );
  await send(start + 4 * DAY, "10.0.0.1", PATCHED);
  assert.equal((await server.shown(start + 4 * DAY + 60)).kept_free_by, null);
});

test("what lay in a queue for more than an hour is deferred where it would be rejected", async () => {
  const server = await serverOf("queue");
  const start = at("2026-10-01T08:15:08Z");
  await server.age(start, 92);
  const now = start + 93 * DAY;
  const send = async (/** @type {number} */ age) => {
    const header = received({ host: server.host, now: now - age });
    return (await client.decide(event({ tenant: server.tenant, header, record: "sync" }), { now })).reply
      ?.code;
  };
  assert.deepEqual([await send(HOUR), await send(HOUR + 1)], [550, 450]);
});

test("report mode delays no mail and tells in every minute what enforcement would do", async () => {
  const server = await serverOf("report", { ...POLICY, mode: "report" });
  const start = at("2026-10-01T08:15:08Z");
  await server.age(start, 65);
  const hour = Math.ceil((start + 65 * DAY) / HOUR) * HOUR;
  for (let minute = 0; minute < 60; minute += 1) {
    const now = hour + minute * 60 + 30;
    const decision = await server.send(now, { record: "async" });
    const would = actionAt(server.tenant, server.id, STAGES[4], now);
    const { action, reply, retry_after, mode, stage } = decision;
    assert.deepEqual([action, reply, retry_after, mode, stage.number], ["accept", null, null, "report", 5]);
    assert.equal(decision.would, would, rfc3339(now));
  }
});

test("a tenant that goes from 100 days of report to enforce loses no mail for 7 days, and sees whose", async () => {
  const server = await serverOf("surprise", { ...POLICY, mode: "report" });
  const start = at("2026-10-01T08:15:08Z");
  await server.age(start, 100);
  const change = start + 100 * DAY;
  assert.equal((await server.send(change - 1)).would, "reject");
  await client.putPolicy(server.tenant, POLICY, { now: change });
  const { effect } = await server.shown(change);
  assert.deepEqual(effect, { throttle_minutes: 0, block_minutes: 0, obstacle: "notice" });
  for (const now of [change, change + 7 * DAY - 1]) assert.equal((await server.send(now)).action, "accept");
  assertDecided(await server.send(change + 7 * DAY), server, 8, change + 7 * DAY);
  const again = await client.putPolicy(
    server.tenant,
    { ...POLICY, operator: "Example Mail" },
    { now: change + 18 * DAY },
  );
  assert.deepEqual(again.servers, [], "a change that concerns no clock lists nobody");
});

test("mail that could not be refused for more than 35 days is not lost for 7 days when it can be again", async () => {
  const start = at("2026-10-01T08:15:08Z");
  const relay = { host: "relay.example", networks: ["192.0.2.0/24"] };
  const policy = { ...POLICY, trusted_relays: [relay] };
  /** @type {[string, object, { connector?: string, relayed?: boolean }][]} what brings the mail under enforcement */
  const ways = [
    ["scoped", { scope: ["on_premises", "partner"] }, { connector: "partner" }],
    ["relayed", { enforce_behind_relays: true }, { relayed: true }],
    ["enforced", { mode: "enforce" }, {}],
  ];
  for (const [tenant, reach, { connector = "on_premises", relayed }] of ways) {
    const outOfReach = tenant === "enforced" ? { ...policy, mode: "report" } : policy;
    const send = (/** @type {number} */ now) => {
      const own = received({ host: "EX01.contoso.com", now });
      const top = `Received: from a (a [203.0.113.9]) by mx.relay.example (Postfix) with ESMTP id 1; ${mailDate(now)}\r\n`;
      const header = relayed ? top + own : own;
      const peer = { ip: relayed ? "192.0.2.1" : "203.0.113.7" };
      return client.decide(event({ tenant, record: "sync", connector, client: peer, header }), { now });
    };
    await client.putPolicy(tenant, { ...policy, ...reach }, { now: POLICY_AT });
    for (const day of [0, 1, 20, 40, 60, 80, 94]) await send(start + day * DAY);
    const out = start + 95 * DAY;
    assert.equal((await send(out - 60)).action, "reject", tenant);
    await client.putPolicy(tenant, outOfReach, { now: out - 50 });
    for (const day of [0, 20]) assert.equal((await send(out + day * DAY)).action, "accept", tenant);
    // within 35 days its sender knows what to expect
    const soon = out + 30 * DAY;
    await client.putPolicy(tenant, { ...policy, ...reach }, { now: soon - 60 });
    assert.equal((await send(soon)).action, "reject", tenant);
    await client.putPolicy(tenant, outOfReach, { now: soon + 60 });
    for (const day of [10, 30]) assert.equal((await send(soon + day * DAY)).action, "accept", tenant);
    const again = soon + 36 * DAY;
    await client.putPolicy(tenant, { ...policy, ...reach }, { now: again - 60 });
    const [first, last, next] = [again, again + 7 * DAY - 1, again + 7 * DAY];
    assert.deepEqual([(await send(first)).action, (await send(last)).action], ["accept", "accept"], tenant);
    assert.equal((await send(next)).action, "reject", tenant);
  }
});

test("a server that was patched before its tenant was enforced has 7 days of notice when it falls back", async () => {
  const server = await serverOf("notice", { ...POLICY, mode: "report" });
  const start = at("2026-10-01T08:15:08Z");
  await server.age(start, 95);
  await server.send(start + 95 * DAY, { build: PATCHED });
  await client.putPolicy(server.tenant, POLICY, { now: start + 96 * DAY });
  const back = await server.fallBack(start + 103 * DAY);
  const second = await server.send(back + HOUR);
  assert.deepEqual([second.action, second.stage.number], ["accept", 8]);
  assert.equal((await server.send(back + HOUR + 7 * DAY - 1)).action, "accept");
  assertDecided(await server.send(back + HOUR + 7 * DAY), server, 8, back + HOUR + 7 * DAY);
});

test("without a policy a tenant's mail is judged and never delayed", async () => {
  const server = new Server("nobody", "EX01.contoso.com");
  await server.age(at("2026-10-01T08:15:08Z"), 95);
  const decision = await server.send(at("2027-01-04T08:15:08Z"));
  assert.deepEqual([decision.action, decision.would, decision.mode], ["accept", "reject", "report"]);
});

test("what was published lies in KV itself: a restarted worker goes on where it stopped", async () => {
  const server = await serverOf("restart");
  const start = at("2026-10-01T08:15:08Z");
  const now = start + 92 * DAY;
  await server.age(start, 92);
  assertDecided(await server.send(now), server, 8, now);
  await client.tick(server.tenant, { now });
  const before = await server.shown(now);

  await dev.stop({ keepState: true });
  dev = await startDev({ stateDir: dev.stateDir, vars: { LOG_LEVEL: "warn" } });
  client = new Client(dev);
  const header = received({ host: server.host, now });
  const message = event({ tenant: server.tenant, header });
  // A key takes one write a second: the last one may have to wait for the alarm.
  const decision = await until("KV holds policy and phase", async () => {
    const decision = await client.decide(message, { now, fresh: true });
    return decision.stage?.number === 8 && decision.mode === "enforce" && decision;
  });
  assertDecided(decision, server, 8, now);
  const { evidence: _, ...unchanged } = before;
  assert.partialDeepStrictEqual(await server.shown(now), unchanged);
});
