/**
 * Makes a ledger of very many servers, as long mail would have: a few messages give it tables and two servers of each
 * kind, and those are copied in its file.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WITH_HOOKS } from "./builds.mjs";
import { Client, event, received } from "./client.mjs";
import { now as testsNow } from "./day.mjs";
import { startKv } from "./kv-service.mjs";
import { startWorkerd } from "./workerd.mjs";

const DAY = 24 * 3600;
const COUNTS = ["accept", "defer", "reject", "would_defer", "would_reject"];

/**
 * @typedef {object} Crowd
 * @property {string} stateDir
 * @property {string} tenant
 * @property {string} key the admin key
 * @property {number} servers every third of them out of date
 * @property {number} [days] on each of which each server handed mail over, up to `now`
 * @property {number} [now] seconds since 1970
 */

/**
 * @param {Crowd} crowd
 * @returns {Promise<{ rows: number }>} days of servers
 */
export async function makeCrowd({ stateDir, tenant, key, servers, days = 0, now = testsNow() }) {
  const end = Math.floor(now);
  await makeTwo({ stateDir, tenant, key, now: end });
  const database = new DatabaseSync(fileIn(stateDir));
  database.exec("PRAGMA synchronous = OFF; BEGIN");
  const columns = database.prepare("SELECT name FROM pragma_table_info('server')").all();
  const others = columns.map(({ name }) => name).filter((name) => name !== "id" && name !== "name");
  database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 3 < ?1)
       INSERT INTO server (id, name, ${others}) SELECT printf('ex%05d.contoso.com', i),
           printf('EX%05d.contoso.com', i), ${others} FROM n
       JOIN server ON id = CASE i % 3 WHEN 0 THEN 'out-of-date.contoso.com' ELSE 'current.contoso.com' END`,
    )
    .run(servers);
  const today = end - (end % DAY);
  const sums = COUNTS.map((name) => `SUM(${name})`).join(", ");
  for (const table of ["hourly", "daily", "monthly", "tenant_hour", "tenant_day"]) {
    database.exec(`DELETE FROM ${table}`);
  }
  database
    .prepare(
      `WITH RECURSIVE d(at) AS (SELECT ?1 - (?2 - 1) * ${DAY} UNION ALL SELECT at + ${DAY} FROM d WHERE at < ?1)
       INSERT INTO daily (server, at, build, ${COUNTS})
       SELECT id, at, build, 20 + LENGTH(id) % 7 + at / ${DAY} % 5, IIF(stage IS NULL, 0, at / ${DAY} % 3), 0, 0, 0
       FROM (SELECT id, build, stage FROM server ORDER BY id), d WHERE ?2 > 0`,
    )
    .run(today, days);
  database.exec(`
    INSERT INTO monthly SELECT server, unixepoch(at, 'unixepoch', 'start of month'), ${sums} FROM daily GROUP BY 1, 2;
    INSERT INTO tenant_day SELECT at, ${sums} FROM daily GROUP BY at;
    COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`);
  const rows = Number(database.prepare("SELECT COUNT(*) AS rows FROM daily").get()?.rows);
  database.close();
  return { rows };
}

/**
 * A tenant that enforces, with a server that is out of date and one that is current.
 * @param {Omit<Required<Crowd>, "servers" | "days">} crowd
 */
async function makeTwo({ stateDir, tenant, key, now }) {
  const kv = await startKv();
  const vars = { ADMIN_KEY: key, ENVIRONMENT: "test", AUTO_TENANTS: "on" };
  const worker = await startWorkerd({
    build: WITH_HOOKS,
    kv,
    ledger: true,
    stateDir,
    vars,
    readyPath: "/v1/health",
  });
  try {
    const client = new Client({ url: worker.url, key });
    await client.putPolicy(tenant, { mode: "enforce" }, { now: now - 25 * DAY });
    for (const [host, build, ago] of /** @type {[string, string, number][]} */ ([
      ["out-of-date.contoso.com", "15.1.2507.39", 20 * DAY],
      ["out-of-date.contoso.com", "15.1.2507.39", 2 * DAY],
      ["out-of-date.contoso.com", "15.1.2507.39", 120],
      ["current.contoso.com", "15.1.2507.61", 60],
    ])) {
      const header = received({ host, now: now - ago, build });
      const answer = await client.decide(event({ tenant, record: "sync", header }), { now: now - ago });
      if (!answer.recorded) throw new Error(`not recorded: ${JSON.stringify(answer)}`);
    }
  } finally {
    await worker.stop();
    await kv.stop();
  }
}

/** The one ledger's file. @param {string} stateDir */
function fileIn(stateDir) {
  const names = /** @type {string[]} */ (readdirSync(stateDir, { recursive: true }));
  const files = names.filter((name) => /\bledger\b.*[0-9a-f]{64}\.sqlite$/.test(name));
  if (files.length !== 1) throw new Error(`one ledger expected: ${files}`);
  return join(stateDir, files[0]);
}
