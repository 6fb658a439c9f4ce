# Farview's commands. Each one makes what it needs, so any of them works in a fresh clone.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
PYTEST := $(BIN)/python -m pytest
# One thread each for the numeric libraries: two pytest workers on two cores would otherwise fight.
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: demo serve test lint soak bench protos format clean help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runtime ## install, then run the main job on CDNOW: import, train, score, serve, ask
	$(BIN)/farview demo

serve: .venv/.runtime ## start the server on the database named by FARVIEW_DATABASE_URL
	$(BIN)/farview serve

test: .venv/.dev lint ## install, check and test everything
	$(THREADS) $(BIN)/python -m tests.kernels
	$(THREADS) $(PYTEST) -n 2 --dist loadfile

lint: .venv/.dev ## the checks that need no test run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py --check
	$(BIN)/python protos/generate.py --lint

soak: .venv/.dev ## the same tests with the counts that need patience
	$(THREADS) $(BIN)/python -m tests.kernels
	$(THREADS) FARVIEW_TIER=soak $(PYTEST) -n 2 --dist loadfile

bench: .venv/.dev .venv-peers/.installed ## speed beside the peers, each in its own environment
	$(THREADS) $(BIN)/python -m benchmarks.run

protos: .venv/.dev ## regenerate farview/v1 from protos/
	$(BIN)/python protos/generate.py

format: .venv/.dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## forget the environments
	rm -rf .venv .venv-peers

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.runtime: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --editable .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) --editable '.[dev]'
	@touch $@ .venv/.runtime

.venv-peers/.installed: benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r benchmarks/peers.txt
	@touch $@
