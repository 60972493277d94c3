# Everything is set up on the first call; needs python3 (3.10 or newer) with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
AXE := tests/report/node_modules/axe-core

.PHONY: demo test lint axe clean

demo: $(READY)
	$(BIN)/facedissect demo --out demo

test: $(READY) lint
	@! command -v npm >/dev/null || $(MAKE) --no-print-directory axe || echo "axe-core was not installed: its tests skip"
	$(BIN)/pytest

# What looks for barriers in the pages of reports; it comes from npm. Without it, its tests skip.
axe: $(AXE)

$(AXE): tests/report/package.json
	npm install --prefix tests/report --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv demo build dist tests/report/node_modules .mypy_cache .pytest_cache .ruff_cache
