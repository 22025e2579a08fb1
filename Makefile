# make run    the gateway against the sandbox, ready to be tried in a browser
# make test   formatting, lint, types and the whole test suite
# Both set up everything they need in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
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

# The .pth file puts the checkout itself on the path: twistd looks for twisted/plugins in the folders of the path only.
$(READY): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -c "import sysconfig; print('$(CURDIR)', file=open(sysconfig.get_path('purelib') + '/a1gateway.pth', 'w'))"
	touch $(READY)

clean:
	rm -rf $(VENV) .run build dist a1gateway.egg-info
