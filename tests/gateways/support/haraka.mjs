/**
 * Haraka from npm, as tools/gateways.sh installs it, with plugins as an operator installs them.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";
import { freePort, HOST, run, scratch, startServer } from "./servers.mjs";

const OWN_PLUGIN = fileURLToPath(new URL("../../../gateways/haraka", import.meta.url));

/** Lets mail for gw.test in, lets clients log in as bob, and throws accepted mail away. */
const BASE_PLUGINS = ["auth/flat_file", "rcpt_to.in_host_list"];
const SINK = "exports.hook_queue = exports.hook_queue_outbound = (next) => next(OK, 'queued');\n";
/** Delivers it, as it is, to a folder: a file for each recipient. @param {string} folder */
const keep = (folder) => `const fs = require("node:fs");
exports.hook_queue = exports.hook_queue_outbound = (next, { transaction: { rcpt_to, message_stream } }) =>
  message_stream.get_data((data) => {
    for (const to of rcpt_to) fs.writeFileSync("${folder}/" + to.user, data);
    next(OK, "queued");
  });
`;

/**
 * @typedef {import("./servers.mjs").Server & { port: number }} Haraka
 */

/**
 * @param {object} options
 * @param {string} [options.plugin] `tidegate`, packed as for npm, or one that came with Haraka
 * @param {string} [options.sink] the folder that accepted mail is kept in; else it is thrown away
 * @param {Record<string, string>} options.files of the config folder, by their names
 * @param {Record<string, string>} [options.env]
 * @param {boolean} [options.addReceived] whether Haraka puts its own field on top
 * @returns {Promise<Haraka>}
 */
export async function startHaraka({ plugin, files, env, addReceived = true, sink }) {
  const packages = join(cacheFolder("haraka"), "node_modules");
  if (!existsSync(join(packages, "Haraka"))) throw new Error("Haraka is missing: run make gateways");
  const folder = scratch("haraka");
  const port = await freePort();
  for (const name of ["config", "plugins", "node_modules"]) mkdirSync(join(folder, name));
  const config = {
    me: "gw.test",
    host_list: "gw.test",
    "smtp.ini": `listen=${HOST}:${port}\nnodes=0\n`,
    // Haraka does not start a session without its own defaults
    "connection.ini": readFileSync(join(packages, "Haraka", "config", "connection.ini"), "utf8").replace(
      /^; add_received=.*$/m,
      `add_received=${addReceived}`,
    ),
    loglevel: "INFO",
    plugins: [...BASE_PLUGINS, plugin ?? [], "sink", ""].flat().join("\n"),
    "auth_flat_file.ini": "[core]\nmethods=PLAIN\nconstrain_sender=false\n\n[users]\nbob=secret\n",
    ...files,
  };
  for (const [name, text] of Object.entries(config)) writeFileSync(join(folder, "config", name), text);
  writeFileSync(join(folder, "plugins", "sink.js"), sink ? keep(sink) : SINK);
  if (plugin === "tidegate") install(folder, packages);
  else if (plugin)
    symlinkSync(
      join(packages, `haraka-plugin-${plugin}`),
      join(folder, "node_modules", `haraka-plugin-${plugin}`),
    );
  const haraka = join(packages, "Haraka", "bin", "haraka");
  const server = await startServer(process.execPath, [haraka, "-c", folder], { port, folder, env });
  return { ...server, port };
}

/** What `npm install haraka-plugin-tidegate` would put there. @param {string} folder @param {string} packages */
function install(folder, packages) {
  const target = join(folder, "node_modules", "haraka-plugin-tidegate");
  mkdirSync(target);
  const packed = run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: OWN_PLUGIN }).trim();
  run("tar", ["-xzf", join(folder, packed.split("\n").at(-1) ?? ""), "-C", target, "--strip-components=1"]);
  for (const name of ["haraka-dsn", "haraka-utils"]) {
    symlinkSync(join(packages, name), join(folder, "node_modules", name));
  }
}
