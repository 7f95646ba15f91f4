/**
 * Webhooks: every notification arrives signed and in order, whatever the receiver or the runtime does in between.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { at, event, received, rfc3339, until } from "../support/client.mjs";
import { now } from "../support/day.mjs";
import { startEdge } from "../support/edge.mjs";
import { Receiver } from "../support/receiver.mjs";

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = at("2026-10-01T08:15:08Z");
const ID = "ex01.contoso.com";

/** @type {string} */
let stateDir;
/** @type {Receiver} */
let receiver;
/** @type {import("../support/edge.mjs").Edge} */
let edge;

before(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "tidegate-edge-"));
  receiver = await Receiver.start();
  edge = await startEdge({ patient: true, stateDir, outbound: receiver });
});
after(async () => {
  await edge.stop();
  await receiver.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/**
 * @param {string} method
 * @param {string} tenant
 * @param {string} path
 * @param {{ now?: number, body?: object, status?: number }} [options]
 */
async function ask(method, tenant, path, { now, body, status } = {}) {
  const answer = await edge.client.ask(method, `/v1/tenants/${tenant}${path}`, { now, body });
  const expected = status ?? { GET: 200, POST: 201, PUT: 200, DELETE: 204 }[method];
  assert.equal(answer.status, expected, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

/**
 * Makes a webhook whose deliveries the receiver checks.
 * @param {string} tenant
 * @param {string} url
 */
async function hook(tenant, url) {
  const made = await ask("POST", tenant, "/webhooks", { now: START - DAY, body: { url } });
  receiver.trust(url, made.secret);
  return made;
}

/** @param {string} tenant @param {string} id */
async function shown(tenant, id) {
  const { items } = await ask("GET", tenant, "/webhooks", {});
  return items.find((/** @type {any} */ item) => item.id === id);
}

/**
 * Makes two notifications: a server is detected and patched.
 * @param {string} tenant
 * @param {number} number of the server
 */
async function notifyTwice(tenant, number) {
  for (const [minute, build] of /** @type {[number, string][]} */ ([
    [0, "15.1.2507.39"],
    [1, "15.1.2507.39"],
    [2, "15.1.2507.61"],
  ])) {
    const now = START + minute * 60;
    const header = received({ host: `EX${number}.contoso.com`, now, build });
    await edge.client.decide(event({ tenant, header, record: "sync" }), { now });
  }
}

/** @param {string} tenant */
async function notifications(tenant) {
  return (await ask("GET", tenant, "/notifications?limit=1000", {})).items.reverse();
}

/** The numbers of notifications. @param {{ body: any }[]} deliveries */
function numbers(deliveries) {
  return deliveries.map(({ body }) => Number(body.data.id));
}

/** @param {number} count */
function upTo(count) {
  return Array.from({ length: count }, (_, index) => index + 1);
}

test("a server's life arrives in order, each notification once, signed", async () => {
  const [tenant, url] = ["life", "https://hooks.example.com/life?a=b"];
  await edge.client.putPolicy(tenant, { mode: "enforce" }, { now: START - DAY });
  await hook(tenant, url);
  for (let day = 0; day < 95; day += 1) {
    const now = START + day * DAY + (day ? HOUR : 0);
    const header = received({ host: "EX01.contoso.com", now });
    await edge.client.decide(event({ tenant, header, record: "sync" }), { now });
    if (day === 50) {
      await ask("POST", tenant, "/pauses", { now, body: { days: 8, reason: "x" } });
      const body = { reason: "x", expires_at: rfc3339(now + 9 * DAY) };
      await ask("PUT", tenant, `/servers/${ID}/exemption`, { now, body });
    }
  }
  const patched = START + 110 * DAY;
  const header = received({ host: "EX01.contoso.com", now: patched, build: "15.1.2507.61" });
  await edge.client.decide(event({ tenant, header, record: "sync" }), { now: patched });
  const all = await notifications(tenant);
  const taken = await receiver.takes(url, all.length);
  assert.deepEqual(
    taken.map(({ body }) => body),
    all.map((/** @type {any} */ { id, at, kind, server, text }) => ({
      type: kind,
      timestamp: at,
      data: { tenant, id, server, text },
    })),
  );
  assert.deepEqual(receiver.of(url).length, all.length, "each once");
  assert.equal(new Set(taken.map(({ id }) => id)).size, all.length);
  const kinds = new Set(all.map((/** @type {any} */ { kind }) => kind));
  for (const kind of [
    "pause.ends_in_7_days",
    "pause.ends_in_1_day",
    "exemption.ends_in_1_day",
    "stage.changed",
  ])
    assert.ok(kinds.has(kind), kind);
});

test("a receiver that is down loses nothing, and gets all of it in order once it is back", async () => {
  const [tenant, url] = ["down", "https://hooks.example.com/down"];
  const { id } = await hook(tenant, url);
  for (const [mode, error] of /** @type {[import("../support/receiver.mjs").Mode, string][]} */ ([
    [500, "it answered with status 500"],
    [408, "it answered with status 408"],
    [429, "it answered with status 429"],
    [302, "it answered with status 302"],
    [307, "it answered with status 307"],
    ["reset", "it could not be reached"],
  ])) {
    receiver.answer(url, mode);
    const known = receiver.of(url).length;
    await notifyTwice(tenant, known);
    await edge.client.tick(tenant, { now: START });
    const failing = await until(`${mode} is told`, async () => {
      const item = await shown(tenant, id);
      return item.last_error === error && item;
    });
    assert.ok(Math.abs(at(failing.failing_since) - now()) < 60);
    assert.ok(failing.pending >= 2);
  }
  assert.deepEqual(receiver.of("https://elsewhere.example.com/"), [], "a redirect is not followed");
  receiver.answer(url, 200);
  const all = await notifications(tenant);
  await edge.client.tick(tenant, { now: START });
  const taken = await receiver.takes(url, all.length);
  assert.deepEqual(numbers(taken), upTo(all.length));
  const firsts = receiver.of(url).filter(({ body }) => body.data.id === "1");
  assert.equal(new Set(firsts.map(({ id }) => id)).size, 1, "tried again under the same id");
  const back = await until("the failure is over", async () => {
    const item = await shown(tenant, id);
    return item.pending === 0 && item;
  });
  assert.deepEqual([back.failing_since, back.last_error], [null, null]);
});

test("a failed delivery is tried again by itself", async () => {
  const [tenant, url] = ["again", "https://hooks.example.com/again"];
  await hook(tenant, url);
  receiver.answer(url, 503);
  await notifyTwice(tenant, 1);
  await until("it failed", async () => receiver.of(url).length > 0);
  receiver.answer(url, 204);
  const start = performance.now();
  await receiver.takes(url, 2, { ms: 12_000 });
  assert.ok(performance.now() - start > 3_000, "not at once");
  assert.deepEqual(numbers(receiver.taken(url)), [1, 2]);
});

test("a receiver that hangs holds up neither another one nor what KV is told", async () => {
  const tenant = "hanging";
  const [hangs, healthy] = ["https://hangs.example.com/", "https://hooks.example.com/healthy"];
  const { id } = await hook(tenant, hangs);
  await hook(tenant, healthy);
  receiver.answer(hangs, "hang");
  await notifyTwice(tenant, 1);
  await until("it hangs", async () => receiver.of(hangs).length === 1);
  await receiver.takes(healthy, 2);
  await notifyTwice(tenant, 2);
  await receiver.takes(healthy, 4);
  await edge.client.tick(tenant, { now: START });
  await edge.client.putPolicy(tenant, { operator: "Meanwhile" });
  await until("KV knows the policy", async () => {
    const found = (await edge.kv.keys()).find(({ name }) => name === `policy/${tenant}`);
    return found && JSON.parse(found.value).enforcement.policy.operator === "Meanwhile";
  });
  assert.equal(receiver.of(hangs).length, 1, "one at a time");
  await until("it is given up", async () => (await shown(tenant, id)).last_error?.includes("10 seconds"), {
    ms: 15_000,
  });
  receiver.answer(hangs, 204);
  await edge.client.tick(tenant, { now: START });
  await receiver.takes(hangs, 4);
  assert.deepEqual(numbers(receiver.taken(hangs)), upTo(4));
});

test("a crash between notification and delivery loses none", async () => {
  const [tenant, url] = ["crash", "https://hooks.example.com/crash"];
  await hook(tenant, url);
  receiver.answer(url, "hang");
  for (let number = 0; number < 5; number += 1) await notifyTwice(tenant, number);
  await until("a delivery is under way", async () => receiver.of(url).length === 1);
  await edge.worker.kill();
  receiver.answer(url, 204);
  const kv = edge.kv;
  const restarted = await startEdge({ patient: true, kv, stateDir, outbound: receiver });
  edge = {
    ...restarted,
    stop: async () => {
      await restarted.stop();
      await kv.stop();
    },
  };
  // its alarm brings it back, without any request
  const taken = await receiver.takes(url, 10, { ms: 30_000 });
  assert.deepEqual(numbers(taken), upTo(10));
});

test("a webhook shows its secret once, gets what happens from then on, and nothing after its end", async () => {
  const [tenant, url] = ["deleted", "https://hooks.example.com/deleted"];
  await notifyTwice(tenant, 1);
  const made = await hook(tenant, url);
  assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.deepEqual(Object.keys(made), ["id", "url", "secret", "created_at"]);
  const { items } = await ask("GET", tenant, "/webhooks", {});
  assert.deepEqual(items, [
    {
      id: made.id,
      url,
      created_at: rfc3339(START - DAY),
      created_by: "admin",
      pending: 0,
      failing_since: null,
      last_error: null,
      off_since: null,
      refused: 0,
      last_refusal: null,
      former_secret_until: null,
    },
  ]);
  await notifyTwice(tenant, 2);
  await receiver.takes(url, 2);
  assert.deepEqual(numbers(receiver.taken(url)), [3, 4]);
  const text = JSON.stringify([await ask("GET", tenant, "/audit", {}), items]);
  assert.ok(
    !text.includes(made.secret) && !text.includes(made.secret.slice(6)),
    "not in the audit trail either",
  );
  await ask("DELETE", tenant, `/webhooks/${made.id}`, {});
  await ask("DELETE", tenant, `/webhooks/${made.id}`, { status: 404 });
  const other = "https://hooks.example.com/other";
  await hook(tenant, other);
  await notifyTwice(tenant, 3);
  await receiver.takes(other, 2);
  assert.equal(receiver.of(url).length, 2);
});

test("a notification that is refused for good holds none back, is marked, and told once", async () => {
  const [tenant, url] = ["refused", "https://hooks.example.com/refused"];
  const { id } = await hook(tenant, url);
  receiver.answer(url, 413);
  await notifyTwice(tenant, 1);
  const marked = await until("both are refused", async () => {
    const item = await shown(tenant, id);
    // and so is the notification of it, of which nothing more is told
    return item.refused === 3 && item;
  });
  assert.deepEqual([marked.pending, marked.failing_since, marked.last_refusal.status], [0, null, 413]);
  const told = (await notifications(tenant)).filter((/** @type {any} */ item) =>
    item.kind.startsWith("webhook."),
  );
  assert.deepEqual(
    told.map((/** @type {any} */ { kind }) => kind),
    ["webhook.refused"],
  );
  assert.match(told[0].text, /^The webhook at https:\/\/hooks\.example\.com\/… refused .* status 413/);
  receiver.answer(url, 204);
  await notifyTwice(tenant, 2);
  await receiver.takes(url, 2);
  assert.deepEqual(numbers(receiver.taken(url)), [4, 5]);
  assert.equal(receiver.of(url).length, 5, "none was posted twice");
});

test("a receiver that is gone is switched off, and another one goes on", async () => {
  const [tenant, gone, other] = ["gone", "https://gone.example.com/secret", "https://hooks.example.com/gone"];
  const { id } = await hook(tenant, gone);
  await hook(tenant, other);
  receiver.answer(gone, 410);
  await notifyTwice(tenant, 1);
  await receiver.takes(other, 3);
  const kinds = receiver.taken(other).map(({ body }) => body.type);
  assert.ok(kinds.includes("webhook.off"), kinds.join());
  await edge.client.tick(tenant, { now: START });
  await notifyTwice(tenant, 2);
  await receiver.takes(other, 5);
  assert.equal(receiver.of(gone).length, 1, "nothing more is posted there");
  const item = await shown(tenant, id);
  assert.ok(Math.abs(at(item.off_since) - now()) < 60);
  assert.deepEqual([item.pending, item.refused], [0, 0]);
});

test("for a day after its change the secret before signs too, and whoever knows one of them believes", async () => {
  const [tenant, url] = ["rotated", "https://hooks.example.com/rotated"];
  const made = await hook(tenant, url);
  const rotated = await ask("POST", tenant, `/webhooks/${made.id}/rotate`, { status: 200 });
  assert.deepEqual(Object.keys(rotated), ["id", "url", "secret", "created_at"]);
  assert.notEqual(rotated.secret, made.secret);
  const { former_secret_until } = await shown(tenant, made.id);
  assert.ok(Math.abs(at(former_secret_until) - now() - DAY) < 60);
  for (const [number, secret] of [made.secret, rotated.secret].entries()) {
    // a fault where the signature is not that secret's
    receiver.trust(url, secret);
    await notifyTwice(tenant, number);
    await receiver.takes(url, 2 * (number + 1));
  }
  const second = await ask("POST", tenant, `/webhooks/${made.id}/rotate`, { status: 200 });
  receiver.trust(url, rotated.secret);
  await notifyTwice(tenant, 2);
  await receiver.takes(url, 6);
  const text = JSON.stringify([
    await ask("GET", tenant, "/audit", {}),
    await ask("GET", tenant, "/webhooks", {}),
  ]);
  for (const { secret } of [made, rotated, second]) assert.ok(!text.includes(secret.slice(6)));
});

test("the path of an address is an operator's to see, and in no entry of the audit trail", async () => {
  const [tenant, url] = ["masked", "https://hooks.example.com/services/T0/secret"];
  const { id } = await hook(tenant, url);
  const keyOf = async (/** @type {string} */ role) => {
    const body = { role, tenant, name: role };
    return (await edge.client.ask("POST", "/v1/keys", { body })).json.key;
  };
  const [viewer, operator] = [await keyOf("viewer"), await keyOf("operator")];
  const path = `/v1/tenants/${tenant}/webhooks`;
  assert.equal((await edge.client.ask("GET", path, { key: operator })).json.items[0].url, url);
  const { items } = (await edge.client.ask("GET", path, { key: viewer })).json;
  assert.deepEqual([items.length, items[0].url], [1, "https://hooks.example.com/…"]);
  await ask("POST", tenant, `/webhooks/${id}/rotate`, { status: 200 });
  await ask("DELETE", tenant, `/webhooks/${id}`, {});
  const { text, json } = await edge.client.ask("GET", `/v1/tenants/${tenant}/audit`, { key: viewer });
  assert.ok(!text.includes("services") && !text.includes("secret"), text);
  const actions = json.items.map((/** @type {any} */ { action }) => action);
  assert.deepEqual(
    actions.filter((/** @type {string} */ action) => action.startsWith("webhook.")),
    ["webhook.delete", "webhook.rotate", "webhook.create"],
  );
});

test("addresses that are not on the public Internet are refused, however they are written", async () => {
  const own = new URL(edge.client.url).host;
  const refused = [
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https:///hooks",
    "https://user:secret@hooks.example.com/",
    "https://user@hooks.example.com/",
    "https://hooks.example.com/#part",
    "https://hooks.example.com/ x",
    "https://hooks.example.com/\nx",
    `https://hooks.example.com/${"x".repeat(480)}`,
    `https://hooks.example.com/${"ü".repeat(100)}`,
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://localhost./",
    "https://intranet/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://router.home.arpa/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://１２７.0.0.1/",
    "https://10.1.2.3/",
    "https://172.16.9.9/",
    "https://192.168.0.1:8443/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.1.1/",
    "https://198.51.100.7/",
    "https://224.0.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[2001:db8::1]/",
    "https://[64:ff9b::10.0.0.1]/",
    `https://${own}/`,
  ];
  for (const url of refused) {
    const problem = await ask("POST", "addresses", "/webhooks", { body: { url }, status: 422 });
    assert.equal(problem.field, "url", url);
  }
  const taken = [
    ["https://hooks.example.com", "https://hooks.example.com/"],
    ["https://HOOKS.Example.com:8443/A?b=c", "https://hooks.example.com:8443/A?b=c"],
    ["https://bücher.example.com/", "https://xn--bcher-kva.example.com/"],
    ["https://93.184.216.34/", "https://93.184.216.34/"],
    ["https://[2606:4700::1111]/", "https://[2606:4700::1111]/"],
    ["https://a.example.com/", "https://a.example.com/"],
    ["https://a.example.com/", "https://a.example.com/"],
    ["https://b.example.com/", "https://b.example.com/"],
  ];
  for (const [url, canonical] of taken) {
    assert.equal((await ask("POST", "addresses", "/webhooks", { body: { url } })).url, canonical);
  }
  const body = { url: "https://c.example.com/" };
  assert.match((await ask("POST", "addresses", "/webhooks", { body, status: 422 })).detail, /8 webhooks/);
  const first = await ask("GET", "addresses", "/webhooks?limit=5", {});
  const rest = await ask("GET", "addresses", `/webhooks?cursor=${first.next}`, {});
  assert.deepEqual([first.items.length, rest.items.length, rest.next], [5, 3, null]);
});

test("the receiver found nothing wrong with any delivery", () => {
  assert.deepEqual(receiver.faults, []);
});
