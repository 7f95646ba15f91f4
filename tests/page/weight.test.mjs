/** What a reader waits for on the first visit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { open, TENANT } from "./support/world.mjs";

/** Octets, gzipped. */
const MOST = 70_000;

test("the report's first load weighs 70 KB at most, gzipped, is held by the strict policy, and fetches no WebAssembly", async (t) => {
  /** @type {Map<string, Promise<number>>} */
  const loaded = new Map();
  const page = await open(t, {
    at: `/tenants/${TENANT}`,
    prepare: async (page) => {
      page.on("response", (response) => {
        const { pathname } = new URL(response.url());
        if (!pathname.startsWith("/v1/"))
          loaded.set(
            pathname,
            response.body().then((body) => gzipSync(body, { level: 9 }).length),
          );
      });
    },
  });
  await page.getByRole("table").first().waitFor();
  const policy = (await page.request.get(page.url().split("#")[0] ?? "")).headers()[
    "content-security-policy"
  ];
  for (const part of ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"])
    assert.ok(policy?.includes(part), `${part} in: ${policy}`);
  await page.waitForLoadState("networkidle");
  const files = await Promise.all([...loaded].map(async ([path, size]) => ({ path, size: await size })));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  console.log(
    `page: the report's first load is ${(total / 1000).toFixed(1)} KB gzipped, in ${files.length} files`,
  );
  assert.deepEqual(
    files.filter(({ path }) => path.endsWith(".wasm")),
    [],
  );
  assert.ok(files.length >= 3 && total <= MOST, JSON.stringify(files));
});
