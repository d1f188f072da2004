# Two commands set everything up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run test test-slow coverage lint types docs bench registry clean

run: $(VENV)/.installed            ## measure three models under several configurations, a minute or two
	$(BIN)/harness run --suite quick

test: $(VENV)/.installed-test      ## the test suite
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(VENV)/.installed-test ## and what takes minutes: every model under every runner and precision
	$(BIN)/python -m pytest -n 2 --dist loadfile

coverage: $(VENV)/.installed-test  ## the whole test suite with coverage of every process
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -m "not slow"
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

lint: $(VENV)/.installed-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-lint
	$(BIN)/mypy

docs: $(VENV)/.installed-docs      ## docs/_build/index.html
	$(BIN)/python -m sphinx -W -b html docs docs/_build

bench: $(VENV)/.installed          ## the harness beside its peers; takes about an hour
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.isolation
	$(BIN)/python -m benchmarks.seed_suite
	$(BIN)/python -m benchmarks.serve_overhead
	$(BIN)/python -m benchmarks.profile_agreement
	$(BIN)/python -m benchmarks.time_base
	$(BIN)/python -m benchmarks.memory_truth
	$(BIN)/python -m benchmarks.ceilings
	$(BIN)/python -m benchmarks.frozen_neighbour
	$(BIN)/python -m benchmarks.compare_cost
	$(BIN)/python -m benchmarks.virtual
	$(BIN)/python -m benchmarks.head_to_head

registry: $(VENV)/.installed       ## regenerate what is generated
	$(BIN)/python -m harness.plan.generate
	$(BIN)/python -m docs.generate
	$(BIN)/python -m docs.quoted
	$(BIN)/python tests/packaging/api.py

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python setup.cfg constraints.txt
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e ".[lint]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e ".[docs]"
	touch $@
