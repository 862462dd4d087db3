# Everything here works on a fresh machine: `make demo` and `make test` make .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FIGURE ?=
TESTS ?= tests
PAGES ?=
# One process a core; a file's tests stay together, since they share what is dear to make, and long
# files come first (tests/conftest.py).
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

.PHONY: help venv demo test test-quick docs-test test-extras check figures catalogue keys lock clean

help:
	@echo 'make demo     search -> genotype -> classifier -> detector, on real digits (minutes)'
	@echo 'make test     all tests (TESTS=tests/cells for some)'
	@echo 'make test-quick  those that are not slow, between two edits (3 minutes at most on 2 cores)'
	@echo 'make docs-test  the commands of the documentation, shortened (PAGES=README.md for some)'
	@echo 'make test-extras  a wheel in a new environment, with what pip finds today (minutes)'
	@echo 'make check    ruff, mypy, and whether the measured figures are what they say'
	@echo 'make figures  all measured figures, or one: FIGURE=01-demo; rows go to docs/figures.json'
	@echo 'make venv     .venv with the pinned dependencies, nothing else'

venv: $(INSTALLED)

# The lock file pins every package; pyproject.toml says why each is needed (docs/dependencies.md).
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 13), f"Python 3.11 or 3.12 is needed, {sys.version.split()[0]} found: set PYTHON=/path/to/python3.11"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m pip check
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m benchmarks.demo --output=demo

# A worker that dies ends the tests: pytest-xdist may wait for ever for the one that replaces it.
PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS) --max-worker-restart=0 --dist=loadfile --no-loadscope-reorder

test: $(INSTALLED)
	$(PYTEST) $(TESTS)

# Which are slow: tests/slow.txt; the slowest of those that ran are printed at the end.
test-quick: $(INSTALLED)
	$(PYTEST) -m 'not extras and not slow' $(TESTS)

# What shortens the commands, and which are not run, and why: tests/docs/shortened.yaml.
docs-test: $(INSTALLED)
	PYTHONPATH=.:tests/helpers $(BIN)/python tests/docs/run_documented.py $(PAGES)

test-extras: $(INSTALLED)
	$(BIN)/python -m pytest -m extras tests/test_fresh_install.py

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m benchmarks.figures --check

figures: $(INSTALLED)
	$(BIN)/python -m benchmarks.figures $(FIGURE)

catalogue: $(INSTALLED)
	$(BIN)/python docs/make_catalogue.py

# The keys of all settings, by which slips are told before TensorFlow is imported.
keys: $(INSTALLED)
	PYTHONPATH=.:tests/helpers $(BIN)/python tests/helpers/known_keys.py

# After a change of dependencies: resolve anew and pin what came out.
lock:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock

clean:
	rm -rf $(VENV) demo .build dist *.egg-info
