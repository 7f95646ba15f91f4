#!/usr/bin/env bash
# Installs Chromium and its driver where they are missing, for the tests of the page and of the package: on Debian, as
# root or by sudo. CHROMIUM and CHROMEDRIVER may name others.
set -euo pipefail

die() { echo "browser: $*" >&2; exit 1; }

packages=
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || packages="chromium"
[ -x "${CHROMEDRIVER:-/usr/bin/chromedriver}" ] || packages="$packages chromium-driver"
[ -n "$packages" ] || exit 0
grep -qs '^ID=debian' /etc/os-release || die "Chromium is missing: install it, and name it with CHROMIUM and CHROMEDRIVER"
root=()
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "run this as root, then try again: apt-get install $packages"
    root=(sudo -n)
fi
echo "browser: installing $packages ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${root[@]}" apt-get update -qq >"$log" 2>&1 || true
# shellcheck disable=SC2086
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends fonts-dejavu-core $packages >>"$log" 2>&1 ||
    die "apt-get install $packages failed: $(tail -n 1 "$log")"
