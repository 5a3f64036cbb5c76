# barewire. `make` alone prints what there is. Node 20 with npm is enough. `npm run NAME` does the same as `make NAME`:
# src/cli/targets.mjs says what; run.mjs installs what is missing. Settings such as PORT=9000 reach it in the environment.

TARGETS := help dev token passphrase check test world conformance spec evidence mutants soak size parts route sbom bench audit doctor format migrate deploy rotate-keys server-json clean

.PHONY: $(TARGETS)
.DEFAULT_GOAL := help

$(TARGETS):
	@node src/cli/run.mjs $@
