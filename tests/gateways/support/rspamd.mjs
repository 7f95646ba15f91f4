/**
 * rspamd and nginx of one's own, with the files of gateways/rspamd as an operator copies them; only addresses and paths
 * are others.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, run, scratch, startServer } from "./servers.mjs";
import { edited, shipped } from "./shipped.mjs";

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
 * nginx between rspamd's proxy and Tidegate.
 * @param {{ url: string, key: string, authority?: string }} tidegate `authority`: whom it trusts, for https
 * @returns {Promise<import("./servers.mjs").Server & { port: number }>}
 */
export async function startNginx({ url, key, authority = "" }) {
  const folder = scratch("nginx");
  const port = await freePort();
  const target = new URL(url);
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, `proxy_set_header Authorization "Bearer ${key}";\n`);
  const site = edited(shipped("rspamd/nginx.conf"), [
    ["server tidegate.example.net:443", `server ${target.host}`],
    ...(authority
      ? /** @type {[string, string][]} */ ([
          ["/etc/ssl/certs/ca-certificates.crt", authority],
          ["tidegate.example.net", target.hostname],
        ])
      : /** @type {[string, string][]} */ ([["https://tidegate", "http://tidegate"]])),
    ["127.0.0.1:11380", `${HOST}:${port}`],
    ["/etc/nginx/tidegate.key", keyFile],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};\n`,
  );
  const config = `daemon off;
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
${temporary.join("")}${site}}
`;
  const file = join(folder, "nginx.conf");
  writeFileSync(file, config);
  const server = await startServer(needs("nginx", "nginx-light"), ["-p", folder, "-c", file], {
    port,
    folder,
  });
  return { ...server, port };
}
