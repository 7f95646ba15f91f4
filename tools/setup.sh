#!/usr/bin/env bash
# Installs what is missing to build, run and test; where nothing is, it is done in a moment and says nothing.
#   tools/setup.sh         Rust's wasm target, worker-build, wasm-bindgen, npm packages
#   tools/setup.sh fuzz    cargo-fuzz as well
# Rust tools go to $TIDEGATE_TOOLS (default: ~/.cache/tidegate), once per machine; ~/.cargo/bin is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
pinned() { sed -n "s/^$1 = .*\"=\([0-9.]*\)\".*/\1/p" Cargo.toml; }

prerequisites() {
    local tool minor
    for tool in cargo rustc; do
        command -v $tool >/dev/null || die "$tool is missing: install Rust with rustup"
    done
    for tool in make cc git; do
        command -v $tool >/dev/null || die "$tool is missing: install it with your system's package manager"
    done
    command -v node >/dev/null || die "node is missing: install Node.js 20 or later"
    command -v npm >/dev/null || die "npm is missing: install it (it comes with Node.js)"
    rust_minor=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
    minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    [ "${minor:-0}" -ge "$rust_minor" ] || die "$(rustc --version) is too old: Rust 1.$rust_minor is needed (rustup update)"
    [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || die "node $(node --version) is too old: 20 is needed"
}

# One installation at a time on this machine; a lock whose owner is gone does not count.
lock() {
    [ -z "${locked:-}" ] || return 0
    local owner waiting=""
    mkdir -p "$TIDEGATE_TOOLS" && [ -w "$TIDEGATE_TOOLS" ] || die "$TIDEGATE_TOOLS cannot be written to"
    until ln -s $$ "$TIDEGATE_TOOLS/lock" 2>/dev/null; do
        owner=$(readlink "$TIDEGATE_TOOLS/lock") || continue
        kill -0 "$owner" 2>/dev/null || { rm -f "$TIDEGATE_TOOLS/lock"; continue; }
        [ -n "$waiting" ] || { waiting=1; say "waiting for another installation (process $owner) ..."; }
        sleep 1
    done
    locked=1
    rm -rf "$TIDEGATE_TOOLS"/tmp.*
    scratch=$(mktemp -d "$TIDEGATE_TOOLS/tmp.XXXXXX")
    trap 'rm -rf "$scratch" "$TIDEGATE_TOOLS/lock"' EXIT
    trap 'exit 130' INT TERM HUP
}

# Shows cargo's output in short: a line every 20 seconds, and its errors.
cargo_progress() {
    local line crates=0 next=$((SECONDS + 20))
    while IFS= read -r line; do
        case $line in
            *Compiling*) crates=$((crates + 1)) ;;
            error* | *' error'*) echo "$line" >&2 ;;
        esac
        [ $SECONDS -ge $next ] || continue
        echo "       $crates crates compiled, $((SECONDS - started)) s"
        next=$((SECONDS + 20))
    done
}

has_crate() { grep -qs "^\"$1 $2 " "$TIDEGATE_TOOLS/.crates.toml" && [ -x "$TIDEGATE_TOOLS/bin/$3" ]; }

# crate CRATE VERSION BINARY MINUTES
crate() {
    [ -n "$2" ] || die "Cargo.toml pins no version that $1 could follow"
    has_crate "$1" "$2" "$3" && return
    lock
    has_crate "$1" "$2" "$3" && return
    say "installing $1 $2 (once per machine, about $4 minutes) ..."
    local started=$SECONDS
    CARGO_TARGET_DIR="$scratch/target" cargo install --locked --force --root "$TIDEGATE_TOOLS" "$1@$2" 2>&1 | tee "$scratch/log" | cargo_progress ||
        die "$1 could not be installed: $(tail -n 3 "$scratch/log")"
    say "$1 $2 installed in $((SECONDS - started)) s"
}

