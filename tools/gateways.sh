#!/usr/bin/env bash
# Runs the tests with real mail servers, and installs what is missing of them (on Debian, as root or by sudo).
#   tools/gateways.sh [TEST ...]    all of tests/gateways, or those
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

die() { echo "gateways: $*" >&2; exit 1; }

# A program and the Debian package that brings it.
needed="postfix:postfix smtp-source:postfix swaks:swaks openssl:openssl m4:m4 lua5.4:lua5.4
    rspamd:rspamd nginx:nginx-light"
# Mail servers whose packages do not go together with Postfix: unpacked into $TIDEGATE_TOOLS/debian/NAME. One of a later
# release of Debian's comes with the libraries that it needs.
unpacked="sendmail:usr/libexec/sendmail/sendmail:sendmail-bin,sendmail-cf,libwrap0
    opensmtpd:usr/sbin/smtpd:opensmtpd
    opensmtpd-7:usr/sbin/smtpd:opensmtpd,libc6,libevent-2.1-7t64,libssl3t64,libcrypt1,libdb5.3t64,zlib1g,libzstd1:trixie
    exim:usr/sbin/exim4:exim4-daemon-light,libidn12"

export PATH="$PATH:/usr/sbin:/sbin"
missing=$(for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
done | sort -u | xargs)
absent=$(for entry in $unpacked; do
    IFS=: read -r name file _ <<<"$entry"
    [ -e "$TIDEGATE_TOOLS/debian/$name/$file" ] || echo "$entry"
done | xargs)

root=()
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "run it as root (Postfix starts as root alone)${missing:+; missing: $missing}${absent:+; to be unpacked: ${absent%%:*}}"
    root=(sudo -n -E env "PATH=$PATH")
fi
if [ -n "$missing$absent" ]; then
    grep -qs '^ID=debian' /etc/os-release || die "missing: $missing $absent"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    log=$scratch/log
    "${root[@]}" apt-get update -qq >"$log" 2>&1 || true
fi
if [ -n "$missing" ]; then
    echo "gateways: installing $missing ..."
    # RUNLEVEL=1: no service starts by being installed. --no-remove: a mail server that is there stays.
    # shellcheck disable=SC2086
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y --no-install-recommends --no-remove $missing >>"$log" 2>&1 ||
        die "apt-get install $missing failed: $(tail -n 1 "$log")"
fi
for entry in $absent; do
    IFS=: read -r name _ packages suite <<<"$entry"
    echo "gateways: unpacking $name ..."
    mkdir -p "$scratch/$name" "$TIDEGATE_TOOLS/debian"
    options=()
    if [ -n "$suite" ]; then
        # from where this machine's packages come, with lists of its own
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/$') ||
            die "no mirror of Debian's is known"
        mkdir -p "$scratch/$suite/lists/partial"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$scratch/$suite/sources"
        : >"$scratch/$suite/status"
        options=(-o "Dir::Etc::sourcelist=$scratch/$suite/sources" -o Dir::Etc::sourceparts=-
            -o "Dir::State::lists=$scratch/$suite/lists" -o "Dir::State::status=$scratch/$suite/status"
            -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
        apt-get "${options[@]}" -qq update >>"$log" 2>&1 || die "apt-get update of $suite failed: $(tail -n 1 "$log")"
    fi
    (cd "$scratch/$name" && apt-get "${options[@]}" download ${packages//,/ }) >>"$log" 2>&1 ||
        die "apt-get download ${packages//,/ } failed: $(tail -n 1 "$log")"
    for package in "$scratch/$name"/*.deb; do dpkg -x "$package" "$scratch/$name/root"; done
    # such programs would not look for libraries where we say
    find "$scratch/$name/root" -type f -perm /6000 -exec chmod ug-s {} +
    rm -rf "$TIDEGATE_TOOLS/debian/$name"
    mv "$scratch/$name/root" "$TIDEGATE_TOOLS/debian/$name"
done
# Haraka, from npm: no package of the project's own
haraka=$TIDEGATE_TOOLS/haraka
if ! cmp -s tests/gateways/haraka/package-lock.json "$haraka/package-lock.json" || [ ! -e "$haraka/installed" ]; then
    echo "gateways: installing Haraka ..."
    rm -rf "$haraka"
    mkdir -p "$haraka"
    cp tests/gateways/haraka/package*.json "$haraka/"
    (cd "$haraka" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund >npm.log 2>&1) ||
        die "npm ci for Haraka failed: $(tail -n 1 "$haraka/npm.log")"
    touch "$haraka/installed"
fi
[ $# -gt 0 ] || set -- gateways/*/test/*.test.mjs tests/gateways/*.test.mjs
# NODE_PATH: what tests of packages in gateways/ require
"${root[@]}" env NODE_PATH="$haraka/node_modules" node --test --test-concurrency=1 "$@"
