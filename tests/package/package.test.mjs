/** The npm package `tidegate` as make package builds it: in Node, from a bundler, and as a plain module in Chromium. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { launchChromium } from "../support/chromium.mjs";
import { samples } from "../support/samples.mjs";

const PACKAGE = fileURLToPath(new URL("../../pkg", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The day for which the samples say what each block yields. */
const NOW = "2026-11-22T12:00:00Z";
const OLD =
  "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Mon, 5 Oct 2026 10:00:00 +0000\r\n";

const folder = mkdtempSync(join(tmpdir(), "tidegate-package-"));
/** @type {any} as a user's project has it in node_modules */
let tidegate;

before(async () => {
  cpSync(PACKAGE, join(folder, "node_modules/tidegate"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  writeFileSync(join(folder, "main.js"), 'export * from "tidegate";');
  tidegate = await import(join(folder, "main.js"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("real header fields are read in Node as everywhere, without init", () => {
  assert.equal(samples().length, 92);
  for (const { n, header, yields } of samples()) {
    const reading = tidegate.readHeader(header, { connector: "on_premises" });
    const decision = tidegate.decide({ tenant: "t", connector: "on_premises", header }, { now: NOW });
    assert.equal(reading.finding, yields.finding, `block ${n}`);
    const judged = yields.finding === "server";
    const { state, reason } = decision.standing;
    assert.equal(`${state}:${reason}`, judged ? yields.microsoft : yields.state, `block ${n}`);
    const build = judged && yields.shown !== "product" && yields.shown !== "nothing" ? yields.build : null;
    const expected = judged ? [yields.by, build ?? null, yields.product ?? null] : undefined;
    const { server } = reading;
    assert.deepEqual(
      server ? [server.name, server.build, server.product] : undefined,
      expected,
      `block ${n}`,
    );
    for (const { text, telling } of reading.hops)
      assert.ok(telling[0] <= telling[1] && telling[1] <= text.length);
  }
});

test("a build is judged, simulated and decided on", () => {
  const { standing, product } = tidegate.assess("15.01.2507.039", { at: NOW });
  assert.deepEqual(
    [product, standing.state, standing.required],
    ["Exchange Server 2016", "out_of_date", "15.1.2507.61"],
  );
  const simulation = tidegate.simulate({
    build: "15.1.2507.39",
    detectedAt: "2026-10-01T08:15:08Z",
    pauses: [{ from: "2026-10-10T00:00:00Z", until: "2026-10-17T00:00:00Z" }],
    at: NOW,
    tenant: "contoso",
    server: "ex01.contoso.com",
  });
  assert.deepEqual(
    simulation.stages.map((/** @type {any} */ stage) => stage.from),
    ["10-01", "11-07", "11-17", "11-27", "12-07", "12-17", "12-27", "01-06"].map(
      (day) => `${day.startsWith("01") ? 2027 : 2026}-${day}T08:15:08Z`,
    ),
  );
  assert.equal(simulation.hour.length, 60);
  assert.equal(simulation.hour.filter((/** @type {string} */ action) => action === "defer").length, 10);
  // what has lain in a queue is deferred, not rejected
  const stamped = OLD.replace(/;[^;]*$/, `; ${new Date(NOW).toUTCString().replace("GMT", "+0000")}\r\n`);
  const { action, mode, reply } = tidegate.decide(
    { tenant: "contoso", connector: "on_premises", header: stamped },
    { policy: { mode: "enforce" }, detectedAt: "2026-01-01T00:00:00Z", now: NOW },
  );
  assert.deepEqual([action, mode, reply.code], ["reject", "enforce", 550]);
  assert.ok(tidegate.catalog().releases.length >= 446);
  assert.equal(tidegate.catalog().baselines[0], "microsoft");
  assert.match(tidegate.version(), /^\d+\.\d+\.\d+$/);
});

test("an archive yields the same servers however it is cut", () => {
  const archive = samples()
    .map(
      ({ header }, at) =>
        `From a@b Mon Oct  5 10:00:00 2026\r\n${header}Subject: ${at}\r\n\r\n>From here\r\nbody\r\n\r\n`,
    )
    .join("");
  const octets = new TextEncoder().encode(archive);
  const scan = (/** @type {number} */ size) => {
    const scanner = new tidegate.Scanner({ at: NOW });
    for (let at = 0; at < octets.length; at += size) scanner.push(octets.subarray(at, at + size));
    scanner.finish();
    const result = scanner.result();
    scanner.free();
    return result;
  };
  const whole = scan(octets.length);
  assert.equal(whole.messages, 92);
  assert.ok(whole.servers.length > 20);
  for (const size of [1, 7, 4096]) assert.deepEqual(scan(size), whole, `chunks of ${size}`);
});

test("what the caller got wrong is an Error with a code, whatever it is", () => {
  const codes = [
    [() => tidegate.assess("15.1"), "invalid_build"],
    [() => tidegate.assess("15.1.2507.39", { baseline: "none" }), "unknown_baseline"],
    [() => tidegate.assess("15.1.2507.39", { at: "yesterday" }), "invalid_time"],
    [() => tidegate.simulate({ build: "15.1.2507.39", detectedAt: NOW, ladder: [] }), "invalid_ladder"],
    [() => tidegate.decide({ tenant: "T", header: "" }), "invalid_event"],
    [() => new tidegate.Scanner().push("text"), "invalid_chunk"],
  ];
  for (const [call, code] of /** @type {[() => void, string][]} */ (codes)) {
    assert.throws(call, (/** @type {any} */ error) => error instanceof Error && error.code === code, code);
  }
  /** @type {any} */
  const circle = {};
  circle.circle = circle;
  const garbage = [
    undefined,
    null,
    0,
    -1,
    Number.NaN,
    10n,
    "",
    "\ud800",
    [],
    {},
    circle,
    () => 1,
    Symbol("x"),
    new Date(Number.NaN),
  ];
  for (const call of ["readHeader", "assess", "decide", "simulate", "Scanner"]) {
    for (const one of garbage) {
      for (const other of garbage) {
        try {
          if (call === "Scanner") new tidegate.Scanner(one).push(other);
          else tidegate[call](one, other);
        } catch (error) {
          const named = error instanceof Error && typeof (/** @type {any} */ (error).code) === "string";
          assert.ok(named, `${call}: ${error}`);
        }
      }
    }
  }
  assert.equal(
    tidegate.assess("15.1.2507.39", { at: NOW }).standing.state,
    "out_of_date",
    "works on after all that",
  );
});

test("the README's examples for Node run as they stand", async () => {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
  assert.equal(examples.length, 3);
  const mailbox = `From a@b Mon Oct  5 10:00:00 2026\n${OLD}\nbody\n`;
  writeFileSync(join(folder, "archive.mbox"), mailbox);
  writeFileSync(join(folder, "archive.mbox.gz"), gzipSync(mailbox));
  const printed = examples.map((code, at) => {
    writeFileSync(join(folder, `example${at}.js`), code);
    return execFileSync(process.execPath, [`example${at}.js`], { cwd: folder, encoding: "utf8" });
  });
  assert.match(printed[0] ?? "", /^EX01\.contoso\.com 15\.1\.2507\.39 Exchange Server 2016\nout_of_date\n$/);
  assert.match(printed[1] ?? "", /^ex01\.contoso\.com 15\.1\.2507\.39 out_of_date\n$/);
  assert.equal(printed[2], "ex01.contoso.com\n");
});

test("it runs in a browser as a plain module and from a bundler", async (t) => {
  const main =
    "import init, { assess } from 'tidegate'; await init(); document.title = assess('15.1.2507.39').standing.required;";
  await build({
    stdin: { contents: main, resolveDir: folder },
    bundle: true,
    format: "esm",
    outfile: join(folder, "bundle/main.js"),
  });
  cpSync(join(PACKAGE, "tidegate_bg.wasm"), join(folder, "bundle/tidegate_bg.wasm"));
  writeFileSync(
    join(folder, "bundle/index.html"),
    '<!doctype html><script type="module" src="main.js"></script>',
  );
  writeFileSync(
    join(folder, "plain.html"),
    `<!doctype html><script type="module">${main.replace("'tidegate'", "'./node_modules/tidegate/tidegate.js'")}</script>`,
  );
  const types = new Map([
    [".html", "text/html"],
    [".js", "text/javascript"],
    [".wasm", "application/wasm"],
  ]);
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    response.setHeader("content-type", types.get(extname(path)) ?? "text/plain");
    createReadStream(join(folder, path))
      .on("error", () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const browser = await launchChromium();
  t.after(() => browser.close());
  for (const path of ["plain.html", "bundle/index.html"]) {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/${path}`);
    await page.waitForFunction("document.title === '15.1.2507.61'");
  }
});

test("its types describe it", () => {
  writeFileSync(
    join(folder, "use.ts"),
    `import { assess, decide, readHeader, simulate, Scanner, type Decision, type Reading, type TidegateError } from "tidegate";
import { scanFile } from "tidegate/files";
const reading: Reading = readHeader("", { ownHops: 1 });
const decision: Decision = decide({ tenant: "t", header: "" }, { detectedAt: "2026-01-01T00:00:00Z" });
const hour: ("accept" | "defer" | "reject")[] = simulate({ build: "15.1.2507.39", detectedAt: "2026-01-01T00:00:00Z" }).hour;
const found: string[] = new Scanner({ baseline: "strict" }).result().servers.map(({ id }) => id);
try { assess("x"); } catch (error) { const { code }: TidegateError = error as TidegateError; console.log(code === "invalid_build"); }
// @ts-expect-error there is no such option
readHeader("", { hops: 1 });
const progress: AsyncGenerator<number, void> = scanFile(new Blob(["A: 1"]), new Scanner());
export { decision, found, hour, progress, reading };
`,
  );
  execFileSync(
    process.execPath,
    [
      join(ROOT, "node_modules/typescript/bin/tsc"),
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--lib",
      "es2022,dom,esnext.disposable",
      "use.ts",
    ],
    { cwd: folder, stdio: "pipe", encoding: "utf8" },
  );
});
