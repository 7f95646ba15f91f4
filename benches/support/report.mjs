/**
 * Measures the report of a year of a tenant with very many servers, each of which handed mail over every day.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../tests/support/client.mjs";
import { makeCrowd } from "../../tests/support/crowded-ledger.mjs";
import { startKv } from "../../tests/support/kv-service.mjs";
import { startWorkerd } from "../../tests/support/workerd.mjs";
import { TARGET, WORKER_BUILD } from "./build.mjs";
import { median } from "./engine.mjs";

const SERVERS = 10_000;
const DAYS = 365;
const PAGE = 100;
/** The longest page, as the web page asks for it. */
const LONG_PAGE = 1_000;
const SAMPLES = 15;
const CSV_SAMPLES = 3;
const TENANT = "crowded";
const KEY = "bench-admin-key-0123456789abcdef";

/**
 * Times from outside, in milliseconds: the ledger takes less.
 * @typedef {object} Reported
 * @property {number} rows days of servers that the ledger holds
 * @property {number} first_ms the first page
 * @property {number} middle_ms
 * @property {number} last_ms
 * @property {number} long_ms the first page of 1,000 servers
 * @property {number} csv_ms all servers as CSV
 * @property {number} csv_bytes
 */

/** @returns {Promise<Reported>} */
export async function measureReport() {
  const stateDir = join(TARGET, "bench", "crowd");
  rmSync(stateDir, { recursive: true, force: true });
  mkdirSync(stateDir, { recursive: true });
  const { rows } = await makeCrowd({
    stateDir,
    tenant: TENANT,
    key: KEY,
    servers: SERVERS,
    days: DAYS,
    now: Date.now() / 1000,
  });
  const kv = await startKv();
  const vars = { ADMIN_KEY: KEY };
  const options = { build: WORKER_BUILD, kv, ledger: true, stateDir, vars, readyPath: "/v1/health" };
  const worker = await startWorkerd(options);
  try {
    const client = new Client({ url: worker.url, key: KEY });
    const day = (/** @type {number} */ ago) =>
      new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    const range = `from=${day(DAYS - 1)}&to=${day(0)}`;
    /** @param {string} query @param {Record<string, string>} [headers] */
    const ask = async (query, headers) => {
      const answer = await client.ask("GET", `/v1/tenants/${TENANT}/report?${range}${query}`, { headers });
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
      return answer;
    };
    /** @param {number} first the number of the server that begins the page @param {number} [length] */
    const page = async (first, length = PAGE) => {
      const cursor = first > 0 ? `&cursor=ex${String(first).padStart(5, "0")}.contoso.com` : "";
      const times = [];
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const { json, ms } = await ask(`&limit=${length}${cursor}`);
        const isWhole =
          json.servers.length === length && json.series.length === DAYS && json.servers[0].accept > DAYS;
        if (!isWhole) throw new Error("not the expected report");
        times.push(ms);
      }
      return median(times);
    };
    await ask(`&limit=${PAGE}`);
    const [first_ms, middle_ms, last_ms] = [
      await page(0),
      await page(SERVERS / 2),
      await page(SERVERS - PAGE - 3),
    ];
    const long_ms = await page(0, LONG_PAGE);
    const sheets = [];
    for (let sample = 0; sample < CSV_SAMPLES; sample += 1) {
      const sheet = await ask("", { accept: "text/csv" });
      if (sheet.text.split("\r\n").length !== SERVERS + 2) throw new Error("not all servers");
      sheets.push(sheet);
    }
    const csv_ms = median(sheets.map(({ ms }) => ms));
    return {
      rows,
      first_ms,
      middle_ms,
      last_ms,
      long_ms,
      csv_ms,
      csv_bytes: Buffer.byteLength(sheets[0].text),
    };
  } finally {
    await worker.stop();
    await kv.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
