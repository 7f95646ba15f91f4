/**
 * Postfix hands mail to rspamd, which asks Tidegate by a rule in Lua, beside its other work or as all its work.
 * rspamd has SMTP codes of its own; with Postfix's milter_header_checks the enhanced code and the text are those that were
 * decided. Mail flows when Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "../support/client.mjs";
import { startNginx } from "./support/nginx.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { startOnly, startRspamd, startRule } from "./support/rspamd.mjs";
import { logged, remove, scratch } from "./support/servers.mjs";
import { edited, shipped } from "./support/shipped.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { startStub } from "./support/stub.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { header, smtpLine, startWorld, TENANT } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */
/** @typedef {import("./support/rspamd.mjs").Rspamd} Rspamd */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);
const BY_HEADER = { more: "answer_by_header = true;" };

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"rule" | "closed" | "header" | "only" | "onlyHeader" | "mirror", Rspamd>} */
let rspamds;
/** @type {Awaited<ReturnType<typeof startNginx>>[]} */
const nginxs = [];
/** @type {import("./support/postfix.mjs").Postfix} */
let postfix;
/** @type {string} */
let checks;

/**
 * An rspamd that shows Tidegate a copy of each message.
 * @param {string} key
 */
async function startMirror(key) {
  const nginx = await startNginx("rspamd/nginx.conf", { url: world.url, key });
  nginxs.push(nginx);
  const file = "rspamd/worker-proxy-mirror.inc";
  const path = /bind_socket = "(\S+) /.exec(shipped(file))?.[1] ?? "";
  return startRspamd({
    worker: (socket) =>
      edited(shipped(file), [
        [path, socket],
        ["127.0.0.1:11380", `127.0.0.1:${nginx.port}`],
      ]),
  });
}

before(async () => {
  world = await startWorld();
  const [rule, closed, header, only, onlyHeader, mirror] = await Promise.all([
    startRule(world),
    startRule(world, { more: 'fail = "defer";' }),
    startRule(world, BY_HEADER),
    startOnly(world),
    startOnly(world, BY_HEADER),
    startMirror(world.key),
  ]);
  rspamds = { rule, closed, header, only, onlyHeader, mirror };
  checks = scratch("checks");
  const table = join(checks, "milter_header_checks");
  writeFileSync(table, shipped("rspamd/milter_header_checks"));
  const milter = ({ milter }) => [`smtpd_milters={ ${milter}, default_action=accept, content_timeout=10s }`];
  postfix = await startPostfix(
    {
      rule: milter(rule),
      closed: milter(closed),
      header: [...milter(header), "cleanup_service_name=cleanup-checks"],
      only: milter(only),
      onlyHeader: [...milter(onlyHeader), "cleanup_service_name=cleanup-checks"],
      mirror: milter(mirror),
    },
    `cleanup-checks unix n - n - 0 cleanup -o { milter_header_checks = regexp:${table} }\n`,
  );
});
after(async () => {
  await postfix?.stop();
  await Promise.all([...Object.values(rspamds ?? {}), ...nginxs].map((server) => server.stop()));
  if (checks) remove(checks);
  await world?.stop();
});
afterEach(() => world.front.set("pass"));

/** @param {import("./support/swaks.mjs").Sent} sent */
function accepted({ reply, transcript }) {
  assert.match(reply, /^250 2\.0\.0 Ok: queued as \w+$/, transcript);
}

/** What rspamd as a milter makes of the reply. @param {Kind} kind */
const byRspamd = (kind) => smtpLine(kind)?.replace(/^450 /, "451 4.7.1 ").replace(/^550 /, "554 5.7.1 ");
/** What Postfix's milter_header_checks make of it. @param {Kind} kind */
const byHeaderChecks = (kind) => smtpLine(kind)?.replace(/^450 /, "451 ");

const ways = /** @type {const} */ ([
  ["rule", byRspamd],
  ["only", byRspamd],
  ["header", byHeaderChecks],
  ["onlyHeader", byHeaderChecks],
]);

