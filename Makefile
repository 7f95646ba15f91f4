# Builds, runs and tests Tidegate. "make" lists the targets; whatever is missing, tools/setup.sh installs.

.DEFAULT_GOAL := help
ifdef AT_ONCE # two targets are made beside each other; what they start counts for itself
unexport MAKEFLAGS
else
.NOTPARALLEL:
endif
.PHONY: help setup worker worker-with-hooks package page dev demo test forget-durations test-day test-while-building test-native test-wasm test-package test-check test-worker test-page lint fmt bench fuzz mutants simulate gateways deploy clean

FUZZ_SECONDS ?= 60

env := . tools/env.sh &&
wasm_env := . tools/env.sh && wasm_env &&

# All that the worker is made from; folders too, so that a removed file counts.
crates := crates/engine crates/stored crates/wire
sources := $(shell find src data $(crates:%=%/src)) $(crates:%=%/Cargo.toml) Cargo.toml Cargo.lock \
    package-lock.json tools/env.sh tools/setup.sh

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing (Rust's wasm target, worker-build, wasm-bindgen, npm packages)
	@bash tools/setup.sh

worker: build/index.js ## build the worker into build/
build/index.js: $(sources)
	@bash tools/setup.sh
	@$(wasm_env) worker-build --release
	@$(env) wasm-opt --strip-debug build/index_bg.wasm -o build/index_bg.wasm # function names are a fifth of it
	@cp src/entry.js build/
	@touch $@

# With what tests move; only its own crate is compiled once more, and it is not made small, which takes longer than that.
worker-with-hooks: target/worker-with-hooks/index.js ## build the worker that tests run, whose clock they set
target/worker-with-hooks/index.js: $(sources)
	@bash tools/setup.sh
	@$(wasm_env) worker-build --release --no-opt --out-dir target/worker-with-hooks . --features test-hooks
	@cp src/entry.js target/worker-with-hooks/
	@touch $@

package: pkg/package.json ## build the npm package into pkg/: the engine for browsers, bundlers and Node
pkg/package.json: $(shell find crates/browser) $(sources) tools/package.sh
	@bash tools/setup.sh
	@bash tools/package.sh

page: dist/app.js ## build the page into dist/
dist/app.js: pkg/package.json $(shell find www) package-lock.json tools/setup.sh
	@bash tools/setup.sh
	@$(env) node www/build.mjs

dev: ## run the worker on http://127.0.0.1:8787 (PORT, STATE_DIR, ADMIN_KEY; TEST_CLOCK=1: one whose clock requests set)
	@bash tools/dev.sh check
	@bash tools/setup.sh
	@$(MAKE) --silent $(if $(TEST_CLOCK),worker-with-hooks,worker) page
	@exec bash tools/dev.sh

demo: ## run the worker on 120 days of a tenant with a dozen servers (PORT, STATE_DIR, ADMIN_KEY)
	@bash tools/dev.sh check
	@bash tools/setup.sh
	@$(MAKE) --silent worker-with-hooks page
	@exec bash tools/dev.sh demo

# Several files of tests run at a time, since most of what they do is waiting.
# DAY=2028-02-29 (or a moment) sets the clock of whatever has one: tests/support/day.mjs. Nothing waits without end.
durations := node tests/support/durations.mjs
node_test := node --test --test-timeout=600000 --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./tests/support/durations.mjs --test-reporter-destination=stdout

test: setup forget-durations test-while-building test-wasm test-package test-check test-worker test-page ## all tests, the fast ones first (DAY=2028-02-29: on that day)
	@$(env) $(durations) show

# The native tests use one processor for long, as the worker's builds do, one after the other: each has a target folder
# of its own.
test-while-building:
	@$(MAKE) --no-print-directory -j2 --output-sync=line AT_ONCE=1 test-native worker worker-with-hooks page

forget-durations:
	@$(env) $(durations) forget

test-day: setup forget-durations test-worker test-page ## the tests of what has a clock alone (DAY)
	@$(env) $(durations) show

test-native: ## the tests that run natively
	$(env) $(durations) run cargo test --workspace

test-wasm: setup ## the engine's tests in WebAssembly, in Node
	$(wasm_env) cargo test -p tidegate-engine --target wasm32-unknown-unknown --test wasm

test-worker: setup worker worker-with-hooks page package ## the tests of the built worker on workerd: end to end, with failing storage, by chance, and the API
	$(env) $(node_test) --test-concurrency=4 $(foreach kind,api e2e simulation faults,tests/$(kind)/*.test.mjs)

test-package: setup package ## the tests of the npm package: in Node, in Chromium, and from a bundler
	@bash tools/browser.sh
	$(wasm_env) cargo test -p tidegate-browser --target wasm32-unknown-unknown --test web
	$(wasm_env) export CHROMEDRIVER=$${CHROMEDRIVER:-/usr/bin/chromedriver} WASM_BINDGEN_USE_BROWSER=1 && \
	    cargo test -p tidegate-browser --target wasm32-unknown-unknown --test web
	$(env) $(node_test) tests/package/*.test.mjs

test-check: setup package ## the tests of how the page reads files and pasted headers, in Node
	$(env) $(node_test) tests/check/*.test.mjs

# Two halves of its files beside each other, each with a worker and a browser of its own.
test-page: setup worker-with-hooks page ## the tests of the page in Chromium; screenshots in target/screenshots
	@bash tools/browser.sh
	@$(MAKE) --no-print-directory -j2 --output-sync=target AT_ONCE=1 test-page-1 test-page-2
test-page-%:
	$(env) $(node_test) --test-isolation=none --test-timeout=240000 --test-shard=$*/2 tests/page/*.test.mjs

# Crates that are no members of the workspace; and what is JavaScript.
apart := $(wildcard benches/*/Cargo.toml benches/Cargo.toml fuzz/Cargo.toml)
scripts := $(wildcard src/entry.js tests benches www tools crates/browser/npm/*.js crates/browser/files gateways/haraka/*.js* gateways/haraka/test)

lint: setup package ## the facts under data/, which way imports run, formatting, Clippy, Biome and the types of the page; warnings are errors
	@cargo run --quiet -p tidegate-lint -- .
	cargo fmt --all --check
	@for manifest in $(apart); do cargo fmt --manifest-path $$manifest --check || exit 1; done
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p tidegate --all-targets --features test-hooks -- -D warnings
	$(env) biome check --error-on-warnings --no-errors-on-unmatched $(scripts)
	@$(MAKE) --silent package
	$(env) node www/build.mjs types && tsc -p www

fmt: setup ## format Rust and JavaScript
	cargo fmt --all
	@for manifest in $(apart); do cargo fmt --manifest-path $$manifest || exit 1; done
	$(env) biome check --write --no-errors-on-unmatched $(scripts)

bench: setup worker worker-with-hooks page ## measure on workerd; writes target/bench.json
	$(env) node benches/run.mjs

fuzz: ## fuzz each target of fuzz/ for FUZZ_SECONDS (60), with nightly Rust
	@bash tools/setup.sh fuzz
	@bash fuzz/seeds.sh
	@$(env) for target in $$(cargo +nightly fuzz list); do \
	    cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

mutants: ## plant faults in the engine one by one: each has to be caught by its tests
	@$(env) node tools/mutants.mjs

simulate: setup worker-with-hooks package ## live random lists of mail, changes and faults (OPERATIONS=20000 SEED=...)
	$(env) node tests/simulation/simulate.mjs

gateways: setup worker-with-hooks page ## end-to-end tests with real mail servers (on Debian, as root or by sudo)
	cargo build --profile native -p tidegate-milter
	@bash tools/gateways.sh

deploy: setup worker page ## publish the built worker and the page to Cloudflare (asks you to log in)
	$(env) wrangler deploy
	@[ -z "$$PUBLIC_URL" ] || curl -fsS "$$PUBLIC_URL/v1/health" | { $(env) node -p \
	    'JSON.parse(require("node:fs").readFileSync(0)).warnings.map((one) => `warning: $${one}`).join("\n") || "health: ok"'; }
	@! grep -q '^[^#]*MODE_CEILING' wrangler.toml || printf '%s\n' \
	    'MODE_CEILING in wrangler.toml moves nothing any more: the ceiling starts with the lower of it and of what was set.' \
	    'Remove it. To set the ceiling: PUT /v1/control/mode with {"mode": "report"}, "off" or "enforce".'

clean: ## remove what was built (the data of "make dev" stays)
	rm -rf build dist pkg target fuzz/target benches/*/target .wrangler