wasm_target() {
    if ! use_debian_wasm || { has_debian_std && [ -e "$debian_link" ]; }; then return; fi
    lock
    if [ "${TIDEGATE_WASM:-}" != debian ]; then
        say "adding the target $wasm to Rust ..."
        if rustup target add $wasm 2>"$scratch/log"; then return; fi
        say "'rustup target add $wasm' failed: $(grep -m 1 '^error' "$scratch/log" || tail -n 1 "$scratch/log")"
    fi
    command -v rustup >/dev/null || die "rustup is missing: install Rust with rustup"
    [ -x "$(dirname "$(rustc --print target-libdir)")/bin/rust-lld" ] || die "rust-lld is missing from rustup's toolchain"
    has_debian_std || build_debian_std
    rustup toolchain link debian-web /usr
}

# Where Rust's own download server cannot be reached, Debian's packages bring a compiler and the library's sources.
# The library that is built from them belongs to one version of rustc: the file built-by tells which.
debian_std=/usr/lib/rustlib/$wasm
debian_link=${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian-web
has_debian_std() {
    [ -x /usr/bin/rustc ] && [ "$(cat $debian_std/built-by 2>/dev/null)" = "$(/usr/bin/rustc --version)" ]
}
build_debian_std() {
    local packages="rustc-web cargo-web rust-web-src" root="" started=$SECONDS
    local built=$scratch/std/target/$wasm/release/deps
    grep -qs '^ID=debian' /etc/os-release || die "the Rust target $wasm is missing and could not be downloaded"
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || die "run this as root, then try again: apt-get install $packages"
        root="sudo -n"
    fi
    say "building the target $wasm from Debian's packages (once per machine, about 2 minutes) ..."
    $root apt-get update -qq >"$scratch/log" 2>&1 || true
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >>"$scratch/log" 2>&1 ||
        die "apt-get install $packages failed: $(tail -n 1 "$scratch/log")"
    [ "$(/usr/bin/rustc --version | sed 's/^rustc 1\.\([0-9]*\)\..*/\1/')" -ge "$rust_minor" ] ||
        die "Debian's $(/usr/bin/rustc --version) is too old: Rust 1.$rust_minor is needed"
    mkdir -p "$scratch/std/src"
    : >"$scratch/std/src/lib.rs"
    printf '[package]\nname = "std-only"\nversion = "0.0.0"\nedition = "2021"\n' >"$scratch/std/Cargo.toml"
    (cd "$scratch/std" && env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target \
        /usr/bin/cargo build --release -Zbuild-std=std,panic_abort,test --target $wasm 2>&1 | tee "$scratch/log" | cargo_progress) ||
        die "the standard library could not be built: $(tail -n 3 "$scratch/log")"
    rm -f "$built"/libstd_only-*
    $root mkdir -p $debian_std/lib
    $root rm -f $debian_std/lib/*.rlib
    $root cp "$built"/*.rlib $debian_std/lib/
    /usr/bin/rustc --version | $root tee $debian_std/built-by >/dev/null
    say "target $wasm ready in $((SECONDS - started)) s"
}

# The copy of the lock file tells what node_modules was installed from.
npm_packages() {
    local stamp=node_modules/.installed-lock.json
    cmp -s package-lock.json $stamp && return
    lock
    cmp -s package-lock.json $stamp && return
    say "installing npm packages (about half a minute) ..."
    # With the system's node: the one in node_modules is about to be replaced.
    PATH="${PATH//$PWD\/node_modules\/.bin:/}" npm ci --no-audit --no-fund --loglevel=error >"$scratch/log" 2>&1 ||
        die "npm ci failed: $(grep -v '^npm warn' "$scratch/log" | tail -n 5)"
    hash -r
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) ? 0 : 1)' ||
        die "wrangler needs Node.js 22.12 or later; the npm package 'node' could not bring it (are npm's install scripts off?)"
    cp package-lock.json $stamp
}

prerequisites
wasm_target
crate wasm-bindgen-cli "$(pinned wasm-bindgen)" wasm-bindgen-test-runner 3
crate worker-build "$(pinned worker)" worker-build 4
npm_packages
if [ "${1:-}" = fuzz ]; then
    rustc +nightly --version >/dev/null 2>&1 || die "fuzzing needs a nightly toolchain: rustup toolchain install nightly"
    crate cargo-fuzz 0.13.2 cargo-fuzz 2
fi
