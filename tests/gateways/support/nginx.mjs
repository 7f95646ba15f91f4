/**
 * An nginx of one's own between a gateway and Tidegate, with a file of gateways/ as an operator copies it; only addresses
 * and paths are others.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, HOST, needs, scratch, startServer } from "./servers.mjs";
import { edited, shipped } from "./shipped.mjs";

/**
 * @param {"exim/nginx.conf" | "rspamd/nginx.conf"} name
 * @param {{ url: string, key?: string, authority?: string }} tidegate `key`: where nginx brings it; `authority`: whom it
 *   trusts, else those of the system; `url`: with https, the name that Tidegate has to have
 * @returns {Promise<import("./servers.mjs").Server & { port: number }>}
 */
export async function startNginx(name, { url, key, authority }) {
  const folder = scratch("nginx");
  const port = await freePort();
  const { protocol, hostname, port: target } = new URL(url);
  const file = (/** @type {string} */ name) => join(folder, name);
  if (key) writeFileSync(file("key"), `proxy_set_header Authorization "Bearer ${key}";\n`);
  const text = shipped(name);
  const listen = /listen (\S+);/.exec(text)?.[1] ?? "";
  /** @type {[string, string][]} */
  const replacements = [
    ["server tidegate.example.net:443", `server ${HOST}:${target}`],
    ["tidegate.example.net", hostname],
    [listen, `${HOST}:${port}`],
  ];
  if (protocol === "http:") replacements.push(["https://tidegate", "http://tidegate"]);
  if (authority) replacements.push(["/etc/ssl/certs/ca-certificates.crt", authority]);
  if (key) replacements.push(["/etc/nginx/tidegate.key", file("key")]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};\n`,
  );
  const config = `daemon off;
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
${temporary.join("")}${edited(text, replacements)}}
`;
  writeFileSync(file("nginx.conf"), config);
  const args = ["-p", folder, "-c", file("nginx.conf")];
  const server = await startServer(needs("nginx", "nginx-light"), args, { port, folder });
  return { ...server, port };
}
