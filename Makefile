# Every command of the project; `make help` lists them.
PYTHON ?= python3
PORT ?= 8000
WORKERS ?=
VENV := .venv
BIN := $(VENV)/bin
SOURCES := service scoring client examples tests bench deploy
LOCK := $(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header

.DEFAULT_GOAL := help
.PHONY: help run test install check bench torture fuzz monitoring-test image image-test deploy-check lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## serve the demonstration bundle on 127.0.0.1; PORT= and WORKERS= change the obvious
	@$(BIN)/python -m service.cli.demo --port $(PORT) $(if $(WORKERS),--workers $(WORKERS))

test: install ## run every test
	$(BIN)/python -m pytest

install: $(VENV)/installed ## create or update .venv from the lock file

$(VENV)/installed: requirements-dev.txt setup.cfg pyproject.toml client/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e client
	@touch $@

check: install ## format, lint, types, import contracts, dead code, sizes
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 --package scorepool_client
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m tests.programs.lengths

bench: $(VENV)/bench-installed ## compare with other servers and the usual set-ups; writes a report, takes 15 minutes
	$(BIN)/python -m bench sidebyside

torture: install ## kill, stop and overload the real server; prints which promises it kept
	$(BIN)/python -m tests.torture

fuzz: install ## 100,000 malformed bodies into a running server
	$(BIN)/python -m tests.programs.fuzz

monitoring-test: install ## try the dashboard and every alert against a real Prometheus; takes ten minutes
	$(BIN)/python -m tests.programs.monitoring

image: ## build the container image with buildah, podman or docker
	BUILDAH_FORMAT=docker $(or $(shell command -v buildah),$(shell command -v podman),docker) build \
		--build-arg VERSION=$(shell sed -n 's/^version = //p' setup.cfg) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) -t scorepool .

image-test: $(VENV)/deploy-installed ## build the image and run it: limits, sandbox, drain, as a pod; BASE= changes its base
	$(BIN)/python -m tests.programs.image

deploy-check: $(VENV)/deploy-installed ## validate deploy/ and the Dockerfile
	$(BIN)/python -m tests.programs.deployment

$(VENV)/deploy-installed: requirements-deploy.txt $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-deploy.txt
	@touch $@

$(VENV)/bench-installed: requirements-bench.txt $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

lock: ## resolve the dependencies anew, with hashes, for every supported Python
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv
	$(LOCK) --upgrade setup.cfg -o requirements.txt
	$(LOCK) --extra tracing setup.cfg -c requirements.txt -o requirements-tracing.txt
	$(LOCK) --extra test --extra tracing setup.cfg -c requirements-tracing.txt -o requirements-dev.txt
	$(LOCK) --extra test --extra tracing --extra bench setup.cfg -c requirements-dev.txt -o requirements-bench.txt
	$(LOCK) --extra deploy setup.cfg -c requirements-dev.txt -o requirements-deploy.txt

clean: ## remove everything that the other commands made
	rm -rf $(VENV) .local build dist *.egg-info client/*.egg-info .*_cache .hypothesis
