# barewire. `make` alone prints what there is. Node 20 with npm is enough: the tools that need a newer one
# find it in node_modules/.bin, where the `node` package puts it.

SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export WRANGLER_SEND_METRICS := false
export CLOUDFLARE_CF_FETCH_ENABLED := false

INSTALLED := node_modules/.package-lock.json

.PHONY: help dev token passphrase test world conformance size bench soak audit format migrate deploy rotate-keys clean
.DEFAULT_GOAL := help

help: ## Prints this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r t s; do printf '  make %-12s %s\n' "$$t" "$$s"; done

dev: $(INSTALLED) ## Serves the app on http://localhost:8787/mcp (PORT=8787, AUTH=none to ask nobody, URL= of a tunnel), on this machine only.
	@node test/tools/dev.mjs --port "$(or $(PORT),8787)" --auth "$(AUTH)" --url "$(URL)"

token: $(INSTALLED) ## Prints a bearer token for curl, of the server that make dev started (PORT=8787, URL= of a tunnel).
	@node test/tools/token.mjs "$(or $(URL),http://localhost:$(or $(PORT),8787))"

passphrase: ## Makes a passphrase for a deployed server, and the secret that knows it.
	@node test/tools/passphrase.mjs

test: $(INSTALLED) ## Runs every check: format, lint, types, house rules, unit tests, fixtures, size, conformance.
	@node test/tools/check.mjs

world: $(INSTALLED) ## Serves the conformance world on http://127.0.0.1:8790/mcp (PORT=8790, REVISION=one date to pin, AUTH=own).
	@node test/tools/dev.mjs --world --port $(or $(PORT),8790) --revision "$(REVISION)" --auth "$(AUTH)"

conformance: $(INSTALLED) ## Runs the lanes of the official suite against the conformance world.
	@node test/tools/conformance.mjs

soak: $(INSTALLED) ## Soaks the session era in workerd for SOAK_SECONDS=60; SOAK_SEED=n repeats a run.
	@SOAK_SECONDS=$(or $(SOAK_SECONDS),60) vitest run --config test/vitest.config.ts --project workerd --silent=false test/session/soak

size: $(INSTALLED) ## Prints the gzipped bundle and the lines of src/; fails over the budgets of bytes.
	@node test/tools/size.mjs

bench: $(INSTALLED) ## Measures the Worker beside a bare one in the same workerd: requests per second, p50, p99, CPU.
	@node test/bench/run.mjs

audit: $(INSTALLED) ## Runs the fixtures of spec/ against any server: make audit URL=https://….
	@node test/tools/audit.mjs "$(URL)"

format: $(INSTALLED) ## Formats all files in place.
	@oxfmt

migrate: $(INSTALLED) ## Makes the tables of the databases on your Cloudflare account (make dev makes the local ones).
	@node test/tools/migrate.mjs --remote

deploy: $(INSTALLED) ## Makes the tables and deploys to your Cloudflare account; README, "Deploy", says what comes first.
	@node test/tools/migrate.mjs --remote && wrangler deploy

rotate-keys: $(INSTALLED) ## Puts a new key first and seals every credential anew: local, or URL=https://… with KEYS set (RESUME=1 goes on).
	@node test/tools/rotate.mjs --url "$(or $(URL),http://localhost:$(or $(PORT),8787))" --resume "$(RESUME)"

clean: ## Removes what was installed, built and stored locally; keeps .dev.vars.
	@rm -rf node_modules .wrangler dist

$(INSTALLED): package-lock.json
	@echo "Installing (about half a minute) …" >&2
	@npm ci --loglevel=error --no-fund --no-audit >&2
	@touch $@
