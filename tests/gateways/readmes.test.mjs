/**
 * What an operator reads before anything runs: each gateway's folder says how it is installed, what happens when Tidegate
 * is slow or down and how to begin with reports only, and nothing that is named is missing.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GATEWAYS = readdirSync(join(ROOT, "gateways")).map((name) => join("gateways", name));

/** @param {string} file */
const read = (file) => readFileSync(join(ROOT, file), "utf8");

for (const folder of GATEWAYS) {
  test(`${folder} says how it is installed, what happens in a failure, and how to begin with reports only`, () => {
    const text = read(join(folder, "README.md"));
    for (const section of ["Install", "When Tidegate is slow or down", "Report-only first"]) {
      assert.match(text, new RegExp(`^## ${section}\\b`, "m"));
    }
    assert.ok(read("README.md").includes(`](${folder})`), "the project's own README leads here");
  });

  test(`${folder}: what is to be installed is there`, () => {
    const commands = /^ {4}(?:install -m \d+ (?:-[og] \S+ )*|cp |cat )([\w./-]+) /gm;
    const named = [...read(join(folder, "README.md")).matchAll(commands)].map(([, file]) => file);
    // built or unpacked on the way
    const files = named.filter((file) => !/^(\/|target\/|node_modules\/)/.test(file));
    for (const file of files) {
      assert.ok(existsSync(join(ROOT, folder, file)) || existsSync(join(ROOT, file)), file);
    }
  });
}

test("links between the documents lead somewhere", () => {
  for (const file of ["README.md", ...GATEWAYS.map((folder) => join(folder, "README.md"))]) {
    for (const [, link] of read(file).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!/^https?:/.test(link))
        assert.ok(existsSync(join(ROOT, dirname(file), link)), `${link} in ${file}`);
    }
  }
});
