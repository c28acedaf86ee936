# The same names everywhere: setup demo test lint types bench. Each does its own set-up.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AGENT := src/alcove/images/bin/.built-$(shell uname -m)

.PHONY: setup demo test lint types unit e2e agent bench clean

setup: $(STAMP) $(AGENT)

$(STAMP): pyproject.toml scripts/setup
	scripts/setup $(PYTHON) $(VENV)
	touch $(STAMP)

$(AGENT): $(STAMP) $(wildcard native/agent/*.[ch]) native/agent/build.py
	$(BIN)/python scripts/build_agent.py
	touch $(AGENT)

demo: setup
	$(BIN)/python examples/02-spaces/demo.py
	$(BIN)/python examples/03-up/demo.py

test: lint types unit e2e

lint: setup
	$(BIN)/ruff check src tests benchmarks scripts examples native
	$(BIN)/ruff format --check src tests benchmarks scripts examples native
	PYTHONPATH=src $(BIN)/lint-imports

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/pytest -q tests/unit tests/feature

e2e: setup
	$(BIN)/pytest -q tests/e2e --durations=5

agent: setup
	$(BIN)/python native/agent/build.py

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
