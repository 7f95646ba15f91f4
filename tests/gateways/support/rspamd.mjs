/**
 * An rspamd of one's own, with the files of gateways/rspamd as an operator copies them; only addresses and paths are
 * others.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HOST, needs, run, scratch, startServer } from "./servers.mjs";
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
export function startRspamd({ worker, more = "" }) {
  return startWith((file, data, socket) => {
    // few names: the whole list takes ten seconds to compile
    writeFileSync(file("tld"), "com\ntest\nexample\n");
    return `options {
  pidfile = "${data}/pid";
  filters = "";
  explicit_modules = [];
  url_tld = "${file("tld")}";
  ${scratchOptions(data)}
}
logging { type = "file"; filename = "${data}/log"; level = "info"; }
actions { reject = 1000; add_header = 900; greylist = 800; }
${more}
worker "rspamd_proxy" {
${worker(socket)}
count = 1;
}
`;
  });
}

/**
 * @param {(file: (name: string) => string, data: string, socket: string) => string} configuration `data`: a folder that
 *   rspamd may write to
 * @returns {Promise<Rspamd>}
 */
async function startWith(configuration) {
  const program = needs("rspamd");
  const folder = scratch("rspamd");
  const file = (/** @type {string} */ name) => join(folder, name);
  const [data, socket] = [file("data"), file("milter.sock")];
  mkdirSync(data);
  for (const path of [folder, data]) chownSync(path, Number(run("id", ["-u", "_rspamd"])), 0);
  writeFileSync(file("rspamd.conf"), configuration(file, data, socket));
  const args = ["-f", "-i", "-c", file("rspamd.conf"), "-u", "_rspamd", "-g", "_rspamd"];
  const server = await startServer(program, args, { listensAt: socket, folder });
  return { ...server, milter: `unix:${socket}`, log: () => readFileSync(join(data, "log"), "utf8") };
}

/**
 * An rspamd that asks Tidegate and scans nothing, by the configuration of that name.
 * @param {{ url: string, key: string }} tidegate
 * @param {{ more?: string }} [how] settings of the rule
 * @returns {Promise<Rspamd>}
 */
export function startOnly({ url, key }, { more = "" } = {}) {
  return startWith((file, data, socket) => {
    writeFileSync(file("tidegate.conf"), ruleConf({ url, key }, more));
    return edited(shipped("rspamd/tidegate-only.conf"), [
      ["/var/spool/postfix/rspamd/tidegate.sock", socket],
      ["/etc/rspamd/tidegate.conf", file("tidegate.conf")],
      ["/etc/rspamd/tidegate.lua", shippedFile("rspamd/tidegate.lua")],
      ["/run/rspamd/rspamd.pid", `${data}/pid`],
      ['tempdir = "/tmp";', scratchOptions(data)],
      ['type = "syslog";', `type = "file"; filename = "${data}/log";`],
    ]);
  });
}

/** @param {{ url: string, key: string }} tidegate @param {string} more */
function ruleConf({ url, key }, more) {
  return edited(shipped("rspamd/tidegate.conf"), [
    ["https://tidegate.example.net", url],
    ['key_file = "/etc/rspamd/tidegate.key"', `key = "${key}"; ${more}`],
  ]);
}

/** What keeps an rspamd within its own folder. @param {string} data */
function scratchOptions(data) {
  return `tempdir = "${data}"; control_socket = "${data}/control mode=0600"; cache_file = "${data}/cache";
  hs_cache_dir = "${data}/"; dns { nameserver = ["${HOST}:5353"]; timeout = 1s; }`;
}

/**
 * An rspamd that scans by itself, with the rule.
 * @param {{ url: string, key: string }} tidegate
 * @param {{ more?: string, options?: string }} [how] `more` settings of the rule; `options` of rspamd
 * @returns {Promise<Rspamd>}
 */
export function startRule({ url, key }, { more = "", options = "" } = {}) {
  const conf = ruleConf({ url, key }, more);
  return startRspamd({
    worker: (socket) => `bind_socket = "${socket} mode=0666";\n${SELF_SCAN}`,
    more: `options { ${options} }\n${conf}\nlua = "${shippedFile("rspamd/tidegate.lua")}";\n`,
  });
}