for (const [way, line] of ways) {
  describe(`by ${way}`, () => {
    for (const kind of KINDS) {
      test(`a message of kind ${kind}`, async () => {
        const sent = await send(postfix.ports[way], { header: header(kind) });
        if (line(kind)) assert.equal(sent.reply, line(kind), sent.transcript);
        else accepted(sent);
      });
    }

    test("a large body", async () => {
      const body = `${"b".repeat(70)}\r\n`.repeat(15_000);
      const sent = await send(postfix.ports[way], { header: header("throttled"), body });
      assert.equal(sent.reply, line("throttled"));
    });

    test("a message to as many recipients as Postfix lets in", async () => {
      for (const kind of /** @type {Kind[]} */ (["current", "other", "blocked"])) {
        const session = await SmtpSession.open(postfix.ports[way]);
        await session.say("MAIL FROM:<a@contoso.com>");
        for (let count = 0; count < 1_000; count += 1) {
          const reply = await session.say(`RCPT TO:<a-recipient-of-some-length-${count}@gw.test>`);
          assert.match(reply, /^250 /);
        }
        const reply = await session.data(header(kind));
        if (line(kind)) assert.equal(reply, line(kind));
        else assert.match(reply, /^250 2\.0\.0 Ok/);
        await session.end();
      }
    });

    test("several messages of one session", async () => {
      const session = await SmtpSession.open(postfix.ports[way]);
      for (const kind of /** @type {Kind[]} */ (["throttled", "current", "blocked", "throttled"])) {
        const reply = await session.send(header(kind));
        if (line(kind)) assert.equal(reply, line(kind));
        else assert.match(reply, /^250 2\.0\.0 Ok/);
      }
      await session.end();
    });

    test("a Tidegate that was restarted is asked on a new connection", async () => {
      await send(postfix.ports[way], { header: header("blocked") });
      world.front.cut();
      assert.equal((await send(postfix.ports[way], { header: header("blocked") })).reply, line("blocked"));
    });

    test("while Tidegate is gone mail flows", async () => {
      await world.front.set("gone");
      for (const kind of KINDS) {
        const sent = await send(postfix.ports[way], { header: header(kind) });
        accepted(sent);
        assert.ok(sent.ms < 2_000, `${sent.ms}`);
      }
    });

    test("while Tidegate answers after 10 s mail flows", async () => {
      await world.front.set("slow", { ms: 10_000 });
      const sent = await send(postfix.ports[way], { header: header("blocked") });
      accepted(sent);
      assert.ok(sent.ms > 2_300 && sent.ms < 8_000, `${sent.ms}`);
      await world.front.set("pass");
      assert.equal((await send(postfix.ports[way], { header: header("blocked") })).reply, line("blocked"));
    });
  });
}

test("a sender's own verdict header is not believed", async () => {
  const forged = `X-Tidegate-Verdict: reject 5.7.1 forged\r\n${header("current")}`;
  for (const way of /** @type {const} */ (["header", "onlyHeader"])) {
    accepted(await send(postfix.ports[way], { header: forged }));
  }
});

test("a rule that is to defer mail while Tidegate is gone does", async () => {
  await world.front.set("gone");
  const sent = await send(postfix.ports.closed, { header: header("current") });
  assert.equal(sent.reply, "451 4.7.1 4.3.0 Policy service unavailable, try again later");
  accepted(await send(postfix.ports.closed, { header: header("other") }));
});

test("what is no decision lets mail through, and no answer adds a line to a reply", async () => {
  const stub = await startStub();
  const rspamd = await startRule({ ...world, url: stub.url });
  const own = await startPostfix({
    own: [`smtpd_milters=${rspamd.milter}`, "milter_default_action=tempfail"],
  });
  try {
    for (const answer of stub.NO_DECISIONS) {
      stub.set(answer);
      accepted(await send(own.ports.own, { header: header("blocked") }));
    }
    stub.set({ body: stub.INJECTING });
    const { reply } = await send(own.ports.own, { header: header("blocked") });
    assert.equal(reply, "451 4.7.1 4.7.230 old 250 2.0.0 injected");
    // what report mode would do stands in the log
    stub.set({ body: { action: "accept", would: "reject" } });
    accepted(await send(own.ports.own, { header: header("blocked") }));
    await logged(() => rspamd.log(), /TIDEGATE\(0\.00\)\{would=reject;\}/);
  } finally {
    await own.stop();
    await Promise.all([rspamd.stop(), stub.stop()]);
  }
});

test("a revoked key lets mail through", async () => {
  const rspamd = await startOnly({ ...world, key: "tg_none_0123456789abcdef" });
  const own = await startPostfix({
    own: [`smtpd_milters=${rspamd.milter}`, "milter_default_action=tempfail"],
  });
  try {
    accepted(await send(own.ports.own, { header: header("blocked") }));
  } finally {
    await own.stop();
    await rspamd.stop();
  }
});

test("a mirror shows Tidegate every message and changes no reply", async () => {
  const before = await world.client.counted(TENANT);
  for (const kind of KINDS) accepted(await send(postfix.ports.mirror, { header: header(kind) }));
  await until("all are counted", async () => (await world.client.counted(TENANT)) >= before + 3);
  await world.front.set("slow", { ms: 10_000 });
  const sent = await send(postfix.ports.mirror, { header: header("blocked") });
  accepted(sent);
  assert.ok(sent.ms < 2_000, `${sent.ms}`);
});

test("over TLS only an authority that is trusted is talked to", async () => {
  const tls = await startTls(world.port);
  const over = { url: tls.url, key: world.key };
  const [trusting, wary] = await Promise.all([
    startRule(over, { options: `ssl_ca_path = "${tls.authority}";` }),
    startRule(over),
  ]);
  const own = await startPostfix({
    trusting: [`smtpd_milters=${trusting.milter}`],
    wary: [`smtpd_milters=${wary.milter}`],
  });
  try {
    assert.equal((await send(own.ports.trusting, { header: header("blocked") })).reply, byRspamd("blocked"));
    accepted(await send(own.ports.wary, { header: header("blocked") }));
  } finally {
    await own.stop();
    await Promise.all([trusting.stop(), wary.stop()]);
    await tls.stop();
  }
});
