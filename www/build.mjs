/**
 * Bundles the page into dist/, which is served as it is: the report in app.js, the rest in parts that load where they are
 * used.
 *   node www/build.mjs             builds
 *   node www/build.mjs types       only writes the types of the API, for the type checker
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import openapiTS, { astToString } from "openapi-typescript";

const WWW = fileURLToPath(new URL(".", import.meta.url));
/** The npm package, as make package builds it. */
const PACKAGE = fileURLToPath(new URL("../pkg/", import.meta.url));
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

const document = JSON.parse(readFileSync(new URL("openapi.json", import.meta.url), "utf8"));
const { schemas } = document.components;
const { Ladder, FullPolicy, Policy } = schemas;
// what stands beside a reference is passed over by the generator of types
schemas.FullPolicy = { ...Policy, required: FullPolicy.required };
const types = await openapiTS(document, { defaultNonNullable: false });
const ladder = `export const DEFAULT_LADDER: components["schemas"]["Ladder"] = ${JSON.stringify(Ladder.default)};\n`;
writeChanged(`${WWW}src/lib/schema.gen.ts`, astToString(types) + ladder);

if (process.argv[2] !== "types") {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  for (const file of ["index.html", "favicon.svg", "openapi.json", "_headers"])
    cpSync(WWW + file, DIST + file);
  await build({
    entryPoints: {
      app: `${WWW}src/main.tsx`,
      "check-worker": `${WWW}src/views/check/worker.ts`,
      check: `${WWW}src/style/check.css`,
    },
    outdir: DIST,
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: true,
    legalComments: "none",
    chunkNames: "part/[name]-[hash]",
    assetNames: "part/[name]-[hash]",
    // what the package's own types say of this file is for who instantiates it himself
    alias: { "engine.wasm": `${PACKAGE}tidegate_bg.wasm` },
    loader: { ".wasm": "file" },
    logLevel: "warning",
  });
}

/**
 * Leaves a file alone that has that text: "make dev" watches it, and would begin the build anew.
 * @param {string} file
 * @param {string} text
 */
function writeChanged(file, text) {
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
}
