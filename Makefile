# The commands that README and CONTRIBUTING name. Everything runs in .venv, made on demand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := $(wildcard src/fastnn/*.pyx src/fastnn/*.pxd src/fastnn/*/*.pxi) setup.py pyproject.toml

.PHONY: demo test check lint format bench wheel clean

# Train the digits network that comes with the package.
demo: $(STAMP)
	$(BIN)/fastnn train digits --out model.safetensors

test: $(STAMP)
	$(BIN)/python -m pytest

# Linters only.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH=$(CURDIR)/$(BIN):$$PATH cython-lint src
	$(BIN)/codespell src tests benchmarks docs *.md

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test

# fastnn against the NumPy reference, as ratios.
bench: $(STAMP)
	$(BIN)/python -m benchmarks

wheel: $(STAMP)
	$(BIN)/python -m build --wheel

# Editable, with what tests need; again when the sources of the extensions change.
$(STAMP): $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

clean:
	rm -rf $(VENV) build dist src/*.egg-info src/fastnn/*.so src/fastnn/*.c
