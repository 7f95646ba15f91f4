/**
 * Looks into a ledger's file, for what no route of the API shows.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
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
      if (!isOf(tenant)(database)) return undefined;
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
      return isOf(tenant)(database) ? rowsOf(database) : undefined;
    });
    if (dump) return dump;
  }
  return undefined;
}

/**
 * What `read` makes of the rows of each object of a kind, by their tables.
 * @template T
 * @param {string} stateDir
 * @param {"ledger" | "operator"} kind
 * @param {(tables: Record<string, Record<string, any>[]>) => T} read
 * @returns {T[]} of those that have tables
 */
export function objectsIn(stateDir, kind, read) {
  const found = databases(stateDir, kind).map((file) => query(file, rowsOf));
  return found.filter((tables) => tables?.document !== undefined).map((tables) => read(tables ?? {}));
}

/** @param {DatabaseSync} database @returns {Record<string, Record<string, any>[]>} */
function rowsOf(database) {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_cf_*' ORDER BY name")
    .all();
  return Object.fromEntries(
    tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]),
  );
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

/** A file's times are no finer than that, in milliseconds. */
const TIMES_MS = 20;

/**
 * Looks into ledgers' files again and again, into each only where it has changed meanwhile.
 * @template T
 */
export class LedgerFiles {
  /** By tenant: its file, and what was last read of it. @type {Map<string, { file: string, state?: string, found?: T }>} */
  #known = new Map();

  /**
   * @param {string} stateDir
   * @param {(database: DatabaseSync) => T} read
   */
  constructor(stateDir, read) {
    this.stateDir = stateDir;
    this.read = read;
    this.scratch = join(stateDir, "copies");
    mkdirSync(this.scratch, { recursive: true });
  }

  /** @param {string} tenant @returns {T | undefined} undefined where there is nothing yet, or the copy caught a change half-way */
  of(tenant) {
    const known = this.#known.get(tenant) ?? this.#find(tenant);
    if (!known) return undefined;
    const state = stateOf(known.file);
    if (known.state !== undefined && known.state === state) return known.found;
    const found = query(known.file, this.read, this.scratch);
    const isWhole = found !== undefined && state !== undefined && stateOf(known.file) === state;
    Object.assign(known, isWhole ? { state, found } : { state: undefined });
    return found;
  }

  /** @param {string} tenant */
  #find(tenant) {
    const file = databases(this.stateDir).find((file) => query(file, isOf(tenant), this.scratch));
    if (file) this.#known.set(tenant, { file });
    return this.#known.get(tenant);
  }
}

/** What tells a file's content from the next one's; undefined while it was written just now. @param {string} file */
function stateOf(file) {
  const stats = ["", "-wal"].map((end) => statSync(file + end, { throwIfNoEntry: false }));
  const isStill = stats.every((stat) => !stat || Date.now() - stat.mtimeMs > TIMES_MS);
  return isStill ? stats.map((stat) => stat && `${stat.size} ${stat.mtimeMs}`).join() : undefined;
}

/** @param {string} tenant @returns {(database: DatabaseSync) => boolean} */
function isOf(tenant) {
  return (database) => {
    const owner = database.prepare("SELECT json FROM document WHERE name = 'tenant'").get();
    return owner?.json === JSON.stringify(tenant);
  };
}

/** @param {string} stateDir @param {"ledger" | "operator"} [kind] */
function databases(stateDir, kind = "ledger") {
  const names = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  const isOne = (/** @type {string} */ name) =>
    name.toLowerCase().split(/\b/).includes(kind) && /[0-9a-f]{64}\.sqlite$/.test(name);
  return names.filter(isOne).map((name) => join(stateDir, name));
}

/**
 * @template T
 * @param {string} file
 * @param {(database: DatabaseSync) => T} use
 * @param {string} [within] the folder for the copy
 * @returns {T | undefined} undefined where the copy caught a change half-way or before the tables were made
 */
function query(file, use, within = tmpdir()) {
  const folder = mkdtempSync(join(within, "tidegate-ledger-"));
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
