/**
 * Starts tidegate-milter, as `cargo build --profile native -p tidegate-milter` leaves it.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, HOST, scratch, startServer } from "./servers.mjs";

const PROGRAM = fileURLToPath(new URL("../../../target/native/tidegate-milter", import.meta.url));

export function program() {
  if (!existsSync(PROGRAM)) throw new Error("tidegate-milter is not built: run make gateways");
  return PROGRAM;
}

/**
 * @typedef {import("./servers.mjs").Server & { address: string, metrics: () => Promise<string> }} Milter `address` as
 *   smtpd_milters has it
 */

/**
 * @param {{ url: string, key: string }} tidegate
 * @param {{ unix?: boolean, lines?: string[], clients?: string }} [options] `lines` and `clients` for the configuration
 * @returns {Promise<Milter>}
 */
export async function startMilter({ url, key }, { unix = false, lines = [], clients = "" } = {}) {
  const folder = scratch("milter");
  const metrics = `${HOST}:${await freePort()}`;
  const listen = unix ? `unix:${join(folder, "socket")}` : `inet:${HOST}:${await freePort()}`;
  const config = [
    `listen = "${listen}"`,
    'socket_mode = "0666"',
    `url = "${url}"`,
    `metrics = "${metrics}"`,
    ...lines,
    clients,
  ];
  const file = join(folder, "milter.toml");
  writeFileSync(file, config.map((line) => `${line}\n`).join(""));
  const server = await startServer(program(), ["--config", file], {
    says: /"event":"metrics"/,
    env: { TIDEGATE_KEY: key },
    folder,
    graceMs: 15_000,
  });
  const shown = async () => (await fetch(`http://${metrics}/metrics`)).text();
  return { ...server, address: listen, metrics: shown };
}
