#!/usr/bin/env bash
# Runs the tests with real mail servers, and installs what is missing of them (on Debian, as root or by sudo).
#   tools/gateways.sh [TEST ...]    all of tests/gateways, or those
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

die() { echo "gateways: $*" >&2; exit 1; }

# A program and the Debian package that brings it.
needed="postfix:postfix smtp-source:postfix swaks:swaks openssl:openssl"

export PATH="$PATH:/usr/sbin:/sbin"
missing=$(for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
done | sort -u | xargs)

root=()
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "run it as root (Postfix starts as root alone)${missing:+; missing: $missing}"
    root=(sudo -n -E env "PATH=$PATH")
fi
if [ -n "$missing" ]; then
    grep -qs '^ID=debian' /etc/os-release || die "missing: $missing"
    echo "gateways: installing $missing ..."
    log=$(mktemp)
    "${root[@]}" apt-get update -qq >"$log" 2>&1 || true
    # RUNLEVEL=1: no service starts by being installed. --no-remove: a mail server that is there stays.
    # shellcheck disable=SC2086
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y --no-install-recommends --no-remove $missing >>"$log" 2>&1 ||
        die "apt-get install $missing failed: $(tail -n 1 "$log")"
    rm -f "$log"
fi
[ $# -gt 0 ] || set -- tests/gateways/*.test.mjs
exec "${root[@]}" node --test --test-concurrency=1 "$@"
