/**
 * The simulation finds what it is there to find: faults that no network and no store has are planted, and each breaks
 * the invariant that is for it.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tried } from "./simulate.mjs";

/** @typedef {import("./support/operations.mjs").Operation} Operation */

const FAILING = { tenant: "plain", server: "ex6.contoso.com", build: "15.1.2507.39", edge: 0, fresh: true };

/** Messages of a server that is out of date, and was not heard of before. @param {boolean} sync @param {number} count @returns {Operation} */
function mails(sync, count) {
  return { after: 10, do: "mail", mails: Array.from({ length: count }, () => ({ ...FAILING, sync })) };
}

/** @param {"ledger" | "kv"} of @param {string} mode @param {number} calls @returns {Operation} */
function fault(of, mode, calls) {
  return { after: 1, do: "fault", of, mode, calls };
}

/** @type {[what: string, invariant: string, list: Operation[]][]} */
const PLANTED = [
  [
    "a relay that acknowledges what it never passed on",
    "what was acknowledged is counted",
    [fault("ledger", "forgotten", 2), mails(true, 2)],
  ],
  [
    "a relay that passes a batch on twice, the second time under another isolate's name",
    "nothing is counted twice",
    [fault("ledger", "renumbered", 20), mails(false, 2), { after: 60, do: "rest", seconds: 60 }],
  ],
  [
    "a KV store that confirms and forgets",
    "KV holds what the objects hold once it is quiet",
    [fault("kv", "forgotten", 20), mails(true, 3), { after: 60, do: "rest", seconds: 60 }],
  ],
  [
    "an edge that never sees what was revoked",
    "a key that lives works at both edges, and a revoked one at none",
    [
      { after: 1, do: "key", name: "key-1", edge: 0 },
      { after: 60, do: "quiet" },
      fault("kv", "forgotten", 20),
      { after: 1, do: "revoke", name: "key-1", edge: 1 },
      { after: 60, do: "rest", seconds: 60 },
    ],
  ],
];

describe("what is planted is found", { concurrency: true }, () => {
  for (const [what, invariant, list] of PLANTED) {
    test(what, async () => {
      assert.equal((await tried(list, 1, { patience: 5_000 })).failure?.invariant, invariant);
    });
  }
});
