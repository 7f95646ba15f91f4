/** What a sender or another operator wrote must never become a part of the page. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { nowMs } from "../support/day.mjs";
import { open, world } from "./support/world.mjs";

const TENANT = "hostile";
const SERVER = "ex01.hostile.example";
const IMAGE = "<img src=x onerror=\"window.hit='image'\">";
const SCRIPT = "</script><script>window.hit='script'</script>";
/** Turns what follows it round */
const TURN = "\u202e";
const REASON = `${IMAGE} reason${TURN}`;
const READ = REASON.replace(TURN, "⟨U+202E⟩");
/** All that a client's name can hold in a field that Exchange wrote. */
const NAME = "&ltimg/src=x/onerror=hit=1&gt";
const VIEWS = [
  "/",
  "/operator",
  `/tenants/${TENANT}`,
  `/tenants/${TENANT}/pauses`,
  `/tenants/${TENANT}/policy`,
  `/tenants/${TENANT}/keys`,
  `/tenants/${TENANT}/notifications`,
  `/tenants/${TENANT}/audit`,
  `/tenants/${TENANT}/servers/${SERVER}`,
  `/check?q=${encodeURIComponent(IMAGE)}`,
  `/what-if?build=${encodeURIComponent(IMAGE)}&server=${encodeURIComponent(SCRIPT)}`,
  `/tenants/${encodeURIComponent(IMAGE)}`,
  `/tenants/${TENANT}/servers/${encodeURIComponent(SCRIPT)}`,
  `/${encodeURIComponent(IMAGE)}`,
];

before(async () => {
  const { client } = await world();
  await client.putPolicy(TENANT, {
    mode: "enforce",
    operator: "'><b>Mail</b>",
    help_url: "https://a.example/?<b>",
  });
  for (const [id, minutes] of [
    ["1", 20],
    ["2", 10],
  ]) {
    const at = new Date(nowMs() - Number(minutes) * 60_000).toISOString();
    const header =
      `Received: from ${NAME} (10.0.0.9) by ${SERVER} (10.0.0.5) with Microsoft SMTP Server\r\n` +
      ` id 15.1.2507.39; ${new Date(at).toUTCString().replace("GMT", "+0000")}\r\nSubject: ${SCRIPT}\r\n`;
    const { recorded, server } = await client.decide(
      {
        tenant: TENANT,
        event_id: id,
        connector: "on_premises",
        record: "sync",
        client: { ip: "203.0.113.7", helo: IMAGE },
        header,
      },
      { now: at.replace(/\.\d+Z/, "Z") },
    );
    assert.ok(recorded);
    assert.equal(server.id, SERVER);
  }
  for (const [method, path, body] of /** @type {[string, string, object][]} */ ([
    ["POST", `/v1/tenants/${TENANT}/pauses`, { days: 1, reason: REASON }],
    [
      "PUT",
      `/v1/tenants/${TENANT}/servers/${SERVER}/exemption`,
      { reason: REASON, expires_at: new Date(nowMs() + 864e5).toISOString() },
    ],
    ["POST", "/v1/keys", { role: "viewer", tenant: TENANT, name: REASON }],
  ])) {
    const answer = await client.ask(method, path, { body });
    assert.ok(answer.status < 300, answer.text);
  }
});

for (const at of VIEWS) {
  test(`nothing that others wrote runs or becomes an element: ${at}`, async (t) => {
    const page = await open(t, { at });
    await settled(page);
    await assertHarmless(page);
  });
}

test("what others wrote is there to be read, as text", async (t) => {
  const shown = async (/** @type {string} */ at, /** @type {string} */ text) => {
    const page = await open(t, { at });
    await page.getByText(text).first().waitFor();
    await assertHarmless(page);
  };
  await shown(`/tenants/${TENANT}/servers/${SERVER}`, NAME);
  await shown(`/tenants/${TENANT}/pauses`, READ);
  await shown(`/tenants/${TENANT}/keys`, READ);
});

/** @param {import("playwright-core").Page} page */
async function settled(page) {
  await page.waitForLoadState("networkidle");
  await page.locator("main h1, main .notice").first().waitFor();
}

/** @param {import("playwright-core").Page} page */
async function assertHarmless(page) {
  const found = await page.evaluate(
    (turn) => ({
      // @ts-expect-error set by what must not run
      hit: window.hit,
      images: document.querySelectorAll("img:not(.brand img), [onerror]").length,
      scripts: document.querySelectorAll("script:not([src])").length,
      turned: document.body.innerHTML.includes(turn),
    }),
    TURN,
  );
  assert.deepEqual(found, { hit: undefined, images: 0, scripts: 0, turned: false });
}
