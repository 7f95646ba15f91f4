#!/usr/bin/env bash
# Runs the built worker on workerd, with local KV and Durable Objects, until Ctrl-C; "make dev" builds it first.
#   tools/dev.sh check    only tells whether the port is free
#   tools/dev.sh demo     begins anew in STATE_DIR (.state/demo) and fills it with 120 days of one tenant's life, up to now
# Variables (defaults): PORT (8787), STATE_DIR (.state), ADMIN_KEY (dev-admin-key), AUTO_TENANTS (on),
# EMAIL_TENANT, EMAIL_CONNECTOR, EMAIL_FORWARD_TO (wrangler.toml), CLIENT_ADDRESS (README.md),
# TEST_CLOCK=1 (requests may set the clock) or TEST_CLOCK=2028-02-29T12:00:00Z (and it runs on from there),
# DEADLINE_FACTOR (1; with TEST_CLOCK), LOG_LEVEL (log), EXIT_WITH_PARENT=1 (ends with the process that started it).
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

port=${PORT:-8787}
state=${STATE_DIR:-.state}
if [ "${1:-}" = demo ]; then
    state=${STATE_DIR:-.state/demo}
    TEST_CLOCK=${TEST_CLOCK:-1}
    LOG_LEVEL=${LOG_LEVEL:-warn}
fi
key=${ADMIN_KEY:-dev-admin-key}
url=http://127.0.0.1:$port

die() { echo "dev: $*" >&2; exit 1; }
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

case $port in '' | *[!0-9]*) die "PORT must be a number, not '$port'" ;; esac
if port_open; then die "port $port is in use; choose another one: PORT=8788 make dev"; fi
[ "${1:-}" != check ] || exit 0
if [ "${1:-}" = demo ] && [ -z "${STATE_DIR:-}" ]; then rm -rf "$state"; fi
# what a test clock moves is in a build of its own
if [ -n "${TEST_CLOCK:-}" ]; then
    export TIDEGATE_WORKER=worker-with-hooks
    main=target/worker-with-hooks/entry.js
else
    export TIDEGATE_WORKER=worker
    main=build/entry.js
fi
[ -f $main ] && [ -f dist/index.html ] || die "there is no build yet: run make $TIDEGATE_WORKER page"

# Wrangler leads a process group of its own: one Ctrl-C reaches this script alone, and whatever is left can be ended.
group=
scratch=$(mktemp -d)
group_alive() { # zombies, which their new parent has yet to collect, do not count
    ps -A -o pgid= -o stat= | awk -v group="$group" '$1 == group && $2 !~ /^Z/ { alive = 1 } END { exit !alive }'
}
gone_within() {
    local tries=$(($1 * 10))
    while group_alive; do
        [ $tries -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.1
    done
}
stop() {
    trap '' INT TERM HUP
    if group_alive; then
        kill -INT "$group" 2>/dev/null || kill -TERM -- "-$group" 2>/dev/null || true
        gone_within 5 || kill -TERM -- "-$group" 2>/dev/null || true
        gone_within 2 || kill -KILL -- "-$group" 2>/dev/null || true
        gone_within 2 || true
    fi
    rm -rf "$scratch"
}
trap stop EXIT
trap 'echo; echo "dev: stopping ..."; exit 0' INT TERM HUP

vars=(--var "ADMIN_KEY:$key" --var "AUTO_TENANTS:${AUTO_TENANTS:-on}")
for name in ADMIN_KEY_NEXT EMAIL_TENANT EMAIL_CONNECTOR EMAIL_FORWARD_TO DEADLINE_FACTOR CLIENT_ADDRESS; do
    [ -z "${!name:-}" ] || vars+=(--var "$name:${!name}")
done
case ${TEST_CLOCK:-} in
    '') ;;
    1) vars+=(--var "ENVIRONMENT:test") ;;
    *)
        began=$(date -d "$TEST_CLOCK" +%s%3N 2>/dev/null) || die "TEST_CLOCK must be 1 or a moment, not '$TEST_CLOCK'"
        vars+=(--var "ENVIRONMENT:test" --var "CLOCK_AHEAD:$((began - $(date +%s%3N)))")
        ;;
esac

# Nothing is fetched, reported or shared with another instance; CI=1: no keys are read from the terminal, no prompts.
export CI=1 CLOUDFLARE_CF_FETCH_ENABLED=false WRANGLER_HIDE_BANNER=true WRANGLER_REGISTRY_PATH="$scratch/registry"
export X_LOCAL_EXPLORER=false X_LOCAL_OBSERVABILITY=false CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV=false

set -m
wrangler dev "$main" --local --ip 127.0.0.1 --port "$port" --inspector-ip 127.0.0.1 --inspector-port 0 --persist-to "$state" \
    --log-level "${LOG_LEVEL:-log}" --show-interactive-dev-session=false "${vars[@]}" </dev/null &
group=$!
set +m

healthy() {
    local status
    { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r -t 5 status <&3 || status=
    exec 3>&-
    [[ $status == *' 200 '* ]]
}

deadline=$((SECONDS + 60))
until healthy; do
    kill -0 "$group" 2>/dev/null || die "wrangler ended; its messages are above"
    [ $SECONDS -lt $deadline ] || die "no answer from $url/v1/health within 60 seconds"
    sleep 0.1
done

if [ "${1:-}" = demo ]; then
    end=$TEST_CLOCK
    [ "$end" != 1 ] || end=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    node tools/demo.mjs "$url" "$key" "$end" || die "the demo did not come to its end"
    echo
    echo "Tidegate goes on on $url (data in $state): open it in a browser, and sign in with the key $key. Ctrl-C ends everything."
else
    cat <<END

Tidegate listens on $url (data in $state, admin key $key): open it in a browser, and sign in with that key.
Ask it about a message, in another terminal:

curl -s $url/v1/decide -H 'Authorization: Bearer $key' -d '{
  "tenant": "contoso", "event_id": "1", "connector": "on_premises", "record": "sync",
  "client": {"ip": "203.0.113.7"}, "envelope": {"from": "a@contoso.com", "to": ["b@example.org"]},
  "header": "Received: from mbx-essen-01.secunet.de (10.53.40.197) by\r\n cas-essen-01.secunet.de (10.53.40.201) with Microsoft SMTP Server\r\n (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) id\r\n 15.1.2507.35; Sun, 31 Mar 2024 18:43:44 +0200\r\n"}'

After a change, "make $TIDEGATE_WORKER page" there is enough: it is loaded at once. Ctrl-C ends everything.
END
fi

while kill -0 "$group" 2>/dev/null; do
    [ "${EXIT_WITH_PARENT:-}" != 1 ] || kill -0 $PPID 2>/dev/null || exit 0
    sleep 1
done
die "wrangler ended; its messages are above"
