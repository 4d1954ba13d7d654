# `make help` lists what there is. The logic is in tools/, so that it can be read and run on its own.

SHELL := bash
.DEFAULT_GOAL := help
# One set of compiled packages for the binary and its tests: the same flags for both, no C (make race needs it).
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath
export CGO_ENABLED ?= 0
FUZZTIME ?= 600
ROUNDS ?= 20

.PHONY: help run build test race lint gen compat sdk bench fuzz soak deps

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  FUZZTIME=$(FUZZTIME)  seconds of make fuzz in all      ROUNDS=$(ROUNDS)  kills of make soak"
	@echo "  DATA=./data   where make run keeps its data    CI=true  nothing may be left out"

run: build ## build, start with a demo app and the accounts alice and bob, and print what to open
	@tools/demo.sh

build: ## bin/hongyan, static
	CGO_ENABLED=0 go build -ldflags '-s -w' -o bin/hongyan ./cmd/hongyan

test: build ## everything that a change must pass, about 10 minutes on two cores: lint, units, stores, SDKs, smoke fuzzing, two kills
	@tools/test.sh

race: ## the Go tests under the race detector (needs a C compiler)
	@tools/race.sh

lint: ## gofmt, vet, the rules of internal/archtest, lock files without registry addresses
	@tools/lint.sh

gen: ## write the wire packages anew from docs/protocol/wire
	go generate ./internal/edge/wire/...

compat: ## how much of the SDKs and of the REST API is proven; fails when a proven row lost its test
	go run ./compat/score

sdk: build ## the unmodified SDKs against bin/hongyan
	@tools/deps.sh sdk
	cd test/sdk && HONGYAN_BIN=$(CURDIR)/bin/hongyan npm test

bench: build ## all figures of docs/performance.md
	@tools/bench.sh

fuzz: ## every fuzz target, FUZZTIME seconds in all
	@tools/fuzz.sh $(FUZZTIME)

soak: build ## ROUNDS kills and long fuzzing
	@tools/soak.sh $(ROUNDS) $(FUZZTIME)

deps: ## what the tests need: PostgreSQL, Chromium and ffmpeg where they can be installed, the SDK packages
	@tools/deps.sh all
