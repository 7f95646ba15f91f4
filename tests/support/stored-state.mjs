/**
 * What a release leaves behind, kept as text: its KV's records and its objects' SQLite databases. `node
 * tests/support/stored-state.mjs BUILD FOLDER [mail|keys]` has a build whose clock can be set live through a story and
 * writes that down, once a release; `restore` lays it out for a later one to open.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { at, Client, event, received, until } from "./client.mjs";
import { startKv } from "./kv-service.mjs";
import { startWorkerd } from "./workerd.mjs";

const DAY = 24 * 3600;
const KEY = "test-admin-key";

/** When the story begins, and when it is written down: `EX01.contoso.com` is at stage 8 then. */
export const BEGUN = at("2026-10-01T08:15:08Z");
export const LEFT = BEGUN + 95 * DAY;

/** A story tells what is to be kept beside the state. @typedef {(client: Client) => Promise<unknown>} Story */

/**
 * Keys: of a tenant with a policy and of one that has keys alone, with all that a key can have, one of them revoked; of no
 * tenant. What is kept are the keys, of a deployment that is gone.
 * @type {Story}
 */
async function liveByKeys(client) {
  const now = BEGUN;
  const asked = async (
    /** @type {string} */ method,
    /** @type {string} */ path,
    /** @type {object | undefined} */ body,
  ) => {
    const { status, json, text } = await client.ask(method, path, { body, now });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return json;
  };
  await asked("PUT", "/v1/tenants/contoso/policy", { mode: "enforce" });
  const bounds = { expires_at: "2030-01-01T00:00:00Z", networks: ["192.0.2.0/24"] };
  /** @type {Record<string, object>} */
  const wanted = {
    mx: { role: "gateway", tenant: "contoso", gateway: { connector: "on_premises", postfix_refusals: true } },
    helpdesk: { role: "operator", tenant: "contoso" },
    report: { role: "viewer", tenant: "contoso", ...bounds },
    leaked: { role: "gateway", tenant: "contoso" },
    alone: { role: "gateway", tenant: "fabrikam" },
    shared: { role: "gateway", tenant: null },
    deputy: { role: "admin", tenant: null },
  };
  /** @type {Record<string, { id: string, key: string }>} */
  const keys = {};
  for (const [name, key] of Object.entries(wanted)) {
    const { id, key: secret } = await asked("POST", "/v1/keys", { ...key, name });
    keys[name] = { id, key: secret };
  }
  await client.ask("GET", "/v1/me", { key: keys.helpdesk.key, now });
  const { items } = await asked("GET", "/v1/keys", undefined);
  if (!items.some((/** @type {any} */ { last_used_on }) => last_used_on)) throw new Error("no day of use");
  await asked("DELETE", `/v1/keys/${keys.leaked.id}`, undefined);
  await until("the tenants' trails have it", async () => {
    const trails = ["contoso", "fabrikam"].map((tenant) => client.ask("GET", `/v1/tenants/${tenant}/audit`));
    const [contoso, fabrikam] = await Promise.all(trails);
    return contoso.json.items.length >= 6 && fabrikam.json.items.length === 1;
  });
  return keys;
}

/**
 * Mail: a tenant that enforces, with relays, waves, a pause and a baseline of its own; a server at stage 8, one that
 * was patched, one that is exempt, one with a single witness; keys; a turn of the brake; a catalog and a baseline put.
 * @type {Story}
 */
async function liveByMail(client) {
  const send = (/** @type {string} */ host, /** @type {number} */ now, build = "15.1.2507.39") =>
    client.decide(event({ tenant: "contoso", record: "sync", header: received({ host, now, build }) }), {
      now,
    });
  const put = async (
    /** @type {string} */ path,
    /** @type {unknown} */ body,
    now = BEGUN - 20 * DAY,
    method = "PUT",
  ) => {
    const { status, json } = await client.ask(method, path, { body, now });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
  };
  await put("/v1/control/mode", { mode: "report" }, BEGUN - 30 * DAY);
  await put("/v1/control/mode", { mode: "enforce" }, BEGUN - 29 * DAY);
  const shown = async (/** @type {string} */ path) =>
    (await client.ask("GET", path, { now: BEGUN - 25 * DAY })).json;
  await put("/v1/catalog", (await shown("/v1/catalog")).catalog);
  const { baseline } = await shown("/v1/baselines/microsoft");
  await put("/v1/baselines/house", { ...baseline, name: "house" });
  await put("/v1/tenants/contoso/policy", {
    mode: "enforce",
    operator: "Example Mail",
    baseline: "house",
    trusted_relays: [{ host: "relay.example.net", networks: ["198.51.100.0/24"] }],
    delegated: ["exempt"],
  });
  await put("/v1/tenants/fabrikam/policy", { mode: "report" });
  await put(
    "/v1/keys",
    { role: "gateway", tenant: "contoso", name: "mx", gateway: { own_hops: 1 } },
    BEGUN,
    "POST",
  );
  await put("/v1/keys", { role: "operator", tenant: "contoso", name: "helpdesk" }, BEGUN, "POST");
  for (const day of [0, 1, 20, 40, 60, 80, 94]) {
    await send("EX01.contoso.com", BEGUN + day * DAY);
    await send("EX03.contoso.com", BEGUN + day * DAY + 60);
  }
  for (const day of [10, 11, 30, 50]) await send("EX02.contoso.com", BEGUN + day * DAY);
  await send("EX02.contoso.com", BEGUN + 60 * DAY, "15.1.2507.61");
  await send("EX04.contoso.com", BEGUN + 94 * DAY);
  const exemption = { reason: "migration", expires_at: "2027-06-30T00:00:00Z" };
  await put("/v1/tenants/contoso/servers/ex03.contoso.com/exemption", exemption, BEGUN + 94 * DAY);
  const pause = { days: 3, reason: "holidays", starts_on: "2027-02-01" };
  await put("/v1/tenants/contoso/pauses", pause, BEGUN + 94 * DAY, "POST");
  return undefined;
}

