/**
 * An Exim of one's own, from Debian's packages unpacked by tools/gateways.sh: installed they would drive Postfix out.
 * Needs root: it sees a list of users of its own, with the one that Debian's build runs as.
 */
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, HOST, needs, remove, scratch, startServer } from "./servers.mjs";

const STATEMENTS = fileURLToPath(new URL("../../../gateways/exim/tidegate.acl", import.meta.url));
/** Of the user Debian-exim, which need not exist outside. */
const OWNER = 59_999;

/**
 * @typedef {object} Exim
 * @property {number} port
 * @property {() => string} log
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ socket: string, key: string }} tidegate `socket` as readsocket names one
 * @returns {Promise<Exim>}
 */
export async function startExim({ socket, key }) {
  const unpacked = join(process.env.TIDEGATE_TOOLS ?? "", "debian", "exim");
  const program = join(unpacked, "usr/sbin/exim4");
  if (!existsSync(program)) throw new Error("exim is missing: run make gateways");
  const folder = scratch("exim");
  const file = (/** @type {string} */ name) => join(folder, name);
  const port = await freePort();
  for (const name of ["spool", "log"]) {
    mkdirSync(file(name));
    chownSync(file(name), OWNER, OWNER);
  }
  const others = (/** @type {string} */ list) =>
    readFileSync(list, "utf8").replaceAll(/^Debian-exim:.*\n/gm, "");
  writeFileSync(
    file("passwd"),
    `${others("/etc/passwd")}Debian-exim:x:${OWNER}:${OWNER}::${folder}:/bin/false\n`,
  );
  writeFileSync(file("group"), `${others("/etc/group")}Debian-exim:x:${OWNER}:\n`);
  writeFileSync(file("conf"), configuration({ file, port, socket, key }), { mode: 0o644 });
  const start = [
    `mount --bind ${file("passwd")} /etc/passwd`,
    `mount --bind ${file("group")} /etc/group`,
    `exec ${program} -C ${file("conf")} -bdf`,
  ];
  try {
    const server = await startServer(needs("unshare"), ["--mount", "sh", "-ec", start.join("\n")], {
      port,
      folder,
      env: { LD_LIBRARY_PATH: join(unpacked, "usr/lib/x86_64-linux-gnu") },
    });
    const log = () =>
      existsSync(file("log/main")) ? readFileSync(file("log/main"), "utf8") : server.output();
    return { port, log, stop: server.stop };
  } catch (error) {
    remove(folder);
    throw error;
  }
}

/**
 * Mail is queued and stays there.
 * @param {{ file: (name: string) => string, port: number, socket: string, key: string }} options
 */
function configuration({ file, port, socket, key }) {
  return `TIDEGATE_KEY = ${key}
TIDEGATE_HOST = tidegate.test
TIDEGATE_SOCKET = ${socket}
primary_hostname = gw.test
domainlist local_domains = gw.test
spool_directory = ${file("spool")}
log_file_path = ${file("log")}/%s
pid_file_path = ${file("pid")}
daemon_smtp_ports = ${port}
local_interfaces = ${HOST}
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
queue_only = true
keep_environment =
strict_acl_vars = true
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data

begin acl
acl_rcpt:
  accept domains = +local_domains
  deny   message = relay not permitted

acl_data:
  .include ${STATEMENTS}
  accept
`;
}
