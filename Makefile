# Every command of the project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
LOCKED = --universal --generate-hashes --python-version 3.11 --no-header --quiet --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help install run test check lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements-dev.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/.installed ## Create or update .venv from the lock file

lock: ## Resolve the dependencies anew, with hashes, for every supported Python
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile $(LOCKED) setup.cfg -o requirements.txt
	$(VENV)/lock/bin/uv pip compile $(LOCKED) --extra test setup.cfg -c requirements.txt -o requirements-dev.txt
	$(VENV)/lock/bin/uv pip compile $(LOCKED) --extra test --extra bench setup.cfg -c requirements-dev.txt -o requirements-bench.txt

clean: ## Remove everything that the other commands made
	rm -rf $(VENV) .local build dist *.egg-info
