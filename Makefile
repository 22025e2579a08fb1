# make run    the gateway against the sandbox, ready to be tried in a browser
# make test   formatting, lint, types and the whole test suite
# Both set up everything they need in .venv.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test lint format clean

run: $(READY)
	$(BIN)/python -m a1gateway.sandbox.demo

test: $(READY) lint
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The compatible editable mode puts the checkout itself on the path, so that twistd finds twisted/plugins in it.
$(READY): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]' --config-settings editable_mode=compat
	touch $(READY)

clean:
	rm -rf $(VENV) .run build dist a1gateway.egg-info
