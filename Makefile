# Every task of the project; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test lint type fmt bench drill load dashboards up down lock clean

ifdef PORT
export VIGIE_PORT := $(PORT)
endif
ifdef MLFLOW_PORT
export VIGIE_MLFLOW_URL := http://127.0.0.1:$(MLFLOW_PORT)
export VIGIE_MLFLOW_PUBLIC_URL := http://localhost:$(MLFLOW_PORT)
endif
export PYTHON

bin := .venv/bin
sources := ml-app/src tests loadtest grafana

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .run-environment ## set up and run everything here, without Docker (PORT=5050 MLFLOW_PORT=5051)
	@$(bin)/vigie run

test: .test-environment ## set up and pass the tests
	@$(bin)/pytest $(ARGS)

lint: .test-environment ## check style and import rules
	@$(bin)/ruff check $(sources)
	@$(bin)/ruff format --check $(sources)
	@$(bin)/lint-imports --no-cache

type: .test-environment ## check types, strictly
	@$(bin)/mypy

fmt: .test-environment ## put the code into shape
	@$(bin)/ruff check --fix-only $(sources)
	@$(bin)/ruff format $(sources)

bench: ROUNDS ?= 3
bench: SECONDS ?= 5
bench: .test-environment ## measure Vigie beside its peers on this machine (ROUNDS= SECONDS= CONTENDERS=)
	@PYTHONPATH=tests$(addprefix :,$(PYTHONPATH)) $(bin)/python -m bench \
		--rounds $(ROUNDS) --seconds $(SECONDS) --contenders "$(CONTENDERS)"

drill: .test-environment ## the long fault drills, under load: killed workers, a lying registry, bad versions
	@$(bin)/pytest tests/drills/*.py $(ARGS)

URL ?= http://127.0.0.1:5000
USERS ?= 50
load: SECONDS ?= 30
load: .test-environment ## Locust against a running service (URL= USERS= SECONDS=)
	@$(bin)/locust -f loadtest/locustfile.py --headless --only-summary \
		--host $(URL) --users $(USERS) --spawn-rate $(USERS) --run-time $(SECONDS)s

dashboards: .test-environment ## write Grafana's JSON files anew from grafana/dashboards/*.py (MLFLOW_URL=)
	@PYTHONPATH=grafana $(bin)/python -m dashboards $(MLFLOW_URL)

up: ## start the Compose stack
	@test -f docker-compose.yml || { echo "vigie: this version has no Compose stack; use: make run" >&2; exit 1; }
	@docker compose up -d --wait

down: ## stop the Compose stack
	@test -f docker-compose.yml || { echo "vigie: this version has no Compose stack; use: make run" >&2; exit 1; }
	@docker compose down

lock: .test-environment ## write the requirement files anew
	@tools/lock

clean: ## remove environments, caches and local state; trained models go too
	rm -rf .venv mlflow/.venv mlflow/mlruns var .mypy_cache .ruff_cache .pytest_cache

.PHONY: .run-environment .test-environment
.run-environment:
	@tools/environment .venv ml-app/requirements-train.txt ml-app
	@tools/environment mlflow/.venv mlflow/requirements.txt

.test-environment:
	@tools/environment .venv ml-app/requirements-dev.txt ml-app
	@tools/environment mlflow/.venv mlflow/requirements.txt
