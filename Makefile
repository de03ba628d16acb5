# Two commands matter: `make demo` and `make test`. Each creates what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: install demo test lint soak clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lookalive needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip==25.3
	$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check -c constraints.txt --group dev --editable .
	@touch $@

# ONCE=1 ends by itself, with a summary as its last line and an exit code that says whether it went well.
demo: $(READY)
	@$(BIN)/lookalive demo $(if $(ONCE),--once)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two files at a time, each process with a broker of its own: most tests of the worker wait.
test: lint
	$(BIN)/pytest -m "not slow" --numprocesses 2 --dist loadfile --durations 10

soak: $(READY)
	$(BIN)/pytest -m slow

clean:
	rm -rf $(VENV) build dist *.egg-info
