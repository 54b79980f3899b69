.DEFAULT_GOAL := help
.PHONY: demo up down test chaos mutation bench lint schemas interface lock clean help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin

# The first Python that can make a virtual environment.
FIND_PYTHON = for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| continue; found=$$p; $$p -c 'import ensurepip, venv' 2>/dev/null || continue; \
	echo $$p; exit; done; \
	test -z "$$found" && echo "trialops: no Python 3.11 or later found" >&2 \
	|| echo "trialops: $$found lacks ensurepip (on Debian: apt install python3-venv)" >&2; exit 2

# $(call setup,PROFILE): .venv with everything that requirements/PROFILE.txt locks
setup = @python=$$($(FIND_PYTHON)) && exec $$python deploy/bootstrap.py $(1)

##@ Use

demo: ## replay a trial through real Kafka, PostgreSQL and the services (ONCE=1: then stop)
	$(call setup,demo)
	@$(BIN)/trialops demo $(if $(ONCE),--once)

up: ## start the platform in the background, ready when this returns
	$(call setup,embedded)
	@$(BIN)/trialops up --detach

down: ## stop it
	$(call setup,embedded)
	@$(BIN)/trialops down

##@ Work on it

# Two at a time: much of a test is waiting for processes. A file's tests stay together, in order.
test: ## all tests, in two processes; or those of PYTEST="tests/unit -x", in one
	$(call setup,dev)
	@$(BIN)/python -m pytest $(or $(PYTEST),--numprocesses=2 --dist=loadfile --no-loadscope-reorder)

chaos: ## every fault against the invariants, with its seed (CHAOS="--seed N --only NAME")
	$(call setup,dev)
	@$(BIN)/python -m tests.chaos $(CHAOS)

mutation: ## mutants of what decides eligibility, and those no test kills (MUTANTS="NAME*")
	$(call setup,dev)
	@$(BIN)/python -m tests.mutation $(MUTANTS)

bench: ## ratios beside bare loops, as JSON and a table (BENCH="--only randomizer --runs 3")
	$(call setup,dev)
	@$(BIN)/python -m bench $(BENCH)

lint: ## style, types, layers, dependencies
	$(call setup,dev)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry bench services shared deploy

schemas: ## write the JSON Schema of every event
	$(call setup,dev)
	@$(BIN)/python -m shared.contracts.schemas

interface: ## write the documents of the interface: AsyncAPI, OpenAPI, a page over both
	$(call setup,dev)
	@$(BIN)/python -m deploy.interface

lock: ## lock the requirements and Kafka's jars again, at their newest versions
	$(call setup,dev)
	@$(BIN)/python deploy/lock.py

clean: ## remove everything that make has made, but no state
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build mutants *.egg-info

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
