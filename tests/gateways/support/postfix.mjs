/**
 * A Postfix of one's own: its own configuration, spool and log, besides whatever runs on this machine. Needs root.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, remove, run, scratch, startServer } from "./servers.mjs";

/** What every instance runs beside its smtpd services. */
const SERVICES = `
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
discard   unix - - n - - discard
smtp      unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
showq     unix n - n - - showq
postlog   unix-dgram n - n - 1 postlogd
`;

/**
 * @typedef {object} Postfix
 * @property {Record<string, number>} ports by the names that were given
 * @property {() => string} log
 * @property {() => Promise<void>} stop
 */

/**
 * @param {Record<string, string[]>} services names of smtpd services with their parameters, such as
 *   `smtpd_milters=inet:127.0.0.1:8894`
 * @param {string} [more] lines for master.cf
 * @param {{ sink?: number }} [options] `sink`: the port that accepted mail is delivered to; else it is thrown away
 * @returns {Promise<Postfix>}
 */
export async function startPostfix(services, more = "", { sink } = {}) {
  const postconf = needs("postconf", "postfix");
  const programs = run(postconf, ["-dh", "daemon_directory"]).trim();
  const folder = scratch("postfix");
  const [spool, data, log] = ["spool", "data", "log"].map((name) => join(folder, name));
  mkdirSync(spool);
  mkdirSync(data);
  const owner = run("id", ["-u", "postfix"]).trim();
  chownSync(data, Number(owner), 0);
  /** @type {Record<string, number>} */
  const ports = {};
  let master = "";
  for (const [name, parameters] of Object.entries(services)) {
    ports[name] = await freePort();
    const options = parameters.map((parameter) => ` -o { ${parameter} }`).join("");
    master += `${HOST}:${ports[name]} inet n - n - - smtpd${options}\n`;
  }
  writeFileSync(join(folder, "master.cf"), master + more + SERVICES);
  writeFileSync(join(folder, "main.cf"), mainCf({ folder, spool, data, log, programs, sink }));
  try {
    run(needs("postfix"), ["-c", folder, "check"]);
    const port = Object.values(ports)[0];
    const server = await startServer(join(programs, "master"), ["-s", "-c", folder], { port, folder });
    return { ports, log: () => readFileSync(log, "utf8"), stop: server.stop };
  } catch (error) {
    remove(folder);
    throw error;
  }
}

/**
 * @param {{ folder: string, spool: string, data: string, log: string, programs: string, sink: number | undefined }} at
 */
function mainCf({ folder, spool, data, log, programs, sink }) {
  return `compatibility_level = 3.6
queue_directory = ${spool}
data_directory = ${data}
daemon_directory = ${programs}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${log}
maillog_file_prefixes = ${folder}
myhostname = gw.test
mydestination = gw.test
mynetworks = 192.0.2.1/32
inet_interfaces = ${HOST}
inet_protocols = all
alias_maps =
local_recipient_maps =
local_transport = ${sink ? `smtp:[${HOST}]:${sink}` : "discard:"}
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_authorized_xclient_hosts = ${HOST}
in_flow_delay = 0
milter_connect_timeout = 2s
milter_command_timeout = 5s
milter_content_timeout = 10s
`;
}
