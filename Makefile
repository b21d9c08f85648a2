# The commands that README and CONTRIBUTING name. Everything runs in .venv (with other libraries
# beside fastnn in .venv-peers), made on demand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
STAMP := $(VENV)/.installed
SOURCES := $(wildcard src/fastnn/*.pyx src/fastnn/*.pxd src/fastnn/*/*.pxi src/fastnn/*/*.h) setup.py pyproject.toml

.PHONY: demo test test-peers check lint format bench bench-peers wheel clean

# Train the digits network that comes with the package.
demo: $(STAMP)
	$(BIN)/fastnn train digits --out model.safetensors

test: $(STAMP)
	$(BIN)/python -m pytest

# The tests that compare with other libraries, and other projects' own tests of what stands in for
# them, where none of these may be missing.
test-peers: $(PEERS)/.installed
	FASTNN_PEERS=required $(PEERS)/bin/python -m pytest $$(grep -l 'from peers import' tests/test_*.py)

# Linters only.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH=$(CURDIR)/$(BIN):$$PATH cython-lint src
	$(BIN)/codespell src tests benchmarks docs examples *.md

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test

# fastnn against the NumPy reference, as ratios.
bench: $(STAMP)
	$(BIN)/python -m benchmarks

# The same with the libraries below, each left out if it can't be installed.
bench-peers: $(PEERS)/.installed
	$(PEERS)/bin/python -m benchmarks --peers all --output benchmarks/results

wheel: $(STAMP)
	$(BIN)/python -m build --wheel

# Editable, with what tests need; again when the sources of the extensions change.
$(STAMP): $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(PEERS)/.installed: $(SOURCES)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet --editable '.[test]'
	for peer in torch==2.13.0 jax scikit-learn pandas spacy numexpr; do \
		$(PEERS)/bin/python -m pip install --quiet $$peer || echo "left out: $$peer"; \
	done
	touch $@

clean:
	rm -rf $(VENV) $(PEERS) build dist src/*.egg-info src/fastnn/*.so src/fastnn/*.c
