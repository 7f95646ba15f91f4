/**
 * An Exim of one's own, from Debian's packages unpacked by tools/gateways.sh: installed they would drive Postfix out.
 * Needs root: it sees a list of users of its own, with the one that Debian's build runs as.
 */
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, remove, scratch, startServer } from "./servers.mjs";
import { edited, shipped, shippedFile } from "./shipped.mjs";

/** Of the user Debian-exim, which need not exist outside. */
const OWNER = 59_999;

/**
 * @typedef {object} Exim
 * @property {number} port
 * @property {() => string} log
 * @property {(id: string) => Buffer} queued a message as it stands in the queue: its header, then its body
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ socket: string, key: string, failDefer?: boolean, plain?: boolean }} tidegate `socket` as readsocket names one;
 *   `failDefer`: mail waits while there is no answer; `plain`: nothing is asked
 * @returns {Promise<Exim>}
 */
export async function startExim({ socket, key, failDefer = false, plain = false }) {
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
  const macros = edited(shipped("exim/macros"), [
    ["tg_…", key],
    ["tidegate.example.net", "tidegate.test"],
    ["inet:127.0.0.1:8896", socket],
    ...(failDefer ? /** @type {[string, string][]} */ ([["#| ", ""]]) : []),
  ]);
  writeFileSync(file("macros"), macros);
  writeFileSync(file("conf"), configuration({ file, port, plain }));
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
    const queued = (/** @type {string} */ id) => {
      const part = (/** @type {string} */ kind) => readFileSync(file(`spool/input/${id}-${kind}`), "latin1");
      // flags and lengths are before each field, and the message's id before its body
      const fields = part("H").split("\n\n").slice(1).join("\n\n");
      return Buffer.from(fields.replaceAll(/^\d+[A-Z* ] /gm, "") + part("D").slice(id.length + 2), "latin1");
    };
    return { port, log, queued, stop: server.stop };
  } catch (error) {
    remove(folder);
    throw error;
  }
}

/**
 * Mail is queued and stays there.
 * @param {{ file: (name: string) => string, port: number, plain: boolean }} how
 */
function configuration({ file, port, plain }) {
  return `.include ${file("macros")}
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
  ${plain ? "" : `.include ${shippedFile("exim/tidegate.acl")}`}
  accept
`;
}
