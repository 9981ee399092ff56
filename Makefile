# `make help` lists what there is. Scripts that need exit codes should call .venv/bin/runner:
# make itself turns every failure into 2.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
RUNNER := .venv/bin/runner
PYTEST := .venv/bin/python -m pytest

# $(call option,NAME,spelling): passed on only when given, whatever it holds.
option = $(if $($(1)),--$(2) '$(subst ','\'',$($(1)))')
trial_options = $(strip $(call option,ARM,arm) $(call option,TASK,task) \
    $(call option,TRIAL,trial) $(call option,MODELS,models) $(call option,MAX_ITERS,max-iters) \
    $(call option,REPLAY,replay) $(if $(RECORD),--record))

matrix_options = $(strip $(call option,N,n) $(call option,ARMS,arms) $(call option,TASKS,tasks) \
    $(call option,MODELS,models) $(call option,JOBS,jobs) $(call option,BUDGET,budget) \
    $(call option,SEED,seed) $(call option,RUN,run) $(call option,MAX_ITERS,max-iters))

.PHONY: help setup python image browser demo trial matrix status report ollama doctor test test-unit check attack bench soak lock clean

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 } \
	    /^#> / { print substr($$0, 4) }' Makefile

setup: ## Prepare this machine: Python environment and Docker engine
	@scripts/setup.sh

# What needs no Docker engine needs only this.
python:
	@scripts/setup.sh python

image: setup ## Build the task images that are missing or out of date
	@$(RUNNER) image

demo: image ## See it work: arm C on T3, scripted models, free
	@$(RUNNER) trial --arm C --task T3 --models scripted

trial: image ## Run one trial: ARM=C TASK=T3 [TRIAL=0] [MODELS=live] [MAX_ITERS=40] [REPLAY=ID]
	@$(RUNNER) trial $(trial_options)

matrix: image ## Run arms on tasks: N=3 [ARMS=A,B,C,D] [TASKS=T1,T2,T3] [JOBS=4] [BUDGET=40]
	@$(RUNNER) matrix $(matrix_options)

status: python ## Show what has been run and what it cost
	@$(RUNNER) status

report: python ## Write results/report.html: the answer, its reasons, every trial [KIND=live]
	@$(RUNNER) report $(call option,KIND,kind)

ollama: setup ## Start the server of local models (arm B) and get what the arms need
	@$(RUNNER) ollama --start

doctor: python ## Check this machine and explain what is missing
	@$(RUNNER) doctor

test: image browser ## Run all tests: without Docker, with it, and in a browser
	@$(PYTEST) -q -n 2 tests/unit
	@$(PYTEST) -q tests/browser
	@$(PYTEST) -q tests/docker

browser: python ## Install the browser that tests open the report in
	@scripts/setup.sh browser

test-unit: python ## Run the tests that need no Docker
	@$(PYTEST) -q -n 2 tests/unit

check: python ## Check format, lint, types, layers, lock and docs
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/mypy --no-error-summary --exclude '(soak|report_bench).py' scripts
	@.venv/bin/lint-imports >.cache/lint-imports.log || { cat .cache/lint-imports.log; exit 1; }
	@.venv/bin/python scripts/lock.py --check
	@.venv/bin/python scripts/dictionary.py --check
	@$(PYTEST) -q tests/unit/test_docs.py

attack: image ## Attack our own sandbox and judge; print what won: [ONLY=conftest-hook] [JOBS=2]
	@$(RUNNER) attack $(strip $(call option,ONLY,only) $(call option,JOBS,jobs))

bench: image ## Measure and print the figures
	@.venv/bin/python scripts/bench.py; ended=$$?; \
	    PYTHONPATH=tests .venv/bin/python scripts/report_bench.py && exit $$ended

soak: image ## Kill, cut and starve runs for an hour; print the figures
	@PYTHONPATH=tests:tests/soak .venv/bin/python scripts/soak.py

lock: python ## Renew requirements.lock from pyproject.toml (needs a package index)
	@.venv/bin/python scripts/lock.py

clean: ## Remove caches and leftover containers, stop Ollama; never results
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -x $(RUNNER) ]; then $(RUNNER) clean; fi

#>
#> Variables may stand on the command line or in the environment: make trial ARM=D TASK=T1
#> Keys and addresses go into .env; .env.example shows them.
