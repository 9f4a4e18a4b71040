# One command per chore. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# The lock is made for this Python; uv fetches it where the machine has none.
PYTHON ?= 3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(VENV)/boot/bin/uv)
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install demo up down test test-providers test-airflow2 soak soak-validate lint format types bench lock upgrade docs package clean

help: ## list the chores
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed ## make .venv from the locked requirements.txt

$(VENV)/installed: requirements.txt pyproject.toml
	@command -v uv >/dev/null || { python3 -m venv $(VENV)/boot && $(VENV)/boot/bin/python -m pip install -q uv; }
	$(UV) venv -q --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

demo: install ## play the whole story on a local cloud; exits 0 only if every step had its effect
	$(BIN)/dagwarden demo

up: install ## start the local cloud, the functions and four agents, and leave them running
	$(BIN)/dagwarden local up --detach

down: ## stop what `make up` started
	$(BIN)/dagwarden local down

test: install ## run every test, on the local cloud, loopback only
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

soak: install ## hold the contract against random pushes, deliveries and faults, for long
	CONTRACT_PROFILE=soak $(BIN)/python -m pytest -q tests/scenarios/contract

soak-validate: install ## 10,000 imports in a row: memory flat, nothing left behind
	VALIDATE_SOAK=10000 $(BIN)/python -m pytest -q -s --timeout 3600 tests/scenarios/validate/test_endurance.py

PROVIDERS := .venv-providers
PROVIDERS_PYTEST := $(PROVIDERS)/bin/python -m pytest -q -p no:cacheprovider --confcutdir=tests/unit/validate -o pythonpath=". shared"

test-providers: ## read Google's and Kubernetes' own operators into the DAG model (1.6 GB, in an environment of its own)
	$(UV) venv -q --allow-existing --python $(PYTHON) $(PROVIDERS)
	$(UV) pip install -q --python $(PROVIDERS)/bin/python apache-airflow==3.3.2 apache-airflow-providers-google==22.8.0 \
	  apache-airflow-providers-cncf-kubernetes==10.25.0 msgspec ast-grep-py pyyaml pyseccomp pytest pytest-timeout pytest-asyncio
	AIRFLOW_HOME=$(abspath $(PROVIDERS))/airflow $(PROVIDERS_PYTEST) tests/unit/validate/providers.py

AIRFLOW2 := .venv-airflow2
# Set it to Airflow's own constraints-2.11.2/constraints-3.11.txt (a file or an address) to have the versions they name.
AIRFLOW2_CONSTRAINTS ?=

test-airflow2: install ## hold the validator beside DagBag of Airflow 2.11 (in an environment of its own)
	$(UV) venv -q --allow-existing --python 3.11 $(AIRFLOW2)
	$(UV) pip install -q --python $(AIRFLOW2)/bin/python $(addprefix --constraint ,$(AIRFLOW2_CONSTRAINTS)) \
	  apache-airflow==2.11.2 msgspec ast-grep-py pyyaml pyseccomp
	VALIDATE_PYTHON=$(abspath $(AIRFLOW2))/bin/python $(BIN)/python -m pytest -q -p no:cacheprovider \
	  tests/scenarios/validate/airflow2.py tests/scenarios/validate/test_against_dagbag.py

lint: install ## ruff, mypy --strict, ast-grep test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases functions infra/ci
	$(BIN)/ast-grep test --config tests/rules/sgconfig.yml --skip-snapshot-tests

format: install ## rewrite the code as ruff formats it
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

bench: install ## measure; writes tests/benchmarks/results.md and results.json
	$(BIN)/python -m tests.benchmarks

docs: install ## write the generated parts of README.md and docs/ anew
	$(BIN)/python -m tests.whole_repo.generate

package: install ## pack each function for Cloud Run functions, in dist/functions/
	$(BIN)/python -m infra.ci.package

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --extra dev --generate-hashes \
  --no-emit-index-url --no-emit-find-links --python-version 3.11 -q -o requirements.txt

lock: ## bring requirements.txt in step with pyproject.toml, keeping the versions it has
	$(COMPILE)

upgrade: ## write requirements.txt anew with the newest versions
	$(COMPILE) --upgrade

clean: ## remove what the chores made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info shared/*.egg-info
