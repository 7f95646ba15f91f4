/**
 * A clock that is set back for a while: what is asked and changed meanwhile has clear answers, and nothing of it stays
 * once the clock is right again. On workerd with a clock that the test sets.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, event, received, rfc3339 } from "../support/client.mjs";
import { edgeOfFile } from "../support/fixture.mjs";

const DAY = 24 * 3600;
const START = at("2026-10-01T08:15:08Z");
const ID = "ex01.contoso.com";
const POLICY = { mode: "enforce" };

const { client } = edgeOfFile({ ledger: true });

/** A message as the clock has it. @param {string} tenant @param {number} now */
async function mail(tenant, now) {
  const header = received({ host: "EX01.contoso.com", now });
  const decision = await client.decide(event({ tenant, record: "sync", header }), { now });
  assert.deepEqual([decision.degraded, decision.recorded], [false, true], decision.why);
  return decision;
}

/**
 * @param {string} method
 * @param {string} tenant
 * @param {string} path
 * @param {number} now
 * @param {object} [body]
 */
async function ask(method, tenant, path, now, body) {
  const answer = await client.ask(method, `/v1/tenants/${tenant}${path}`, { now, body });
  return { status: answer.status, json: answer.json, text: answer.text.replaceAll(tenant, "TENANT") };
}

/** All that is shown of a tenant, but for evidence and trail. @param {string} tenant @param {number} now */
async function shown(tenant, now) {
  const { evidence: _, ...server } = (await ask("GET", tenant, `/servers/${ID}`, now)).json;
  const paths = ["", "/policy", "/servers", "/pauses", "/report", "/notifications?limit=1000"];
  const texts = await Promise.all(paths.map(async (path) => (await ask("GET", tenant, path, now)).text));
  return [server, ...texts];
}

/**
 * A server's life over 75 days, with a pause and an exemption.
 * @param {string} tenant
 * @param {(day: number) => Promise<void>} [meanwhile] what is done on day 52
 */
async function live(tenant, meanwhile) {
  await client.putPolicy(tenant, POLICY, { now: START - DAY });
  for (const day of [0, 1, 20, 40, 45]) await mail(tenant, START + day * DAY);
  const paused = await ask("POST", tenant, "/pauses", START + 50 * DAY, { days: 5, reason: "Migration" });
  assert.equal(paused.status, 201, paused.text);
  const exemption = { reason: "Migration", expires_at: rfc3339(START + 58 * DAY) };
  const exempt = await ask("PUT", tenant, `/servers/${ID}/exemption`, START + 51 * DAY, exemption);
  assert.equal(exempt.status, 200, exempt.text);
  await mail(tenant, START + 52 * DAY);
  await meanwhile?.(52);
  for (const day of [56, 70, 75]) await mail(tenant, START + day * DAY);
  return shown(tenant, START + 75 * DAY + 1);
}

test("a clock set back by three weeks is told what is wrong with a change, and leaves no trace", async () => {
  const expected = await live("right");
  const found = await live("wrong", async (day) => {
    for (const back of [day - 1, 41, 31, 21]) {
      const now = START + back * DAY;
      const when = `day ${back}`;
      const server = (await ask("GET", "wrong", `/servers/${ID}`, now)).json;
      assert.equal(server.detected_at, rfc3339(START), when);
      const { held, servers } = await client.putPolicy("wrong", POLICY, { now });
      assert.deepEqual([held, servers], [0, []], when);
      const paths = { "": 200, "/report": 200, "/pauses": 200, "/notifications": 200, "/audit": 200 };
      for (const [path, status] of Object.entries(paths)) {
        assert.equal((await ask("GET", "wrong", path, now)).status, status, `${path}, ${when}`);
      }
      await client.tick("wrong", { now });
      /** @type {[string, string, object, number, string?][]} */
      const refused = [
        ["POST", "/pauses", { days: 60, reason: "Overlaps" }, 409, "starts_on"],
        [
          "POST",
          "/pauses",
          { days: 1, reason: "Past", starts_on: rfc3339(now - DAY).slice(0, 10) },
          422,
          "starts_on",
        ],
        ["PUT", `/servers/${ID}/exemption`, { reason: "Past", expires_at: rfc3339(now) }, 422, "expires_at"],
      ];
      for (const [method, path, body, status, field] of refused) {
        const answer = await ask(method, "wrong", path, now, body);
        assert.deepEqual([answer.status, answer.json.field], [status, field], `${when}: ${answer.text}`);
      }
    }
  });
  assert.deepEqual(found, expected);
});
