# Each target sets up what it needs in .venv; the stamp files .venv/.demo and .venv/.dev say what is installed there.
# The oldest and the newest Python have environments of their own, in .venv-lowest and .venv-newest.

PYTHON ?= python3
LOWEST_PYTHON ?= python3.10
NEWEST_PYTHON ?= python3.14
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-lowest test-newest check docs bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Train a ResNet-18 on MNIST under a TopologyMonitor
	$(BIN)/python examples/mnist_resnet.py

# Each of the processes that share the tests: with two threads they spend their time on waiting for one another.
IN_ONE_THREAD := OMP_NUM_THREADS=1

test: $(VENV)/.dev ## Run the tests and doctests
	$(IN_ONE_THREAD) $(BIN)/python -m pytest -n auto --dist loadfile

# What depends most on other packages.
TRAININGS := $(addprefix tests/trainings/test_,loops.py models.py models_calls.py loggers.py resume.py precision.py)
COMPATIBILITY := -m "not long" tests/records tests/cli $(TRAININGS)

test-lowest: $(VENV)-lowest/.test ## Test main trainings, records and commands with the lowest versions of everything, on Python 3.10
	$(IN_ONE_THREAD) $(VENV)-lowest/bin/python -m pytest -n auto --dist worksteal $(COMPATIBILITY)

test-newest: $(VENV)-newest/.test ## Test main trainings, records and commands on the newest Python
	$(IN_ONE_THREAD) $(VENV)-newest/bin/python -m pytest -n auto --dist worksteal $(COMPATIBILITY)

check: $(VENV)/.dev ## Lint, check formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.dev ## Measure what a snapshot costs, here and at scale, how much it slows training, and what the tab weighs
	$(BIN)/python benchmarks/snapshot.py
	$(BIN)/python benchmarks/measures.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/tab.py
	$(BIN)/python benchmarks/gpu.py

clean: ## Remove caches and build products; keep .venv and recorded runs
	rm -rf build dist docs/_build *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name '$(VENV)*' -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# pip comes last when a virtual environment is made, so one that was cut short is made again.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) -e '.[demo]'
	touch $@

# The development environment holds the demo's.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) -e '.[dev]'
	touch $(VENV)/.demo $@

$(VENV)-lowest/.test: pyproject.toml constraints-lowest.txt
	$(LOWEST_PYTHON) -m venv --clear $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install -q --disable-pip-version-check --no-compile -c constraints-lowest.txt -e '.[test]'
	touch $@

$(VENV)-newest/.test: pyproject.toml constraints.txt
	$(NEWEST_PYTHON) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python -m pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e '.[test]'
	touch $@
