/**
 * An rspamd of one's own, with the files of gateways/rspamd as an operator copies them; only addresses and paths are
 * others.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, run, scratch, startServer } from "./servers.mjs";
import { edited, shipped, shippedFile } from "./shipped.mjs";

const SELF_SCAN = 'milter = yes;\ntimeout = 10s;\nupstream "local" { default = yes; self_scan = yes; }';

/**
 * @typedef {import("./servers.mjs").Server & { milter: string, log: () => string }} Rspamd `milter` as smtpd_milters has it
 */

/**
 * An rspamd whose only worker is its proxy, as a milter.
 * @param {{ worker: (socket: string) => string, more?: string }} options `worker`: its configuration; `more`: of others
 * @returns {Promise<Rspamd>}
 */
export async function startRspamd({ worker, more = "" }) {
  const program = needs("rspamd");
  const folder = scratch("rspamd");
  const [data, socket] = ["data", "milter.sock"].map((name) => join(folder, name));
  mkdirSync(data);
  for (const path of [folder, data]) chownSync(path, Number(run("id", ["-u", "_rspamd"])), 0);
  const log = join(data, "log");
  // few names: the whole list takes ten seconds to compile
  writeFileSync(join(folder, "tld"), "com\ntest\nexample\n");
  const config = `options {
  pidfile = "${data}/pid";
  filters = "";
  explicit_modules = [];
  control_socket = "${data}/control mode=0600";
  cache_file = "${data}/cache";
  hs_cache_dir = "${data}/";
  url_tld = "${folder}/tld";
  tempdir = "${data}";
  dns { nameserver = ["${HOST}:5353"]; timeout = 1s; }
}
logging { type = "file"; filename = "${log}"; level = "info"; }
actions { reject = 1000; add_header = 900; greylist = 800; }
${more}
worker "rspamd_proxy" {
${worker(socket)}
count = 1;
}
`;
  const file = join(folder, "rspamd.conf");
  writeFileSync(file, config);
  const args = ["-f", "-i", "-c", file, "-u", "_rspamd", "-g", "_rspamd"];
  const server = await startServer(program, args, { listensAt: socket, folder });
  return { ...server, milter: `unix:${socket}`, log: () => readFileSync(log, "utf8") };
}

/**
 * An rspamd that scans by itself, with the rule.
 * @param {{ url: string, key: string }} tidegate
 * @param {{ more?: string, options?: string }} [how] `more` settings of the rule; `options` of rspamd
 * @returns {Promise<Rspamd>}
 */
export function startRule({ url, key }, { more = "", options = "" } = {}) {
  const conf = edited(shipped("rspamd/tidegate.conf"), [
    ["https://tidegate.example.net", url],
    ['key_file = "/etc/rspamd/tidegate.key"', `key = "${key}"; ${more}`],
  ]);
  return startRspamd({
    worker: (socket) => `bind_socket = "${socket} mode=0666";\n${SELF_SCAN}`,
    more: `options { ${options} }\n${conf}\nlua = "${shippedFile("rspamd/tidegate.lua")}";\n`,
  });
}
