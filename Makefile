# Needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Two processes, each with whole files, the longest first.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup up test soak check durations format docs snapshot fuzz bench clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install Spanhouse and what its development needs into .venv

up: $(READY) ## Run Spanhouse: OTLP on 4317 and 4318, SQL on 8123; Ctrl-C stops it
	@exec $(BIN)/spanhouse up

test: $(READY) ## Run every check and every test; a quarter of an hour on two cores
	@$(MAKE) --no-print-directory lint
	$(PYTEST)

soak: $(READY) ## Kill, take away and fuzz for longer than the tests do; half an hour
	$(BIN)/pytest -m soak
	@$(MAKE) --no-print-directory fuzz

check: $(READY) ## Run the fast checks: format, lint, layers, types, the quickest tests; a minute
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -q --quick

.PHONY: lint
lint:
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy

durations: $(READY) ## Record how long each test file takes, which orders them
	$(PYTEST) --record-durations

format: $(READY) ## Format the code, and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY) ## Write the pages that are made from code and tables
	$(BIN)/python docs/generate.py

snapshot: $(READY) ## Write down what a new database consists of, for a release (tests/schema/snapshots)
	$(BIN)/python -m tests.schema.take_snapshot

fuzz: $(READY) ## Send hostile bytes for longer than the tests do (SPANHOUSE_FUZZ_SECONDS, default 300)
	SPANHOUSE_FUZZ_SECONDS=$${SPANHOUSE_FUZZ_SECONDS:-300} $(BIN)/pytest -q tests/collector tests/api -k fuzz

bench: $(READY) ## Measure, beside a peer; prints a table and writes bench/results
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python -m bench

clean: ## Remove what was built and cached here; spanhouse-data stays
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Spanhouse needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1): make PYTHON=python3.12 ..."; \
	  exit 1; }
	@echo "installing into .venv, once: a minute or two"
	@$(PYTHON) -m venv .venv
	@# The pip that comes with Python 3.11 finds no versions of all these that fit together.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