/** Each story, and the keys of KV that are there when it has been told. @type {Record<string, [Story, string[]]>} */
const STORIES = {
  mail: [liveByMail, ["policy/contoso", "phase/contoso/ex01.contoso.com", "catalog", "baseline/house"]],
  keys: [liveByKeys, ["policy/contoso"]],
};

/**
 * Has a build live through a story, and writes down what it leaves.
 * @param {string} build
 * @param {string} folder
 * @param {[Story, string[]]} story
 */
async function write(build, folder, [live, published]) {
  const kv = await startKv();
  const stateDir = mkdtempSync(join(tmpdir(), "tidegate-stored-"));
  const vars = { ADMIN_KEY: KEY, ENVIRONMENT: "test", AUTO_TENANTS: "on" };
  const worker = await startWorkerd({ build, kv, stateDir, ledger: true, vars, readyPath: "/v1/health" });
  try {
    const kept = await live(new Client({ url: worker.url, key: KEY }));
    await until("KV has it all", async () => {
      const names = (await kv.keys()).map(({ name }) => name);
      return published.every((name) => names.includes(name));
    });
    mkdirSync(folder, { recursive: true });
    if (kept) writeFileSync(join(dirname(folder), "keys.json"), `${JSON.stringify(kept, null, 2)}\n`);
    writeFileSync(join(folder, "kv.json"), `${JSON.stringify(await kv.keys(), null, 1)}\n`);
  } finally {
    await worker.stop();
    await kv.stop();
  }
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  for (const file of files.filter((name) => name.endsWith(".sqlite"))) {
    const out = join(folder, `${file}.sql`);
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, dumped(join(stateDir, file)));
  }
  rmSync(stateDir, { recursive: true, force: true });
}

/**
 * A database as statements that make it again.
 * @param {string} file
 */
function dumped(file) {
  const database = new DatabaseSync(file);
  try {
    const schema = database
      .prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
      )
      .all();
    const isTable = (/** @type {Record<string, any>} */ { type }) => type === "table";
    const rows = schema.filter(isTable).flatMap(({ name }) => inserts(database, String(name)));
    const others = schema.filter((made) => !isTable(made));
    const lines = [...schema.filter(isTable).map(({ sql }) => sql), ...rows, ...others.map(({ sql }) => sql)];
    return `${lines.join(";\n")};\n`;
  } finally {
    database.close();
  }
}

/**
 * @param {DatabaseSync} database
 * @param {string} table
 */
function inserts(database, table) {
  const columns = database
    .prepare(`SELECT name FROM pragma_table_info(?)`)
    .all(table)
    .map(({ name }) => `"${name}"`);
  const values = columns.map((column) => `quote(${column})`).join(" || ', ' || ");
  const rows = database.prepare(`SELECT ${values} AS row FROM "${table}"`).all();
  return rows.map(({ row }) => `INSERT INTO "${table}" (${columns.join(", ")}) VALUES (${row})`);
}

/**
 * Lays out what was written down.
 * @param {string} folder
 * @param {string} stateDir the objects' files are made there
 * @param {import("./kv-service.mjs").KvService} kv
 */
export async function restore(folder, stateDir, kv) {
  for (const { name, value, metadata } of JSON.parse(readFileSync(join(folder, "kv.json"), "utf8"))) {
    await kv.put(name, value, metadata);
  }
  const files = /** @type {string[]} */ (readdirSync(folder, { recursive: true }));
  for (const file of files.filter((name) => name.endsWith(".sql"))) {
    const out = join(stateDir, file.replace(/\.sql$/, ""));
    mkdirSync(dirname(out), { recursive: true });
    const database = new DatabaseSync(out);
    database.exec(readFileSync(join(folder, file), "utf8"));
    database.close();
  }
}

