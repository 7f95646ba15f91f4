/**
 * Fills a worker with the life of one tenant: a dozen Exchange servers of all ages over 120 days up to now, every message
 * through POST /v1/decide under the test clock.
 *   node tools/demo.mjs http://127.0.0.1:8787 dev-admin-key
 */

const HOUR = 3600;
const DAY = 24 * HOUR;
const DAYS = 120;
const TENANT = "contoso";
const ATTEMPTS = 5;

const [url, key] = process.argv.slice(2);
if (!url || !key) throw new Error("usage: node tools/demo.mjs URL ADMIN_KEY");

const end = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
const start = end - DAYS * DAY;

/**
 * What each machine shows from which day on; null: it is switched off. Servers of one name are a farm.
 * @type {{ host: string, address: string, mails: number, shows: [number, string | null][] }[]}
 */
const MACHINES = [
  { host: "EX01.contoso.com", address: "10.1.0.11", mails: 6, shows: [[0, "15.0.1497.48"]] },
  { host: "EX02.contoso.com", address: "10.1.0.12", mails: 8, shows: [[0, "15.1.2507.39"]] },
  {
    host: "EX03.contoso.com",
    address: "10.1.0.13",
    mails: 5,
    shows: [
      [0, "15.1.2507.39"],
      [100, "15.1.2507.75"],
    ],
  },
  { host: "EX04.contoso.com", address: "10.1.0.14", mails: 6, shows: [[0, "15.2.1748.26"]] },
  { host: "EX05.contoso.com", address: "10.1.0.15", mails: 4, shows: [[84, "15.2.1258.28"]] },
  {
    host: "EX06.contoso.com",
    address: "10.1.0.16",
    mails: 9,
    shows: [
      [0, "15.2.2562.45"],
      [20, "15.2.2562.49"],
      [75, "15.2.2562.53"],
    ],
  },
  { host: "EX07.contoso.com", address: "10.1.0.17", mails: 7, shows: [[0, "15.2.1544.43"]] },
  {
    host: "legacy.contoso.com",
    address: "10.1.0.18",
    mails: 2,
    shows: [
      [0, "14.3.468.0"],
      [40, null],
    ],
  },
  { host: "mail.contoso.com", address: "10.1.0.21", mails: 4, shows: [[0, "15.1.2507.75"]] },
  { host: "mail.contoso.com", address: "10.1.0.22", mails: 4, shows: [[50, "15.1.2507.39"]] },
  {
    host: "EX10.contoso.com",
    address: "10.1.0.20",
    mails: 4,
    shows: [
      [0, "15.0.1497.36"],
      [70, "15.1.2507.75"],
      [85, "15.0.1497.36"],
    ],
  },
  { host: "EX11.contoso.com", address: "10.1.0.23", mails: 3, shows: [[60, "15.2.2562.99"]] },
  { host: "branch.contoso.com", address: "10.1.0.24", mails: 3, shows: [[114, "15.1.2507.6"]] },
];

await main();

async function main() {
  const policy = {
    mode: "report",
    operator: "Example Mail",
    help_url: "https://help.example.net/exchange",
    delegated: ["exempt"],
  };
  await change("PUT", "policy", policy, start);
  let sent = 0;
  for (let day = 0; day < DAYS; day += 1) {
    const midnight = start + day * DAY;
    // a week of report, then enforcement; what administrators do about it happens in the morning
    if (day === 7) await change("PUT", "policy", { ...policy, mode: "enforce" }, midnight);
    if (day === 62)
      await change("POST", "pauses", { days: 7, reason: "Exhibition week: no mail may be late" }, midnight);
    if (day === 105) {
      const exemption = { reason: "Replaced by EX06 in January", expires_at: rfc3339(end + 60 * DAY) };
      await change("PUT", "servers/ex04.contoso.com/exemption", exemption, midnight);
    }
    sent += await mailOf(day, midnight);
    progress(day + 1, sent);
  }
  await change(
    "POST",
    "pauses",
    { days: 5, starts_on: dateOf(end + 29 * DAY), reason: "Year-end closing" },
    end,
  );
  await ask("POST", `/v1/test/tick?tenant=${TENANT}`, undefined, end);
  process.stdout.write("\n\n");
  await show();
}

/**
 * One day's mail of all machines, hour by hour.
 * @param {number} number
 * @param {number} midnight
 */
