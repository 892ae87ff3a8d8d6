# How CareThread is installed, tested and checked; needs nothing but Python 3.11+ and make.
PYTHON ?= python3
UV_VERSION = 0.13.9
VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST = $(BIN)/python -m pytest
SPREAD = -n auto --dist loadfile --no-loadscope-reorder
BESIDE = $(SPREAD) --maxprocesses 4 -m "not alone"
COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --universal $(UPGRADE)
SOURCES = services tests tools

.DEFAULT_GOAL = help
.PHONY: help demo test unit contract e2e faults bench lint proto contract-baseline lock clean

help: ## list these targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target what; do printf '  make %-10s %s\n' "$$target" "$$what"; done

demo: $(VENV)/.runtime ## start every service with a demo practice on http://127.0.0.1:8080
	@exec $(BIN)/carethread up --demo

test: lint unit contract ## everything CI runs: lint, then unit, contract, e2e and fault tests
	$(PYTEST) $(BESIDE) tests/e2e tests/faults
	$(PYTEST) -m alone tests/e2e tests/faults

unit: $(VENV)/.dev ## no I/O, on every core
	$(PYTEST) -n auto tests/unit

contract: $(VENV)/.dev ## one suite per port, on every adapter, on every core
	$(PYTEST) $(SPREAD) tests/contract

e2e: $(VENV)/.dev ## services as processes and containers
	$(PYTEST) $(BESIDE) tests/e2e
	$(PYTEST) -m alone tests/e2e

faults: $(VENV)/.dev ## kill -9, broker down, database away
	$(PYTEST) $(BESIDE) tests/faults
	$(PYTEST) -m alone tests/faults

bench: $(VENV)/.dev ## measurements, printed as a table
	PYTHONPATH=tests $(BIN)/python -m bench

lint: $(VENV)/.dev ## ruff, mypy --strict, who may import whom, generated code up to date, contracts keep their promises
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_proto.py --check
	$(BIN)/buf lint proto
	$(BIN)/buf breaking proto --against proto/baseline.json

proto: $(VENV)/.dev ## generate services/carethread/v1 from proto/
	$(BIN)/python tools/generate_proto.py

contract-baseline: $(VENV)/.dev ## with a release: its gRPC contract is what later ones are compared with
	$(BIN)/buf build proto --exclude-source-info -o proto/baseline.json

lock: $(BIN)/python ## bring requirements/*.lock in line with pyproject.toml; UPGRADE=--upgrade takes newest versions
	$(PIP) install uv==$(UV_VERSION)
	$(COMPILE) pyproject.toml -o requirements/runtime.lock
	$(COMPILE) --extra dev -c requirements/runtime.lock pyproject.toml -o requirements/dev.lock
	$(COMPILE) -c requirements/dev.lock requirements/build.in -o requirements/build.lock

clean: ## remove .venv and everything made here, except data
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist services/*.egg-info
	find services tests -name __pycache__ -type d -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml requirements/build.lock requirements/runtime.lock | $(BIN)/python
	@echo "Installing CareThread into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/build.lock -r requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@
