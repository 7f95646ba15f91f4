/** Every real shape of a file or of pasted text is read by the page and by the package, in Node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cases } from "./support/cases.mjs";
import { check, scan, tidegate } from "./support/reader.mjs";

/** @param {{ by: string, build: string | null }[]} servers */
const lowered = (servers) => servers.map(({ by, build }) => ({ by: by.toLowerCase(), build }));
/** @param {{ id: string, build: string | null }[]} servers */
const scanned = (servers) => servers.map(({ id, build }) => ({ by: id, build }));

test("there is a case for each shape", () => {
  assert.ok(cases().length >= 31, String(cases().length));
});

for (const { name, file, yields, content, client_ip: clientIp, trusted_relays: trustedRelays } of cases()) {
  test(`${name}: ${file}`, async () => {
    const answer = await check(content);
    assert.equal(answer.problem, null);
    assert.equal(answer.messages, yields.messages ?? 1);
    if (yields.servers) {
      const expected = yields.servers.toSorted((a, b) => (a.by < b.by ? -1 : 1));
      assert.deepEqual(lowered(answer.servers), expected);
    }
    const whole = await scan(content);
    assert.equal(whole.messages, answer.messages);
    assert.deepEqual(scanned(whole.servers), lowered(answer.servers));
    if (!file.endsWith(".json")) {
      for (const size of [1, 7, 512])
        assert.deepEqual(await scan(content, size), whole, `in pieces of ${size}`);
    }
    if (!yields.finding) return;
    const reading = tidegate.readHeader(whole.header, { clientIp, trustedRelays });
    assert.ok([yields.finding, yields.or_finding].includes(reading.finding), reading.finding);
    assert.equal(reading.server?.id, yields.id);
    if (yields.build) assert.equal(reading.server.build, yields.build);
    if (yields.handed_over_by) assert.equal(answer.header.server.id, yields.handed_over_by);
    if (yields.exchange_online_hops) {
      const online = reading.hops.filter((/** @type {any} */ hop) => hop.exchangeOnline);
      assert.deepEqual(
        online.map((/** @type {any} */ hop) => hop.field),
        yields.exchange_online_hops,
      );
    }
  });
}
