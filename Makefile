# Ringback: `make demo` shows it, `make test` proves it. Everything is installed into .venv by the targets themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
ORACLES := tests/oracles

# Bytecode is kept, whatever the environment says: tests and the demo start dozens of Python processes.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help install demo run test journeys faults check fix bench clean

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.run  ## install the ringback command into .venv
	@echo "Now: . $(BIN)/activate"

demo: $(VENV)/.run  ## watch Ringback's main job against a hostile simulated gateway (ARGS="--json --keep DIR")
	@$(BIN)/ringback demo $(ARGS)

run: $(VENV)/.run  ## start the service with the settings of .env and the environment
	@$(BIN)/ringback serve $(ARGS)

# Three workers on two cores: many tests wait for a clock. Faults load the machine by themselves.
test: $(VENV)/.dev  ## every test: fast ones, then journeys through real processes, then faults
	$(BIN)/pytest -n 3 -rs -m "not journey and not fault" $(ARGS)
	$(BIN)/pytest -n 3 -m journey $(ARGS)
	$(BIN)/pytest -n 2 -m fault $(ARGS)

journeys: $(VENV)/.dev  ## only the journeys
	$(BIN)/pytest -n 3 -m journey $(ARGS)

faults: $(VENV)/.dev  ## only the faults: hostile gateways, kills, full disks, strangers
	$(BIN)/pytest -n 2 -m fault $(ARGS)

check: $(VENV)/.dev  ## formatter, linter, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev  ## let the formatter and the linter mend what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## measure the README's claims
	$(BIN)/python -m bench.ingest $(ARGS)

clean:           ## remove what the targets made
	rm -rf $(VENV) $(ORACLES)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Set-up speaks on stderr only, so that `make demo ARGS=--json` leaves clean lines on stdout.
# uv where it is installed, else venv + pip.
$(VENV)/.run: pyproject.toml
	@echo "setting up $(VENV) …" >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) >&2 && uv pip install --quiet --python $(BIN)/python -e . >&2; \
	else \
	  $(PYTHON) -m venv $(VENV) >&2 && $(BIN)/python -m pip install --quiet --disable-pip-version-check -e . >&2; \
	fi
	@touch $@

# Tests are compiled here once: each of the workers would do it for itself. Without npm, or out of its reach, the tests
# that ask other people's packages are skipped, and say so.
$(VENV)/.dev: $(VENV)/.run $(ORACLES)/package.json
	@echo "installing the development tools …" >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python -e '.[dev]' >&2; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' >&2; \
	fi
	@npm install --no-package-lock --no-audit --no-fund --silent --prefix $(ORACLES) >&2 \
	  || echo "no packages from npm: the tests in $(ORACLES) will be skipped" >&2
	@$(BIN)/pytest --collect-only -qq >/dev/null
	@touch $@
