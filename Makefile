# Ouvidor: make run to try it, make test before you send a change. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -q
PARALLEL ?= 2

.PHONY: help setup run check lint test unit browser torture bench looks requirements clean

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml requirements/dev.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Ouvidor needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements/dev.txt requirements/uv.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	touch $(STAMP)

run: setup ## Serve on http://127.0.0.1:8000 with the demo companies and the worker inside
	$(BIN)/ouvidor serve --demo

lint: setup ## Format and lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

check: lint ## Everything but the slow and the browser tests
	$(PYTEST) -n $(PARALLEL) -m "not slow and not browser"

test: lint unit browser ## Everything

unit: setup
	$(PYTEST) -n $(PARALLEL) -m "not browser"

browser: setup ## The browser tests, each process with a browser and a site of its own
	sh tests/install_browser.sh
	$(PYTEST) -n $(PARALLEL) -m browser

torture: setup ## Workers killed 200 times over 5,000 conversations, 60 times over 100,000 comments
	OUVIDOR_TORTURE=1 $(PYTEST) -s tests/test_analysis_kills.py tests/test_comment_kills.py

looks: setup ## Every page in every language, theme and width; pictures in looks/
	sh tests/install_browser.sh
	OUVIDOR_LOOKS=all $(PYTEST) -n $(PARALLEL) -m browser tests/test_looks.py

bench: setup ## The figures of docs/quality.md that need no data of others
	$(BIN)/python bench/search.py
	$(BIN)/python bench/conversations.py
	$(BIN)/python bench/import_conversations.py
	$(BIN)/python bench/dashboard.py
	$(BIN)/python bench/sign_in.py
	$(BIN)/python bench/recording.py
	$(BIN)/python bench/analysis_job.py
	$(BIN)/python bench/comment_intake.py

requirements: setup ## Compile requirements/*.txt anew from pyproject.toml
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile.sh

clean: ## Remove what was built
	rm -rf $(VENV) node_modules looks
