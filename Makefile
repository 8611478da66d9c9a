# All that is needed is Python 3.11 or newer and make; `make` alone lists what there is.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo demo-kafka test test-fast lint types imports schemas bench chaos clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) on the PATH: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected 3.11 or newer: name another by make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## the whole way on a synthetic sample, or on your own: make demo DATA=path
	$(BIN)/ticketcore demo $(if $(DATA),--data $(DATA))

demo-kafka: $(STAMP) ## the same with every event going through a real Kafka
	$(BIN)/ticketcore demo --kafka $(if $(DATA),--data $(DATA))

test: $(STAMP) lint types imports ## everything: rules, types, import contracts and all tests on real servers
	$(BIN)/pytest -n 2

test-fast: $(STAMP) ## the tests that need no server and no patience
	$(BIN)/pytest -q -n 2 -m "not slow and not servers"

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## who may import whom
	$(BIN)/lint-imports

schemas: $(STAMP) ## generate schemas/ from the event models
	$(BIN)/ticketcore schemas generate

bench: $(STAMP) ## measure, with ratios taken in one run
	$(BIN)/python -m bench

chaos: $(STAMP) ## kill and stop everything at random under load, then prove: make chaos KILLS=200 SEED=7
	$(BIN)/python -m tests.chaos --kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED))

clean: ## remove .venv and caches; the data base in .ticketcore stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -not -path './.ticketcore/*' -prune -exec rm -rf {} +
