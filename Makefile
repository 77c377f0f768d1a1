# One verb for each thing that people do here. Each sets up what it needs, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KILLS := 100
MINUTES := 60

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench golden soak fuzz audit wheel clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	$(BIN)/python -c "import pymatting"  # compiles for a minute: once here, or in every process of a test
	touch $@

demo: $(VENV)/ready  ## Run the whole chain on the sample corpus, in ./demo
	$(BIN)/shm demo demo

test: $(VENV)/ready  ## Run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/ready  ## Lint, type-check, and check who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --package shm
	$(BIN)/mypy cli.py tests benchmarks
	$(BIN)/lint-imports

format: $(VENV)/ready  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/ready  ## Measure each promise against its peers
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

fuzz: SECONDS ?= 3600
fuzz: $(VENV)/ready  ## Attack all that reads others' files, for SECONDS (3600); finds go to ./build/fuzz
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group fuzz
	$(BIN)/python -m tests.faults.fuzz all --seconds $(SECONDS)

golden: $(VENV)/ready  ## Write the golden loss curves anew (see CONTRIBUTING.md)
	SHM_RENEW_GOLDEN=1 $(BIN)/python -m pytest tests/shm/training/test_golden.py

soak: $(VENV)/ready  ## Kill every command many times over, starve it, and harm what it made
	$(BIN)/python -m pytest -m long tests/faults
	$(BIN)/python -m tests.faults.soak --kills $(KILLS) --minutes $(MINUTES)
	$(BIN)/python -m tests.faults.damage --count $(KILLS)

audit: $(VENV)/ready  ## Look the pinned versions up among known vulnerabilities, and list licences
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group audit
	$(BIN)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip
	$(BIN)/pip-licenses --format markdown --order license

wheel: $(VENV)/ready  ## Build the wheel into ./dist
	$(BIN)/python -m build --wheel

clean:  ## Remove what these verbs made, but the virtual environment
	rm -rf demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
