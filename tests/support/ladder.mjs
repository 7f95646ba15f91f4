/**
 * The default ladder and the window's rule, written down a second time (design.md, 2.3 and 2.4).
 */

/** @typedef {{ days: number | null, throttle: number, block: number }} Stage */

/** @type {Stage[]} */
export const STAGES = [
  { days: 30, throttle: 0, block: 0 },
  { days: 10, throttle: 5, block: 0 },
  { days: 10, throttle: 10, block: 0 },
  { days: 10, throttle: 20, block: 0 },
  { days: 10, throttle: 30, block: 5 },
  { days: 10, throttle: 30, block: 10 },
  { days: 10, throttle: 30, block: 20 },
  { days: null, throttle: 0, block: 60 },
];

/**
 * @param {string} tenant
 * @param {string} server
 * @param {Stage} stage
 * @param {number} now seconds since 1970
 * @returns {"accept" | "defer" | "reject"}
 */
export function actionAt(tenant, server, { throttle, block }, now) {
  const offset = Number(fnv1a(`${tenant}\0${server}`) % 60n);
  const position = (new Date(now * 1000).getUTCMinutes() + offset) % 60;
  if (position < block) return "reject";
  return position < block + throttle ? "defer" : "accept";
}

/**
 * Seconds until the first moment that accepts; null if none of the hour does.
 * @param {string} tenant
 * @param {string} server
 * @param {Stage} stage
 * @param {number} now
 */
export function retryAfter(tenant, server, stage, now) {
  for (let wait = 0; wait <= 3600; wait += 1) {
    if (actionAt(tenant, server, stage, now + wait) === "accept") return wait;
  }
  return null;
}

/**
 * FNV-1a, 64 bit.
 * @param {string} text
 */
function fnv1a(text) {
  let hash = 0xcbf29ce484222325n;
  for (const octet of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(octet)) * 0x100000001b3n);
  return hash;
}
