/**
 * Fills a worker with the life of one tenant: a dozen Exchange servers of all ages over 120 days up to END, every message
 * through POST /v1/decide/batch under the test clock. All facts are as far from END as they are written here, those by
 * which servers are judged too: the story is the same on any day.
 *   node tools/demo.mjs http://127.0.0.1:8787 dev-admin-key 2028-02-29T12:00:00Z
 */

const HOUR = 3600;
const DAY = 24 * HOUR;
const DAYS = 120;
const TENANT = "contoso";
const ATTEMPTS = 20;
/** Mail comes at so many moments of a day, every third hour from 6 o'clock on: one batch each. */
const MOMENTS = 5;

const [url, key, until] = process.argv.slice(2);
if (!until || Number.isNaN(Date.parse(until)))
  throw new Error("usage: node tools/demo.mjs URL ADMIN_KEY END");

const end = Math.floor(Date.parse(until) / 1000);
/** The last of the days has begun and goes on: all of them are UTC's. */
const start = Math.floor(end / DAY) * DAY - (DAYS - 1) * DAY;

/** From the baseline's day on the newest update of last year is required; it came as a surprise to many. */
const BASELINE_DAY = 37;
const OLD_PRODUCTS = Object.fromEntries(
  ["Exchange Server 2007", "Exchange Server 2010", "Exchange Server 2013"].map((name) => [
    name,
    "unsupported",
  ]),
);
const POLICY = {
  mode: "report",
  operator: "Example Mail",
  help_url: "https://help.example.net/exchange",
  delegated: ["exempt"],
  baseline: {
    name: "example-mail",
    editions: [
      {
        effective: dateOf(start - 365 * DAY),
        products: { ...OLD_PRODUCTS, "Exchange Server 2016": { minimum: ["15.1.2507.31"] } },
      },
      {
        effective: dateOf(start + BASELINE_DAY * DAY),
        products: {
          ...OLD_PRODUCTS,
          "Exchange Server 2016": { minimum: ["15.1.2507.61"] },
          "Exchange Server 2019": { minimum: ["15.2.1544.36", "15.2.1748.39"] },
        },
      },
    ],
  },
  waves: Object.fromEntries(
    ["Exchange Server 2010", "Exchange Server 2013", "Exchange Server 2016", "Exchange Server 2019"].map(
      (name) => [name, dateOf(start - 365 * DAY)],
    ),
  ),
};

/**
 * What each machine shows from which day on; null: it is switched off. Servers of one name are a farm. Where each stands
 * at the end is far enough from the next stage to be the same at every hour of the last day.
 * @type {{ host: string, address: string, mails: number, shows: [number, string | null][] }[]}
 */
const MACHINES = [
  // stage 8
  { host: "EX01.contoso.com", address: "10.1.0.11", mails: 3, shows: [[0, "15.0.1497.48"]] },
  // stage 6, since the baseline's day
  { host: "EX02.contoso.com", address: "10.1.0.12", mails: 4, shows: [[0, "15.1.2507.39"]] },
  // patched
  {
    host: "EX03.contoso.com",
    address: "10.1.0.13",
    mails: 3,
    shows: [
      [0, "15.1.2507.39"],
      [100, "15.1.2507.75"],
    ],
  },
  // exempt, in stage 4
  { host: "EX04.contoso.com", address: "10.1.0.14", mails: 3, shows: [[0, "15.2.1748.26"]] },
  // stage 2
  { host: "EX05.contoso.com", address: "10.1.0.15", mails: 2, shows: [[81, "15.2.1258.28"]] },
  // always up to date, and at last newer than the catalog
  {
    host: "EX06.contoso.com",
    address: "10.1.0.16",
    mails: 5,
    shows: [
      [0, "15.2.2562.45"],
      [20, "15.2.2562.49"],
      [75, "15.2.2562.53"],
      [110, "15.2.2562.99"],
    ],
  },
  // stage 7
  { host: "EX07.contoso.com", address: "10.1.0.17", mails: 3, shows: [[26, "15.0.1497.44"]] },
  // silent
  {
    host: "legacy.contoso.com",
    address: "10.1.0.18",
    mails: 1,
    shows: [
      [0, "14.3.468.0"],
      [40, null],
    ],
  },
  // up to date, since one of its two machines is
  { host: "mail.contoso.com", address: "10.1.0.21", mails: 2, shows: [[0, "15.1.2507.75"]] },
  { host: "mail.contoso.com", address: "10.1.0.22", mails: 2, shows: [[51, "15.1.2507.39"]] },
  // stage 5, by a relapse: it counts a week after the last mail that showed the patch
  {
    host: "EX10.contoso.com",
    address: "10.1.0.20",
    mails: 2,
    shows: [
      [25, "15.0.1497.36"],
      [86, "15.1.2507.75"],
      [102, "15.0.1497.36"],
    ],
  },
  // stage 3
  { host: "EX11.contoso.com", address: "10.1.0.23", mails: 2, shows: [[76, "15.2.1118.40"]] },
  // stage 1
  { host: "branch.contoso.com", address: "10.1.0.24", mails: 2, shows: [[114, "15.1.2507.6"]] },
];

