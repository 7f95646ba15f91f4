/**
 * What `make demo` shows: the same story on whatever day it ends.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { at } from "../support/client.mjs";
import { AHEAD_MS, nowMs } from "../support/day.mjs";
import { startEdge } from "../support/edge.mjs";

const DEMO = fileURLToPath(new URL("../../tools/demo.mjs", import.meta.url));
const DAY = 24 * 3600;
const TENANT = "contoso";
/** The last of a year and the first, a leap day, a Sunday on which summer time begins, and one far off. */
const ENDS = [
  "2026-12-31T23:40:00Z",
  "2027-01-01T00:20:00Z",
  "2028-02-29T12:00:00Z",
  "2029-03-25T01:30:00Z",
  "2031-10-15T18:05:00Z",
];

/** Standing and stage of each server at the end; of the patched and the current ones none. */
const STORY = {
  "branch.contoso.com": ["out_of_date", 1],
  "ex01.contoso.com": ["out_of_date", 8],
  "ex02.contoso.com": ["out_of_date", 6],
  "ex03.contoso.com": ["current", null],
  "ex04.contoso.com": ["out_of_date", 4],
  "ex05.contoso.com": ["out_of_date", 2],
  "ex06.contoso.com": ["current", null],
  "ex07.contoso.com": ["out_of_date", 7],
  "ex10.contoso.com": ["out_of_date", 5],
  "ex11.contoso.com": ["out_of_date", 3],
  "legacy.contoso.com": ["out_of_date", null],
  "mail.contoso.com": ["current", null],
};

for (const end of ENDS) {
  test(`who runs the demo up to ${end} sees all stages, a pause, an exemption, a relapse and a patch`, async (t) => {
    const edge = await startEdge({
      ledger: true,
      vars: { CLOCK_AHEAD: String(AHEAD_MS + Date.parse(end) - nowMs()) },
    });
    t.after(() => edge.stop());
    const { client } = edge;
    await promisify(execFile)(process.execPath, [DEMO, client.url, client.key, end]);

    const servers = await client.servers(TENANT, { now: end });
    const story = servers.map(({ id, standing, stage }) => [id, [standing.state, stage?.number ?? null]]);
    assert.deepEqual(Object.fromEntries(story), STORY);
    const spared = servers.flatMap(({ id, effect }) => (effect?.obstacle ? [[id, effect.obstacle]] : []));
    assert.deepEqual(spared, [["ex04.contoso.com", "exempt"]], "all others meet their stage");
    const changes = servers.flatMap(({ id, stage }) => (stage?.next ? [{ id, at: at(stage.next.at) }] : []));
    const [first, second] = changes.sort((one, other) => one.at - other.at).map(({ id }) => id);
    assert.deepEqual([first, second], ["ex05.contoso.com", "ex07.contoso.com"], "who comes next");

    const { items } = (await client.ask("GET", `/v1/tenants/${TENANT}/pauses`, { now: end })).json;
    const [planned, week] = items;
    assert.deepEqual([week.state, week.days, planned.state, planned.days], ["ended", 7, "scheduled", 5]);

    const exempt = await client.server(TENANT, "ex04.contoso.com", { now: end });
    assert.equal(at(exempt.exempt_until) - at(end), 60 * DAY);
    const ends = async (/** @type {string} */ name) => {
      const { spells } = await client.server(TENANT, `${name}.contoso.com`, { now: end });
      return spells.map((/** @type {any} */ { end: reason }) => reason);
    };
    assert.deepEqual(await ends("ex10"), [null, "patched"], "a relapse");
    assert.deepEqual(await ends("ex03"), ["patched"]);
  });
}
