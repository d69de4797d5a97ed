# The door: install up demo check test faults bench soak clean proto schema.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
TRAIN := $(VENV)/.train-installed
DASHBOARD := cloud/dashboard/dist/index.html
DASHBOARD_SOURCES := $(shell find cloud/dashboard -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

# Each worker has a PostgreSQL of its own; on a big machine four are enough.
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n logical --maxprocesses 4 --dist worksteal

.PHONY: install up demo check test faults bench soak clean proto schema
.DEFAULT_GOAL := install

install: $(RUN) $(DASHBOARD)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=python3.12 up"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing; add it with:  sudo apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[cloud,edge]'
	@touch $@

$(DEV): $(RUN)
	$(PIP) -e '.[cloud,edge,dev]'
	@touch $@

# Where PyTorch cannot be had, the tests of training are skipped with a sentence; the rest goes on.
$(TRAIN): $(DEV)
	@$(PIP) -e '.[cloud,edge,dev,train]' && touch $@ || echo "PyTorch (extra train) could not be installed: the tests of training will be skipped" >&2

$(DASHBOARD): $(DASHBOARD_SOURCES) | $(RUN)
	$(BIN)/python cloud/dashboard/build.py

up: install
	@exec $(if $(DEMO),$(BIN)/python -m tests.simulators.demo,$(BIN)/kyndof up)

demo: install
	@exec $(BIN)/python -m tests.simulators.demo

check: $(DEV) $(DASHBOARD)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd ansible && PATH="$(CURDIR)/$(BIN):$$PATH" ansible-lint -q
	$(BIN)/python cloud/dashboard/build.py check
	$(PYTEST) -q $(PARALLEL) tests/architecture tests/unit

test: $(DEV) $(TRAIN) $(DASHBOARD)
	$(BIN)/python cloud/dashboard/build.py test
	$(PYTEST) $(PARALLEL) -m "not faults and not soak"

faults: $(DEV) $(DASHBOARD)
	$(PYTEST) -m faults

soak: $(DEV) $(DASHBOARD)
	$(PYTEST) -m soak --timeout 3600

bench: $(DEV) $(DASHBOARD)
	$(BIN)/python -m tests.benchmarks

proto: $(DEV)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.architecture.generate_wire

schema: $(DEV)
	$(BIN)/python -m tests.schema $(if $(KEEP),--keep)

clean:
	rm -rf .kyndof $(VENV) cloud/dashboard/dist cloud/dashboard/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
