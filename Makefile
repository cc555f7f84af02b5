# Yardmaster. `make run` starts the local stack, `make test` runs the tests; both install what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2

.PHONY: run demo demo-hard token test coverage soak test-dynalite test-dynalite-quick bench bench-local lint docs package release clean help
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Yardmaster needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing (once)" >&2
	@$(BIN)/pip install --disable-pip-version-check -r requirements-dev.txt -c constraints.txt >$(VENV)/install.log 2>&1 \
		|| { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@

run: $(READY) ## start everything on this machine, until Ctrl-C
	@exec $(BIN)/python -m infra.local

demo: $(READY) ## the main job, visibly: 280 tasks, five workers, one server killed, nothing lost
	@exec $(BIN)/python -m infra.local.demo

demo-hard: $(READY) ## one good server among twelve bad ones: no task fails
	@exec $(BIN)/python -m infra.local.demo.hard

token: $(READY) ## a development token: ROLE=user|server|admin ORG= SUB= PLAN= TTL=
	@ROLE='$(ROLE)' ORG='$(ORG)' SUB='$(SUB)' PLAN='$(PLAN)' TTL='$(TTL)' $(BIN)/python -m infra.local.token

# Bytecode is kept: the tests start many processes, which would compile the same again and again.
test: $(READY) ## all tests
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope

# What runs within its own process, without what starts servers and without the long ones: tracing doubles their time.
COVERED := tests/domain tests/edge tests/providers tests/storage tests/functions tests/apis tests/engine tests/test_*.py

coverage: $(READY) ## lines and branches that the quick tests reach; fails below the floor in pyproject.toml
	@mkdir -p build/coverage
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope --cov --cov-report=term $(COVERED)

soak: $(READY) ## long random runs of the simulation: SEEDS=1000 OPERATIONS=200
	@$(BIN)/python -m tests.simulation.soak

test-dynalite: $(READY) ## the engine's tests on another implementation of DynamoDB (needs npm)
	@BIN=$(BIN) sh tests/dynalite.sh

test-dynalite-quick: $(READY) ## those of them that tell most, in three minutes
	@BIN=$(BIN) sh tests/dynalite.sh quick

bench: $(READY) ## measure, and write bench/RESULTS.md
	@$(BIN)/python -m bench

bench-local: $(READY) ## the local stack with 20,000 tasks waiting (ten minutes): writes bench/LOCAL.md, fails if a target is missed
	@$(BIN)/python -m bench.local

lint: $(READY) ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: ## these pages as a site with search, in build/site (the first time it needs a network)
	@PYTHON=$(PYTHON) sh infra/docs/build.sh

release: $(READY) ## lint, test and tag this commit as the version that it names; pushes nothing
	@exec $(BIN)/python -m infra.release

clean: ## remove what was made
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis

include infra/package.mk