/**
 * Runs a statement on each object's database that has tables of a version, while no worker has it open.
 * @param {string} stateDir
 * @param {string} statement
 */
export function alter(stateDir, statement) {
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  for (const file of files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(join(stateDir, file));
    const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema'").get();
    if (found) database.exec(statement);
    database.close();
  }
}

/**
 * The file of the operator's own object: others of its class add up counters, or have the ceiling, and know neither tenants
 * nor keys.
 * @param {string} stateDir
 */
export function operatorFile(stateDir) {
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  const found = files.filter((name) => {
    if (!/\boperator\b.*[0-9a-f]{64}\.sqlite$/i.test(name)) return false;
    const database = new DatabaseSync(join(stateDir, name));
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('key', 'tenant')").all();
    const isIt = tables.some((table) => database.prepare(`SELECT 1 FROM "${table.name}"`).get());
    database.close();
    return isIt;
  });
  assert.equal(found.length, 1, "one object has the tenants and the operator's keys");
  return join(stateDir, found[0]);
}

/**
 * Runs statements on the database of the one object of a kind that has keys, or rows of another table, while no worker
 * has it open.
 * @param {string} stateDir
 * @param {"ledger" | "operator"} kind
 * @param {string} statements
 * @param {{ table: string, where: string }} [rows]
 */
export function alterOne(stateDir, kind, statements, { table, where } = { table: "key", where: "TRUE" }) {
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  for (const file of files.filter((name) => name.includes(kind) && /[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(join(stateDir, file));
    const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(table);
    if (found && database.prepare(`SELECT 1 FROM "${table}" WHERE ${where}`).get()) database.exec(statements);
    database.close();
  }
}

/**
 * Has no object wake by itself at the time that it set, so that a test sees it before.
 * @param {string} stateDir
 */
export function withoutAlarms(stateDir) {
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  for (const file of files.filter((name) => name.endsWith("metadata.sqlite"))) {
    const database = new DatabaseSync(join(stateDir, file));
    database.exec("DELETE FROM _cf_ALARM");
    database.close();
  }
}

/** Maps by names that mean something: a name more there is no member more. */
const MAPS = new Set(["waves", "products", "baselines"]);

/**
 * The document as a next release may write it, that knows a member more everywhere.
 * @param {any} value
 * @param {string} [name]
 * @returns {any}
 */
export function withMembersOfTheNext(value, name = "") {
  if (Array.isArray(value)) return value.map((item) => withMembersOfTheNext(item));
  if (value === null || typeof value !== "object") return value;
  if ("minimum" in value || "max_lag_days" in value) return value; // one of several kinds, by its only name
  const members = Object.entries(value).map(([key, member]) => [key, withMembersOfTheNext(member, key)]);
  return Object.fromEntries(MAPS.has(name) ? members : [...members, ["next", { of: ["next"] }]]);
}

/** Columns that hold JSON, and how a row of theirs is named. */
const DOCUMENTS = [
  { table: "document", key: "name", columns: ["json"] },
  { table: "server", key: "id", columns: ["record", "phase", "exemptions", "told"] },
  { table: "pause", key: "id", columns: ["pause"] },
  { table: "key", key: "id", columns: ["gateway"] },
  { table: "facts", key: "name", columns: ["json"] },
];

/**
 * Changes every JSON document of a state that no worker has open.
 * @param {string} stateDir
 * @param {import("./kv-service.mjs").KvService} kv
 * @param {(document: any, where: string) => any} change `where`: the key in KV; or table, row and column
 */
export async function rewrite(stateDir, kv, change) {
  for (const { name, value, metadata } of await kv.keys()) {
    await kv.put(name, JSON.stringify(change(JSON.parse(value), name)), metadata);
  }
  const files = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  for (const file of files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(join(stateDir, file));
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    for (const { table, key, columns } of DOCUMENTS.filter(({ table }) =>
      tables.some(({ name }) => name === table),
    )) {
      for (const column of columns) rewriteColumn(database, { table, key, column }, change);
    }
    database.close();
  }
}

/**
 * @param {DatabaseSync} database
 * @param {{ table: string, key: string, column: string }} place
 * @param {(document: any, where: string) => any} change
 */
function rewriteColumn(database, { table, key, column }, change) {
  const rows = database.prepare(
    `SELECT "${key}" AS id, "${column}" AS json FROM "${table}" WHERE "${column}" IS NOT NULL`,
  );
  const write = database.prepare(`UPDATE "${table}" SET "${column}" = ? WHERE "${key}" = ?`);
  for (const { id, json } of rows.all()) {
    const where = table === "server" ? `server ${id} ${column}` : `${table} ${id}`;
    write.run(JSON.stringify(change(JSON.parse(String(json)), where)), /** @type {any} */ (id));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [build = "", folder = "", story = "mail"] = process.argv.slice(2);
  await write(build, folder, STORIES[story]);
}
