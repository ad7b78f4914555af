# Makes the environment in .venv; needs only python3 with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test fuzz bench lint clean

demo: $(VENV)/.demo
	$(BIN)/python -m polyenum.demo

test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal

# Thousands of networks for every property; FUZZ_EXAMPLES=n says how many.
fuzz: $(VENV)/.test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest --durations=20 tests/cells/test_reference.py \
		tests/cells/test_exactness.py tests/cells/test_bounds.py tests/proof/test_check.py tests/cells/test_invariants.py tests/cells/test_twins.py \
		tests/cells/test_jumps.py tests/cells/test_sparse.py tests/cells/test_underflow.py tests/regions/test_halfspaces.py tests/neighborhoods/test_neighborhood.py \
		tests/regions/test_level_sets.py tests/proof/test_check_faults.py tests/regions/test_volumes.py tests/regions/test_file_fuzz.py tests/planted_bugs.py

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.core
	$(BIN)/python -m benchmarks.cells
	$(BIN)/python -m benchmarks.browser

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP_INSTALL) -e ".[plot,cli,torch]"
	touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP_INSTALL) -e ".[plot,test]"
	touch $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP_INSTALL) -e ".[bench]"
	touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP_INSTALL) -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) demo_output
