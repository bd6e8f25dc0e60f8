# Everything a person or a machine does with this project. Needs Python 3.11 or newer, make and git; uses uv when it is there.
#
#   make demo       compare two real models on the bundled data and write the report
#   make test       all tests, with warnings as errors, and the examples of the docs and docstrings
#   make check      lint, types, room order, docs, and the tests
#   make validity   the full simulations of size and coverage (minutes)
#   make bench      the benchmarks, as ratios within one run
#   make docs       the documentation, into site/
#   make lock       resolve the requirements again (needs uv; ARGS=--upgrade for newer versions)
#   make clean      remove what the others made
#
# ARGS goes to the command: make test ARGS="tests/stats -k tango", make demo ARGS=--help.

JOBS ?= 2
ARGS ?=
UV ?= $(shell command -v uv 2>/dev/null)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)

VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# Only wheels, only with the hashes of the lock: nothing else is downloaded and no package's set-up code runs.
ifneq ($(UV),)
CREATE = $(UV) venv --quiet --python $(or $(PYTHON),3.12) $(VENV)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
LOCKED = $(INSTALL) --require-hashes --only-binary :all:
else
CREATE = $(PYTHON) -m venv $(VENV)
# an environment that uv made has no pip of its own
ENSURE_PIP = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
INSTALL = $(ENSURE_PIP); $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
LOCKED = $(INSTALL) --require-hashes --only-binary :all:
endif

.PHONY: help demo test check lint types imports docs validity bench lock clean

help:
	@sed -n 's/^#  *\(make .*\)/  \1/p' Makefile

demo: $(VENV)/.project
	@$(BIN)/seatrial demo $(ARGS)

test: $(VENV)/.project $(VENV)/.dev $(VENV)/.oracles $(VENV)/.spark
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

check: lint types imports docs test

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.project $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.project $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

validity: $(VENV)/.project $(VENV)/.dev
	$(BIN)/python -m pytest tests/validity tests/faults/test_killed_runs.py -m "validity or not validity" -n $(JOBS) $(ARGS)

bench: $(VENV)/.project $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

# The environment, in three steps, each with a stamp. A changed lock makes it anew, so that nothing removed lingers.
$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt
	@if [ -z "$(PYTHON)$(UV)" ]; then echo "Seatrial needs Python 3.11 or newer: none found (try make PYTHON=/path/to/python3)" >&2; exit 1; fi
	@rm -rf $(VENV)
	@echo "Setting up $(VENV) with $(if $(UV),uv,pip): this happens once and takes up to a minute"
	@$(CREATE)
	@$(LOCKED) -r requirements/runtime.txt -r requirements/build.txt
	@touch $@

$(VENV)/.project: $(VENV)/.runtime pyproject.toml
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Adding what tests and documentation need: once, up to two minutes"
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

# Two oracles come as source only, so their hashed archives are built here; without them their tests skip and say so.
$(VENV)/.oracles: $(VENV)/.dev requirements/oracles.txt
	@$(LOCKED) --no-binary rouge-score,seqeval -r requirements/oracles.txt || echo "Oracles could not be built: their tests will skip"
	@touch $@

# Spark comes as source only, so its hashed archive is built here; without it (or without Java) its tests skip and say so.
$(VENV)/.spark: $(VENV)/.dev requirements/spark.txt
	@if command -v java >/dev/null 2>&1; then \
		echo "Adding Spark for the engines' conformance: once, up to two minutes"; \
		$(LOCKED) --no-binary pyspark -r requirements/spark.txt || echo "Spark could not be installed: its tests will skip"; \
	else echo "No Java here: the tests on Spark will skip"; fi
	@touch $@

# Hashes for every platform and every Python from 3.11 on, and no index named: docs/design/lock.md.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" $(ARGS)
lock:
	@if [ -z "$(UV)" ]; then echo "make lock needs uv (make lock UV=/path/to/uv)" >&2; exit 1; fi
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --group build -c requirements/runtime.txt -o requirements/build.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt
	$(COMPILE) --group oracles -c requirements/dev.txt -o requirements/oracles.txt
	$(COMPILE) --group spark -c requirements/dev.txt -o requirements/spark.txt

clean:
	rm -rf $(VENV) site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
