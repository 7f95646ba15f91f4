/**
 * Looks into a ledger's file, for what no route of the API shows.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** @typedef {{ accept: number, defer: number, reject: number, would_defer: number, would_reject: number }} Counts */

/**
 * What became of each server's messages, added up over all hours. The files are copied first: they belong to the worker.
 * @param {string} stateDir
 * @param {string} tenant
 * @returns {Map<string, Counts>}
 */
export function countsOf(stateDir, tenant) {
  const sums = ["accept", "defer", "reject", "would_defer", "would_reject"];
  const columns = sums.map((name) => `SUM(${name}) AS ${name}`).join(", ");
  for (const file of databases(stateDir)) {
    const rows = query(file, (database) => {
      const owner = database.prepare("SELECT json FROM document WHERE name = 'tenant'").get();
      if (owner?.json !== JSON.stringify(tenant)) return undefined;
      return database.prepare(`SELECT server, ${columns} FROM hourly GROUP BY server`).all();
    });
    if (rows) return new Map(rows.map(({ server, ...counts }) => /** @type {any} */ ([server, counts])));
  }
  return new Map();
}

/**
 * How many messages are counted, of one server or all.
 * @param {string} stateDir
 * @param {string} tenant
 * @param {string} [server]
 */
export function countedIn(stateDir, tenant, server) {
  const counts = [...countsOf(stateDir, tenant)].filter(([id]) => server === undefined || id === server);
  return counts.reduce((sum, [, { accept, defer, reject }]) => sum + accept + defer + reject, 0);
}

/**
 * All rows of all tables of a tenant's ledger but the runtime's own, in the order of their keys.
 * @param {string} stateDir
 * @param {string} tenant
 * @returns {Record<string, Record<string, any>[]> | undefined} undefined where nothing is stored of the tenant
 */
export function dumpOf(stateDir, tenant) {
  for (const file of databases(stateDir)) {
    const dump = query(file, (database) => {
      const owner = database.prepare("SELECT json FROM document WHERE name = 'tenant'").get();
      if (owner?.json !== JSON.stringify(tenant)) return undefined;
      const tables = database
        .prepare(
          "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_cf_*' ORDER BY name",
        )
        .all();
      return Object.fromEntries(
        tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]),
      );
    });
    if (dump) return /** @type {any} */ (dump);
  }
  return undefined;
}

/**
 * The sums of each table that counts the same decisions, in a form in which they are equal where none is counted in one
 * table alone.
 * @param {string} stateDir
 * @param {string} tenant
 * @returns {string[] | undefined}
 */
export function rollUpsOf(stateDir, tenant) {
  const dump = dumpOf(stateDir, tenant);
  const kinds = ["accept", "defer", "reject", "would_defer", "would_reject"];
  const tables = ["hourly", "daily", "monthly", "tenant_hour", "tenant_day"];
  return (
    dump &&
    tables.map((table) =>
      kinds.map((kind) => `${kind} ${dump[table].reduce((sum, row) => sum + row[kind], 0)}`).join(", "),
    )
  );
}

/** @param {string} stateDir */
function databases(stateDir) {
  const names = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  const isLedger = (/** @type {string} */ name) =>
    /\bledger\b/i.test(name) && /[0-9a-f]{64}\.sqlite$/.test(name);
  return names.filter(isLedger).map((name) => join(stateDir, name));
}

/**
 * @template T
 * @param {string} file
 * @param {(database: DatabaseSync) => T} use
 * @returns {T | undefined} undefined where the copy caught a change half-way or before the tables were made
 */
function query(file, use) {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-ledger-"));
  try {
    for (const end of ["", "-wal"]) {
      if (existsSync(file + end)) copyFileSync(file + end, join(folder, `copy${end}`));
    }
    const database = new DatabaseSync(join(folder, "copy"));
    try {
      return use(database);
    } finally {
      database.close();
    }
  } catch (error) {
    if (/** @type {any} */ (error).code !== "ERR_SQLITE_ERROR") throw error;
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
