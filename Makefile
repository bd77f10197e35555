# Two commands: `make compare` and `make test`. Both set up .venv on the first call only.
# `make` needs nothing but Python 3.11 or newer (with venv) and access to a package index.

PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
ARGS ?=

.PHONY: help compare check test test-all static docs clean
.DEFAULT_GOAL := help

help:
	@echo 'make compare               train every method and baseline on keypad; show who wins'
	@echo 'make compare ARGS="..."    the same with options of "equimodal compare", for example'
	@echo '                           ARGS="--seeds 5 --out results/five-seeds"'
	@echo '                           A repeat continues what was interrupted and shows the table'
	@echo '                           again; other options need another --out.'
	@echo 'make check                 lint, types, layers, unit tests: three minutes'
	@echo 'make test                  the same and all other tests but the full product: twelve'
	@echo 'make test-all              every method in every loop: an hour'
	@echo 'make docs                  the pages of docs/ and the API reference in build/docs'
	@echo 'make clean                 remove .venv and caches; results stay'

compare: .venv/installed
	@$(BIN)/equimodal compare --resume $(ARGS)

check: static
	$(PYTEST) tests/house tests/unit

test: static
	$(PYTEST)
	$(PYTEST) -m 'processes and not full'

test-all: static
	$(PYTEST) -m 'not processes'
	$(PYTEST) -m processes

static: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: .venv/installed-dev
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html

# The stamps make a repeat instant: pip runs again only when the requirements change.
.venv/installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) -e .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) -e '.[dev]'
	@touch $@ .venv/installed

$(BIN)/pip:
	@test -n "$(PYTHON)" || { \
	echo 'equimodal needs Python 3.11 or newer; neither python3.11 nor python3 is.' >&2; \
	echo 'Install it, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@rm -f .venv/installed .venv/installed-dev
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build
