/**
 * Postfix hands mail to rspamd, which asks Tidegate: by a rule in Lua, or by its proxy with Tidegate in a scanner's place.
 * rspamd has SMTP codes of its own; with Postfix's milter_header_checks the enhanced code and the text are those that were
 * decided. Mail flows when Tidegate is gone or slow.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "../support/client.mjs";
import { gatewayKey } from "./support/keys.mjs";
import { startPostfix } from "./support/postfix.mjs";
import { startNginx, startRspamd } from "./support/rspamd.mjs";
import { logged, remove, scratch } from "./support/servers.mjs";
import { edited, shipped, shippedFile } from "./support/shipped.mjs";
import { SmtpSession } from "./support/smtp.mjs";
import { startStub } from "./support/stub.mjs";
import { send } from "./support/swaks.mjs";
import { startTls } from "./support/tls.mjs";
import { header, smtpLine, startWorld, TENANT } from "./support/world.mjs";

/** @typedef {import("./support/world.mjs").Kind} Kind */
/** @typedef {import("./support/rspamd.mjs").Rspamd} Rspamd */

const KINDS = /** @type {Kind[]} */ (["current", "throttled", "blocked", "other"]);
const LUA = shippedFile("rspamd/tidegate.lua");
const SELF_SCAN = 'milter = yes;\ntimeout = 10s;\nupstream "local" { default = yes; self_scan = yes; }';

/** @type {import("./support/world.mjs").World} */
let world;
/** @type {Record<"rule" | "closed" | "header" | "proxy" | "proxyHeader" | "mirror", Rspamd>} */
let rspamds;
/** @type {Awaited<ReturnType<typeof startNginx>>[]} */
const nginxs = [];
/** @type {import("./support/postfix.mjs").Postfix} */
let postfix;
/** @type {string} */
let checks;

/**
 * An rspamd that scans by itself, with the rule.
 * @param {string} [more] settings of the rule
 * @param {{ url?: string, options?: string }} [how] `options` of rspamd
 */
function startRule(more = "", { url = world.url, options = "" } = {}) {
  const conf = edited(shipped("rspamd/tidegate.conf"), [
    ["https://tidegate.example.net", url],
    ['key_file = "/etc/rspamd/tidegate.key"', `key = "${world.key}"; ${more}`],
  ]);
  return startRspamd({
    worker: (socket) => `bind_socket = "${socket} mode=0666";\n${SELF_SCAN}`,
    more: `options { ${options} }\n${conf}\nlua = "${LUA}";\n`,
  });
}

/**
 * An rspamd with a shipped configuration of its proxy.
 * @param {string} file
 * @param {string} key
 * @param {{ url: string, authority?: string }} [tidegate]
 */
async function startProxy(file, key, tidegate = world) {
  const nginx = await startNginx({ url: tidegate.url, authority: tidegate.authority, key });
  nginxs.push(nginx);
  const path = /bind_socket = "(\S+) /.exec(shipped(`rspamd/${file}`))?.[1] ?? "";
  return startRspamd({
    worker: (socket) =>
      edited(shipped(`rspamd/${file}`), [
        [path, socket],
        ["127.0.0.1:11380", `127.0.0.1:${nginx.port}`],
      ]),
  });
}

before(async () => {
  world = await startWorld();
  const byHeader = await gatewayKey(world, { rspamd_add_headers: true });
  const [rule, closed, header, proxy, proxyHeader, mirror] = await Promise.all([
    startRule(),
    startRule('fail = "defer";'),
    startRule("answer_by_header = true;"),
    startProxy("worker-proxy.inc", world.key),
    startProxy("worker-proxy.inc", byHeader),
    startProxy("worker-proxy-mirror.inc", world.key),
  ]);
  rspamds = { rule, closed, header, proxy, proxyHeader, mirror };
  checks = scratch("checks");
  const table = join(checks, "milter_header_checks");
  writeFileSync(table, shipped("rspamd/milter_header_checks"));
  const milter = ({ milter }) => [`smtpd_milters={ ${milter}, default_action=accept, content_timeout=10s }`];
  postfix = await startPostfix(
    {
      rule: milter(rule),
      closed: milter(closed),
      header: [...milter(header), "cleanup_service_name=cleanup-checks"],
      proxy: milter(proxy),
      proxyHeader: [...milter(proxyHeader), "cleanup_service_name=cleanup-checks"],
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
  ["proxy", byRspamd],
  ["header", byHeaderChecks],
  ["proxyHeader", byHeaderChecks],
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
  for (const way of /** @type {const} */ (["header", "proxyHeader"])) {
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
  const rspamd = await startRule("", { url: stub.url });
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
  const rspamd = await startProxy("worker-proxy.inc", "tg_none_0123456789abcdef");
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
  const [trusting, wary, proxy] = await Promise.all([
    startRule("", { url: tls.url, options: `ssl_ca_path = "${tls.authority}";` }),
    startRule("", { url: tls.url }),
    startProxy("worker-proxy.inc", world.key, tls),
  ]);
  const own = await startPostfix({
    trusting: [`smtpd_milters=${trusting.milter}`],
    wary: [`smtpd_milters=${wary.milter}`],
    proxy: [`smtpd_milters=${proxy.milter}`],
  });
  try {
    assert.equal((await send(own.ports.trusting, { header: header("blocked") })).reply, byRspamd("blocked"));
    assert.equal((await send(own.ports.proxy, { header: header("blocked") })).reply, byRspamd("blocked"));
    accepted(await send(own.ports.wary, { header: header("blocked") }));
  } finally {
    await own.stop();
    await Promise.all([trusting.stop(), wary.stop(), proxy.stop()]);
    await tls.stop();
  }
});
