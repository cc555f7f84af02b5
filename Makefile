# Yardmaster. `make run` starts the local stack, `make test` runs the tests; both install what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := $(VENV)/.extras
EXTRA_FILES := $(filter-out requirements-dev.txt requirements-docs.txt,$(wildcard requirements-*.txt))
JOBS ?= 2

.PHONY: run demo demo-hard token test test-long coverage coverage-rules soak test-dynalite test-dynalite-quick bench bench-local bench-recognition lint docs package release clean help
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

# What `make run` installs behind the APIs. Without a network the tests of an extra are skipped, and say so.
$(EXTRAS): $(READY) $(EXTRA_FILES)
	@$(BIN)/python -m infra.local.extras && touch $@ || echo "tests of extras that are not installed will be skipped" >&2

run: $(READY) ## start everything on this machine, until Ctrl-C
	@exec $(BIN)/python -m infra.local

# STUDIO=1 chooses the demo. In the environment of the stack STUDIO is a switch, on or off.
ifeq ($(STUDIO),1)
unexport STUDIO
endif
demo: $(READY) $(if $(filter 1,$(STUDIO)),$(EXTRAS)) ## the main job, visibly: 280 tasks, five workers, one killed, nothing lost. STUDIO=1: content from idea to post
	@exec $(BIN)/python -m infra.local.demo$(if $(filter 1,$(STUDIO)),.studio)

demo-hard: $(READY) ## one good server among twelve bad ones: no task fails
	@exec $(BIN)/python -m infra.local.demo.hard

token: $(READY) ## a development token: ROLE=user|server|admin ORG= SUB= PLAN= TTL=
	@ROLE='$(ROLE)' ORG='$(ORG)' SUB='$(SUB)' PLAN='$(PLAN)' TTL='$(TTL)' $(BIN)/python -m infra.local.token

# Bytecode is kept: the tests start many processes, which would compile the same again and again.
test: $(READY) $(EXTRAS) ## the everyday tests: all within the process but the long ones
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "not long and not system"

# Only files that have such tests are collected: all of them take half a minute.
LONG = tests/system $(shell grep -rlE "mark\.(long|system)" tests --include='test_*.py')

test-long: $(READY) $(EXTRAS) ## the others: real stacks as processes, random runs with faults, bad servers, noisy neighbours, fuzzing
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "long or system" $(LONG)

# What runs within its own process, without what starts servers and without the long ones: tracing doubles their time.
COVERED := tests/domain tests/edge tests/providers tests/storage tests/functions tests/apis tests/engine tests/test_*.py

coverage: $(READY) $(EXTRAS) ## lines and branches that the quick tests reach; fails below the floor in pyproject.toml
	@mkdir -p build/coverage
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "not long" --cov --cov-report=term $(COVERED)

# The whole takes ten minutes: .ci/run measures the rules and the edge, which their own tests must reach.
coverage-rules: $(READY) ## the same of domain and edge by their own tests, in a minute
	@mkdir -p build/coverage
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "not long and not system" \
		--cov=chalicelib/domain --cov=chalicelib/edge --cov-report=term --cov-fail-under=94 tests/domain tests/edge

soak: $(READY) ## long random runs of the simulation: SEEDS=1000 OPERATIONS=200
	@$(BIN)/python -m tests.simulation.soak

test-dynalite: $(READY) ## the engine's tests on another implementation of DynamoDB (needs npm)
	@BIN=$(BIN) sh tests/dynalite.sh

test-dynalite-quick: $(READY) ## those of them that tell most, in two minutes
	@BIN=$(BIN) sh tests/dynalite.sh quick

bench: $(READY) ## measure, and write bench/RESULTS.md
	@$(BIN)/python -m bench

bench-local: $(READY) ## the local stack with 20,000 tasks waiting (ten minutes): writes bench/LOCAL.md, fails if a target is missed
	@$(BIN)/python -m bench.local

bench-recognition: $(READY) $(EXTRAS) ## how good the engines of recognition are (five minutes): writes bench/RECOGNITION.md, fails if a target is missed
	@$(BIN)/python -m bench.recognition

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
