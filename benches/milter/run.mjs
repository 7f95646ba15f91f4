/**
 * What tidegate-milter costs Postfix, with the worker on the same machine: the median time that it adds to a message,
 * and the messages a second that pass. Needs root, Debian's postfix, and the worker and daemon built.
 *
 *   node benches/milter/run.mjs [MESSAGES] [ROUNDS]
 *
 * Times are those from the dot at the end of a message to the reply, one message at a time, in turns with and without
 * the daemon. Rates are those of `smtp-source -s 16`: a new SMTP session for each message.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startMilter } from "../../tests/gateways/support/milter.mjs";
import { startPostfix } from "../../tests/gateways/support/postfix.mjs";
import { HOST, needs, remove, scratch } from "../../tests/gateways/support/servers.mjs";
import { SmtpSession } from "../../tests/gateways/support/smtp.mjs";
import { header, startWorld } from "../../tests/gateways/support/world.mjs";

const MESSAGES = Number(process.argv[2] ?? 2_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const TIMED = 300;
/** Postfix slows sessions with many refusals down. */
const MESSAGES_A_SESSION = 8;

/** @param {number[]} numbers */
function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/**
 * Milliseconds from the dot to the reply of so many messages.
 * @param {number} port
 * @param {import("../../tests/gateways/support/world.mjs").Kind} kind
 */
async function times(port, kind) {
  const session = await SmtpSession.open(port);
  const found = [];
  for (let count = 0; count < MESSAGES_A_SESSION; count += 1) {
    await session.say("MAIL FROM:<a@contoso.com>");
    await session.say("RCPT TO:<b@gw.test>");
    await session.say("DATA");
    const message = `${header(kind)}From: <a@contoso.com>\r\nSubject: hello\r\n\r\nA short body.\r\n.`;
    const start = performance.now();
    await session.say(message);
    found.push(performance.now() - start);
  }
  await session.end();
  return found;
}

/**
 * @param {number} port
 * @param {string} file
 */
async function rate(port, file) {
  const load = ["-s", "16", "-m", String(MESSAGES), "-f", "a@contoso.com", "-t", "b@gw.test", "-F", file];
  const start = performance.now();
  const child = spawn(needs("smtp-source", "postfix"), [...load, `inet:${HOST}:${port}`], {
    stdio: "inherit",
  });
  const [status] = await once(child, "exit");
  if (status !== 0) throw new Error(`smtp-source ended with ${status}`);
  return MESSAGES / ((performance.now() - start) / 1000);
}

/** Processor time of a process so far, in milliseconds. @param {number} pid */
function processor(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What a process has of memory, now and at most. @param {number} pid */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (/** @type {string} */ name) => new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1];
  return `${of("VmRSS")} kB now, ${of("VmHWM")} kB at most`;
}

const world = await startWorld();
const direct = { url: world.direct, key: world.key };
const tcp = await startMilter(direct);
const unix = await startMilter(direct, { unix: true });
const postfix = await startPostfix({
  alone: [],
  tcp: [`smtpd_milters=${tcp.address}`, "milter_default_action=tempfail"],
  unix: [`smtpd_milters=${unix.address}`, "milter_default_action=tempfail"],
});
const folder = scratch("bench");
const ways = Object.entries(postfix.ports);
try {
  for (const kind of /** @type {const} */ (["current", "throttled", "other"])) {
    /** @type {Record<string, number[]>} */
    const found = { alone: [], tcp: [], unix: [] };
    for (const [, port] of ways) await times(port, kind);
    while (found.alone.length < TIMED) {
      for (const [way, port] of ways) found[way].push(...(await times(port, kind)));
    }
    const [alone, overTcp, overUnix] = [found.alone, found.tcp, found.unix].map(median);
    const added = (/** @type {number} */ ms) => `${ms.toFixed(2)} (${(ms - alone).toFixed(2)} more)`;
    console.log(
      `${kind}: median ms a message: alone ${alone.toFixed(2)}, tcp ${added(overTcp)}, unix ${added(overUnix)}`,
    );
  }
  for (const kind of /** @type {const} */ (["current", "other"])) {
    const message = `${header(kind)}From: <a@contoso.com>\r\nSubject: hello\r\n\r\n${"x".repeat(70)}\r\n`;
    const file = join(folder, kind);
    writeFileSync(file, message.replaceAll("\r\n", "\n"));
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const [way, port] of ways) {
        console.log(`${kind}, round ${round}: ${way}: ${(await rate(port, file)).toFixed(0)} messages/s`);
      }
    }
  }
  for (const [name, milter] of Object.entries({ tcp, unix })) {
    const text = await milter.metrics();
    const asked = Number(/question_seconds_count (\d+)/.exec(text)?.[1]);
    const micros = (processor(milter.pid) / asked) * 1000;
    console.log(`${name}: ${micros.toFixed(0)} µs of processor a question, memory ${memory(milter.pid)}`);
    const told =
      /^tidegate_milter_(messages_total|failures_total|upstream_connections_total|retries_total)\b.* [1-9]/;
    for (const line of text.split("\n").filter((row) => told.test(row))) console.log(`  ${line}`);
  }
} finally {
  await postfix.stop();
  await Promise.all([tcp.stop(), unix.stop()]);
  await world.stop();
  remove(folder);
}
