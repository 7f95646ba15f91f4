/**
 * A Sendmail of one's own, from Debian's packages unpacked by tools/gateways.sh: installed they would drive Postfix out.
 * Needs root: it gets a host name and a resolver of its own, so that nobody is asked for this machine's name.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, remove, run, scratch, startServer } from "./servers.mjs";

/**
 * @typedef {object} Sendmail
 * @property {number} port
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} filter as INPUT_MAIL_FILTER has it, such as `S=inet:8894@127.0.0.1`
 * @returns {Promise<Sendmail>}
 */
export async function startSendmail(filter) {
  const unpacked = join(process.env.TIDEGATE_TOOLS ?? "", "debian", "sendmail");
  const program = join(unpacked, "usr/libexec/sendmail/sendmail");
  if (!existsSync(program)) throw new Error("sendmail is missing: run make gateways");
  const folder = scratch("sendmail");
  const file = (/** @type {string} */ name) => join(folder, name);
  mkdirSync(file("queue"), { mode: 0o700 });
  const port = await freePort();
  writeFileSync(file("hosts"), `${HOST} gw.test localhost\n`);
  writeFileSync(file("resolver"), `nameserver ${HOST}\noptions timeout:1 attempts:1\n`);
  writeFileSync(file("switch"), "hosts files\naliases files\npasswd files\n");
  const cf = join(unpacked, "usr/share/sendmail/cf/");
  writeFileSync(file("mc"), macros({ cf, file, port, filter }));
  try {
    writeFileSync(file("cf"), run(needs("m4"), [`-D_CF_DIR_=${cf}`, file("mc")]));
    const start = [
      `mount --bind ${file("hosts")} /etc/hosts`,
      `mount --bind ${file("resolver")} /etc/resolv.conf`,
      "hostname gw.test",
      `exec ${program} -bD -C${file("cf")}`,
    ];
    const server = await startServer(needs("unshare"), ["--mount", "--uts", "sh", "-ec", start.join("\n")], {
      port,
      folder,
      env: { LD_LIBRARY_PATH: join(unpacked, "usr/lib/x86_64-linux-gnu") },
    });
    return { port, stop: server.stop };
  } catch (error) {
    remove(folder);
    throw error;
  }
}

/**
 * The configuration in m4: mail is queued and stays there.
 * @param {{ cf: string, file: (name: string) => string, port: number, filter: string }} options
 */
function macros({ cf, file, port, filter }) {
  const define = (/** @type {string} */ name, /** @type {string} */ value) =>
    `define(\`${name}', \`${value}')dnl`;
  return `${[
    "divert(-1)",
    `include(\`${cf}m4/cf.m4')`,
    "divert(0)dnl",
    "OSTYPE(`linux')dnl",
    define("QUEUE_DIR", file("queue")),
    define("confPID_FILE", file("pid")),
    define("STATUS_FILE", file("statistics")),
    define("confSERVICE_SWITCH_FILE", file("switch")),
    define("ALIAS_FILE", ""),
    define("confDELIVERY_MODE", "queueonly"),
    define("confDONT_PROBE_INTERFACES", "true"),
    define("confDOMAIN_NAME", "gw.test"),
    define("confTO_IDENT", "0"),
    "FEATURE(`no_default_msa')dnl",
    "FEATURE(`nocanonify')dnl",
    "FEATURE(`accept_unresolvable_domains')dnl",
    `DAEMON_OPTIONS(\`Port=${port}, Addr=${HOST}, Name=MTA')dnl`,
    `INPUT_MAIL_FILTER(\`tidegate', \`${filter}, T=C:2s;S:5s;R:5s;E:10s')dnl`,
    "MAILER(`local')dnl",
    "MAILER(`smtp')dnl",
  ].join("\n")}\n`;
}
