/**
 * Where tools/gateways.sh puts what it installs beside Debian's packages.
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** @param {...string} names */
export function cacheFolder(...names) {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(process.env.TIDEGATE_TOOLS || join(base, "tidegate"), ...names);
}