async function mailOf(number, midnight) {
  let sent = 0;
  const weekday = new Date(midnight * 1000).getUTCDay();
  const share = weekday === 0 || weekday === 6 ? 0.4 : 1;
  /** @type {Map<number, (() => Promise<void>)[]>} */
  const moments = new Map();
  for (const [index, { host, address, mails, shows }] of MACHINES.entries()) {
    const build = shows.findLast(([from]) => from <= number)?.[1];
    if (!build) continue;
    for (let mail = 0; mail < Math.max(1, Math.round(mails * share)); mail += 1) {
      // spread over the working day, another minute for each
      const at = midnight + 6 * HOUR + ((mail * 7919 + index * 613 + number * 101) % 840) * 60;
      const id = `${number}-${index}-${mail}`;
      const decide = () => handOver({ id, host, address, build, at });
      moments.set(at, [...(moments.get(at) ?? []), decide]);
      sent += 1;
    }
  }
  for (const at of [...moments.keys()].sort((one, other) => one - other)) {
    await Promise.all((moments.get(at) ?? []).map((decide) => decide()));
  }
  return sent;
}

/** @param {{ id: string, host: string, address: string, build: string, at: number }} mail */
async function handOver({ id, host, address, build, at }) {
  const date = new Date(at * 1000).toUTCString().replace("GMT", "+0000");
  const header =
    `Received: from ${host} (${address}) by ${host} (${address}) with\r\n Microsoft SMTP Server` +
    ` (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n ${build}; ${date}\r\n` +
    `Received: from ${host} ([fe80::1]) by ${host} ([fe80::1%3]) with mapi id\r\n ${build}; ${date}\r\n` +
    `Date: ${date}\r\nSubject: Message ${id}\r\nMessage-ID: <${id}@contoso.com>\r\n`;
  const event = {
    tenant: TENANT,
    event_id: id,
    connector: "on_premises",
    record: "sync",
    client: { ip: "203.0.113.7", helo: host },
    envelope: { from: "someone@contoso.com", to: ["someone@example.org"] },
    header,
  };
  // a busy machine answers late; what is asked again counts once
  for (let attempt = 1; ; attempt += 1) {
    const { recorded, why } = await ask("POST", "/v1/decide", event, at);
    if (recorded) return;
    if (attempt === ATTEMPTS) throw new Error(`message ${id} was not recorded: ${why}`);
  }
}

async function show() {
  const from = dateOf(start);
  const report = await ask("GET", `/v1/tenants/${TENANT}/report?from=${from}&to=${dateOf(end)}`);
  const rows = report.servers.map((/** @type {any} */ server) => ({
    server: server.id,
    build: server.build,
    standing: server.standing?.state,
    stage: server.stage?.number ?? "",
    next: server.stage?.next?.at ?? "",
    accept: server.accept,
    defer: server.defer,
    reject: server.reject,
  }));
  console.table(rows);
  const { items } = await ask("GET", `/v1/tenants/${TENANT}/notifications?limit=5`);
  console.log("The latest notifications:");
  for (const { at, text } of items) console.log(`  ${at}  ${text}`);
  const header = `-H 'Authorization: Bearer ${key}'`;
  console.log(`
Look at it yourself:
  curl -s ${header} ${url}/v1/tenants
  curl -s ${header} '${url}/v1/tenants/${TENANT}/servers?state=out_of_date'
  curl -s ${header} ${url}/v1/tenants/${TENANT}/servers/ex01.contoso.com
  curl -s ${header} -H 'Accept: text/csv' '${url}/v1/tenants/${TENANT}/report?from=${from}'`);
}

/**
 * @param {string} method
 * @param {string} path below the tenant's
 * @param {object} body
 * @param {number} now
 */
function change(method, path, body, now) {
  return ask(method, `/v1/tenants/${TENANT}/${path}`, body, now);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {number} [now] the test clock: seconds since 1970
 */
async function ask(method, path, body, now) {
  /** @type {Record<string, string>} */
  const headers = { authorization: `Bearer ${key}` };
  if (now !== undefined) headers["x-tidegate-now"] = rfc3339(now);
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/**
 * @param {number} days
 * @param {number} sent
 */
function progress(days, sent) {
  if (process.stdout.isTTY) process.stdout.write(`\rdemo: day ${days} of ${DAYS}, ${sent} messages`);
  else if (days % 30 === 0) console.log(`demo: day ${days} of ${DAYS}, ${sent} messages`);
}

/** @param {number} seconds since 1970 */
function rfc3339(seconds) {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** The UTC day. @param {number} seconds since 1970 */
function dateOf(seconds) {
  return rfc3339(seconds).slice(0, 10);
}
