#!/usr/bin/env bash
# Builds the npm package into pkg/: the engine in WebAssembly, its JavaScript, types, README and licences.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh
wasm_env
# Of its own, since it is built with flags of its own: no path of this machine goes into what others download.
export CARGO_TARGET_DIR="$PWD/target/npm"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$cargo_home/registry/src/=/ --remap-path-prefix=$PWD=/tidegate"

MAX_GZIPPED=166000 # octets of JavaScript and WebAssembly, as a browser fetches them

target=wasm32-unknown-unknown
# --crate-type: beside a Rust library nothing would be optimised across crates
cargo rustc --quiet --profile npm --lib --crate-type cdylib -p tidegate-browser --target $target
rm -rf pkg.new
wasm-bindgen --target web --out-name tidegate --out-dir pkg.new "$CARGO_TARGET_DIR/$target/npm/tidegate_browser.wasm"
rm pkg.new/tidegate_bg.wasm.d.ts
# Functions that are called once stay what they are: gzip finds more in them that repeats.
wasm-opt -Oz --one-caller-inline-max-function-size=0 --strip-debug --strip-producers --strip-target-features \
    --enable-bulk-memory --enable-multivalue --enable-mutable-globals --enable-nontrapping-float-to-int \
    --enable-reference-types --enable-sign-ext pkg.new/tidegate_bg.wasm -o pkg.new/tidegate_bg.wasm
# Without its comments, which the types have too.
esbuild --log-level=warning --minify --allow-overwrite pkg.new/tidegate.js --outfile=pkg.new/tidegate.js
tsc -p crates/browser/files # by the engine's types, which now lie in pkg.new
cp crates/browser/npm/README.md crates/browser/npm/node.js LICENSE-* pkg.new/
node - pkg.new "$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)" <<'END'
const { readFileSync, writeFileSync, readdirSync } = require("node:fs");
const [folder, version] = process.argv.slice(2);
const { name, ...rest } = JSON.parse(readFileSync("crates/browser/npm/package.json", "utf8"));
const files = readdirSync(folder).filter((file) => !file.startsWith("package")).sort();
writeFileSync(`${folder}/package.json`, `${JSON.stringify({ name, version, ...rest, files }, null, 2)}\n`);
END
size=$(($(gzip -9c pkg.new/tidegate.js | wc -c) + $(gzip -9c pkg.new/tidegate_bg.wasm | wc -c)))
echo "package: $((size / 1000)) KB gzipped"
[ $size -le $MAX_GZIPPED ] || { echo "package: more than $((MAX_GZIPPED / 1000)) KB" >&2; exit 1; }
rm -rf pkg
mv pkg.new pkg