await main();

async function main() {
  await change("PUT", "policy", POLICY, start);
  let sent = 0;
  for (let day = 0; day < DAYS; day += 1) {
    const midnight = start + day * DAY;
    // a week of report, then enforcement; what administrators do about it happens in the night
    if (day === 7) await change("PUT", "policy", { ...POLICY, mode: "enforce" }, midnight);
    if (day === 62)
      await change("POST", "pauses", { days: 7, reason: "Exhibition week: no mail may be late" }, midnight);
    if (day === 99) {
      const exemption = { reason: "Replaced by EX06 within two months", expires_at: rfc3339(end + 60 * DAY) };
      await change("PUT", "servers/ex04.contoso.com/exemption", exemption, midnight);
    }
    sent += await mailOf(day, midnight);
    progress(day + 1, sent);
  }
  await change("POST", "pauses", { days: 5, starts_on: dateOf(end + 29 * DAY), reason: "Stocktaking" }, end);
  await ask("POST", `/v1/test/tick?tenant=${TENANT}`, undefined, end);
  process.stdout.write("\n\n");
  await show();
}

/**
 * One day's mail of all machines up to the end.
 * @param {number} number
 * @param {number} midnight
 */
async function mailOf(number, midnight) {
  let sent = 0;
  const weekday = new Date(midnight * 1000).getUTCDay();
  const share = weekday === 0 || weekday === 6 ? 0.4 : 1;
  /** @type {object[][]} */
  const batches = Array.from({ length: MOMENTS }, () => []);
  /** Always another minute of the hour. @param {number} batch */
  const momentOf = (batch) => midnight + (6 + 3 * batch) * HOUR + ((batch * 17 + number * 29) % 60) * 60;
  for (const [index, { host, address, mails, shows }] of MACHINES.entries()) {
    const build = shows.findLast(([from]) => from <= number)?.[1];
    if (!build) continue;
    for (let mail = 0; mail < Math.max(1, Math.round(mails * share)); mail += 1) {
      const batch = (mail * 3 + index * 2 + number) % MOMENTS;
      const id = `${number}-${index}-${mail}`;
      batches[batch].push(messageOf({ id, host, address, build, at: momentOf(batch) }));
    }
  }
  for (const [batch, messages] of batches.entries()) {
    if (messages.length === 0 || momentOf(batch) > end) continue;
    await handOver(messages, momentOf(batch));
    sent += messages.length;
  }
  return sent;
}

/** @param {{ id: string, host: string, address: string, build: string, at: number }} mail */
function messageOf({ id, host, address, build, at }) {
  const date = new Date(at * 1000).toUTCString().replace("GMT", "+0000");
  const header =
    `Received: from ${host} (${address}) by ${host} (${address}) with\r\n Microsoft SMTP Server` +
    ` (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n ${build}; ${date}\r\n` +
    `Received: from ${host} ([fe80::1]) by ${host} ([fe80::1%3]) with mapi id\r\n ${build}; ${date}\r\n` +
    `Date: ${date}\r\nSubject: Message ${id}\r\nMessage-ID: <${id}@contoso.com>\r\n`;
  return {
    tenant: TENANT,
    event_id: id,
    connector: "on_premises",
    record: "sync",
    client: { ip: "203.0.113.7", helo: host },
    envelope: { from: "someone@contoso.com", to: ["someone@example.org"] },
    header,
  };
}

/**
 * @param {object[]} messages
 * @param {number} at
 */
async function handOver(messages, at) {
  let left = messages;
  // a busy machine answers late; what is asked again counts once
  for (let attempt = 1; ; attempt += 1) {
    const answers = await ask("POST", "/v1/decide/batch", left, at);
    left = left.filter((_, index) => !answers[index].recorded);
    if (left.length === 0) return;
    if (attempt === ATTEMPTS) {
      const { why } = answers.find((/** @type {any} */ { recorded }) => !recorded);
      throw new Error(`a message of ${rfc3339(at)} was not recorded: ${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50 * attempt));
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
