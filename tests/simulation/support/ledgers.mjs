/**
 * What the simulation reads of a ledger's file.
 */
import { ACTIONS } from "./model.mjs";

/**
 * What is asked of a ledger's file.
 * @typedef {object} Ledger
 * @property {Map<string, import("./model.mjs").Sums>} counts by server, from days: hours are kept for two weeks
 * @property {Record<string, number>[]} sums of days, of months, and of the tenant's days
 * @property {[key: string, json: string][]} published what KV has to hold
 */

/** @param {import("node:sqlite").DatabaseSync} database @returns {Ledger} */
export function readLedger(database) {
  const all = (/** @type {string} */ sql) => /** @type {any[]} */ (database.prepare(sql).all());
  const tenant = JSON.parse(all("SELECT json FROM document WHERE name = 'tenant'")[0].json);
  const counts = all(`SELECT server, ${sumsOf(ACTIONS)} FROM daily GROUP BY server`);
  const tables = ["daily", "monthly", "tenant_day"];
  const phases = all("SELECT id, phase FROM server WHERE phase IS NOT NULL");
  const policies = all("SELECT json FROM document WHERE name = 'policy'");
  return {
    counts: new Map(counts.map(({ server, ...sums }) => [server, sums])),
    sums: tables.flatMap((table) =>
      all(`SELECT ${sumsOf([...ACTIONS, "would_defer", "would_reject"])} FROM ${table}`),
    ),
    published: [
      ...phases.map(({ id, phase }) => /** @type {[string, string]} */ ([`phase/${tenant}/${id}`, phase])),
      ...policies.map(({ json }) => /** @type {[string, string]} */ ([`policy/${tenant}`, json])),
    ],
  };
}

/** @param {readonly string[]} columns */
function sumsOf(columns) {
  return columns.map((name) => `TOTAL(${name}) AS ${name}`).join(", ");
}
