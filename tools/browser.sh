#!/usr/bin/env bash
# Installs Chromium and its driver where they are missing, for the tests of the page and of the package: on Debian, as
# root or by sudo. The page is tested in Chromium's build without a window, or in Chromium itself where there is no such.
# CHROMIUM and CHROMEDRIVER may name others.
set -euo pipefail

CHROMIUM=${CHROMIUM:-}
CHROMEDRIVER=${CHROMEDRIVER:-/usr/bin/chromedriver}

die() { echo "browser: $*" >&2; exit 1; }

missing=()
[ -x "${CHROMIUM:-/usr/bin/chromium-headless-shell}" ] || missing+=(chromium-headless-shell)
[ -x "$CHROMEDRIVER" ] || missing+=(chromium-driver)
[ ${#missing[@]} -gt 0 ] || exit 0
# what serves as well, if it must
enough() { [ -x "${CHROMIUM:-/usr/bin/chromium}" ] && [ -x "$CHROMEDRIVER" ]; }

grep -qs '^ID=debian' /etc/os-release || { enough && exit 0; } ||
    die "Chromium is missing: install it, and name it with CHROMIUM and CHROMEDRIVER"
root=()
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || { enough && exit 0; } ||
        die "run this as root, then try again: apt-get install ${missing[*]}"
    root=(sudo -n)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    echo "browser: installing $* ..."
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends fonts-dejavu-core "$@" >>"$log" 2>&1
}
"${root[@]}" apt-get update -qq >"$log" 2>&1 || true
install "${missing[@]}" || enough || install chromium chromium-driver ||
    die "apt-get failed: $(tail -n 1 "$log")"
