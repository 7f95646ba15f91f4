/**
 * An OpenSMTPD of one's own, from Debian's package unpacked by tools/gateways.sh: installed it would drive Postfix out.
 * Needs root: it gets the folders and users that are compiled into it in a mount namespace of its own.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";
import { freePort, HOST, needs, remove, run, scratch, startServer } from "./servers.mjs";

export const FILTER = fileURLToPath(new URL("../../../gateways/opensmtpd/filter-tidegate", import.meta.url));

/** Users of the package; the numbers mean nothing outside of the namespace. */
const USERS = { opensmtpd: 64901, opensmtpq: 64902 };

/** `opensmtpd`: 6.8, which cuts long lines of what a filter sees; `opensmtpd-7`: one that does not. @typedef {"opensmtpd" | "opensmtpd-7"} Release */

/**
 * @typedef {import("./servers.mjs").Server & { port: number, plain: number }} OpenSmtpd `plain`: where there is no filter
 */

/**
 * @param {{ url: string, key: string }} tidegate
 * @param {{ args?: string, sink?: number, release?: Release }} [options] `args`: more of the filter's; `sink`: the port
 *   that accepted mail is delivered to
 * @returns {Promise<OpenSmtpd>}
 */
export async function startOpenSmtpd({ url, key }, { args = "", sink = 9, release = "opensmtpd" } = {}) {
  const unpacked = cacheFolder("debian", release);
  const libraries = join(unpacked, "usr/lib/x86_64-linux-gnu");
  if (!existsSync(join(unpacked, "usr/sbin/smtpd")))
    throw new Error("OpenSMTPD is missing: run make gateways");
  const folder = scratch("opensmtpd");
  const file = (/** @type {string} */ name) => join(folder, name);
  const [port, plain] = [await freePort(), await freePort()];
  try {
    for (const [name, source] of [
      ["passwd", "/etc/passwd"],
      ["group", "/etc/group"],
    ]) {
      const more = Object.entries(USERS).map(([user, id]) =>
        name === "passwd"
          ? `${user}:x:${id}:${id}::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n`
          : `${user}:x:${id}:\n`,
      );
      writeFileSync(file(name), readFileSync(source, "utf8") + more.join(""));
    }
    // as an operator installs it: where smtpd's own user can read it
    copyFileSync(FILTER, file("filter-tidegate"));
    writeFileSync(file("key"), `${key}\n`, { mode: 0o600 });
    run("chown", [`${USERS.opensmtpd}`, file("key")]);
    const filter = `${file("filter-tidegate")} --url ${url} --key-file ${file("key")} ${args}`.trim();
    writeFileSync(file("smtpd.conf"), smtpdConf(filter, port, plain, sink));
    // what is there outside stays untouched
    const start = [
      `mount --bind ${file("passwd")} /etc/passwd`,
      `mount --bind ${file("group")} /etc/group`,
      "mount -t tmpfs tmpfs /var/spool",
      "mount -t tmpfs tmpfs /run",
      "mount -t tmpfs tmpfs /var/lib",
      "mkdir -p /var/lib/opensmtpd/empty",
      "install -d -m 711 /var/spool/smtpd",
      `mount --bind ${join(unpacked, "usr/libexec")} /usr/libexec`,
      // a later Debian's needs that one's libraries
      ...(existsSync(libraries)
        ? [
            `mount -t overlay overlay -o lowerdir=${libraries}:/usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu`,
          ]
        : []),
      `exec ${join(unpacked, "usr/sbin/smtpd")} -d -f ${file("smtpd.conf")}`,
    ];
    const server = await startServer(needs("unshare"), ["--mount", "sh", "-ec", start.join("\n")], {
      port,
      folder,
    });
    return { ...server, port, plain };
  } catch (error) {
    remove(folder);
    throw error;
  }
}

/** @param {string} filter @param {number} port @param {number} plain @param {number} sink */
function smtpdConf(filter, port, plain, sink) {
  return `filter "tidegate" proc-exec "${filter}"
listen on ${HOST} port ${port} hostname gw.test filter "tidegate"
listen on ${HOST} port ${plain} hostname gw.test
action "sink" relay host "smtp://${HOST}:${sink}"
match from any for domain "gw.test" action "sink"
`;
}
