# One vocabulary: setup, run, test, soak, lint, ui, serve, bench, scan, clean.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := .setup-stamp
WORKERS ?= 2
export RXVISION_HOME ?= $(CURDIR)/var

.PHONY: setup run test soak lint ui serve bench scan clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt .ci/setup
	@.ci/setup "$(PYTHON)" "$(VENV)"
	@touch $(STAMP)

run: setup ## train, judge, promote; then UI, MLflow and service (ONCE=1 ends instead of serving)
	@$(BIN)/rxvision run $(if $(ONCE),--once)

test: lint
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile

soak: setup ## the long variants of tests (an hour or so, one after the other)
	@$(BIN)/pytest -m soak --timeout 5400 -s

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

ui: setup
	@$(BIN)/rxvision ui

serve: setup
	@$(BIN)/rxvision serve

bench: setup ## hold the service against the bare loop and other servers; writes docs/performance.md
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(BIN)/python -m benchmarks

scan: setup ## ask for known holes of the pinned packages, where the network allows it; writes var/sbom.cdx.json
	@mkdir -p var && $(BIN)/rxvision sbom --out var/sbom.cdx.json
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[scan]'
	@$(BIN)/python .ci/scan $(BIN)/pip-audit

clean: ## remove what runs produced and the environment
	rm -rf var $(VENV) $(STAMP) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
