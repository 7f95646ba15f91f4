# The environment of the Makefile's recipes and of the scripts; source it in the project's root (POSIX sh).
# Tools come from node_modules and from $TIDEGATE_TOOLS, so that the versions a user has installed do not matter.

export TIDEGATE_TOOLS="${TIDEGATE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}"
export PATH="$PWD/node_modules/.bin:$TIDEGATE_TOOLS/bin:$PATH"

# worker-build downloads these three by itself unless it is told where they are.
export WASM_BINDGEN_BIN="$TIDEGATE_TOOLS/bin/wasm-bindgen"
export WASM_OPT_BIN="$PWD/node_modules/.bin/wasm-opt"
export ESBUILD_BIN="$PWD/node_modules/.bin/esbuild"

export WRANGLER_SEND_METRICS=false
export WRANGLER_WRITE_LOGS=false

wasm=wasm32-unknown-unknown

# Does the active toolchain have the standard library of the wasm target?
has_wasm_std() {
    set -- "$(rustc --print target-libdir --target $wasm 2>/dev/null)"/libstd-*.rlib
    [ -e "$1" ]
}

# TIDEGATE_WASM=debian takes Debian's toolchain even where the active one has the target (to try that way out).
use_debian_wasm() {
    [ "${TIDEGATE_WASM:-}" = debian ] || ! has_wasm_std
}

# For builds to wasm: a target folder of their own, so that they and native builds leave each other's files alone.
# Debian's toolchain serves where tools/setup.sh had to fall back to it; it brings no linker for wasm, rustup's does.
wasm_env() {
    export CARGO_TARGET_DIR="$PWD/target/wasm"
    # Lines, quotes and escapes are searched 16 octets at a time. The npm package has flags of its own, and no SIMD.
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=+simd128"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER="$TIDEGATE_TOOLS/bin/wasm-bindgen-test-runner"
    if use_debian_wasm; then
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$(dirname "$(rustc --print target-libdir)")/bin/rust-lld"
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
        export RUSTUP_TOOLCHAIN=debian-web
    fi
}
