# Every task of the project; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help promote rollback run spark test test-stack test-tools coverage lint type fmt bench drill load scale-proof docs texts dashboards up down logs login backup restore nightly trial apply reload-gateway upgrade rollback-release deploy k8s-up k8s-down k8s-status \
	cloud-plan cloud-up cloud-down cloud-state tunnel cost lock release-pins clean

ifdef PORT
export VIGIE_PORT := $(PORT)
endif
ifdef MLFLOW_PORT
export VIGIE_MLFLOW_URL := http://127.0.0.1:$(MLFLOW_PORT)
export VIGIE_MLFLOW_PUBLIC_URL := http://localhost:$(MLFLOW_PORT)
endif
ifdef WITHOUT
export VIGIE_WITHOUT := $(WITHOUT)
endif
export SERVICES
export PYTHON

bin := .venv/bin
sources := ml-app/src tests loadtest grafana Iac ansible

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .run-environment ## set up and run everything here, without Docker (PORT=5050 MLFLOW_PORT=5051)
	@$(bin)/vigie run

spark: .run-environment ## add Apache Spark and its Java to the environment of make run: vigie spark
	@tools/environment .venv ml-app/requirements-spark.txt ml-app

test: .test-environment ## set up and pass the tests that need no Docker, on all cores (ARGS=)
	@$(bin)/pytest --numprocesses logical --maxprocesses 8 $(ARGS)

test-stack: .test-environment ## pass the tests that need a Docker engine or a Kubernetes cluster, and long runs of Spark (ARGS=)
	@$(bin)/pytest tests/stack $(ARGS)

test-tools: .test-environment ## put the programs that tests ask for into .tools/, without root
	@tools/test-tools

coverage: .test-environment ## pass the tests and say which branches of the code none takes (ARGS=)
	@$(bin)/coverage erase
	@$(bin)/coverage run -m pytest --numprocesses logical --maxprocesses 8 $(ARGS)
	@$(bin)/coverage combine --quiet
	@$(bin)/coverage report

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
bench: .test-environment ## measure Vigie beside its peers on this machine (ROUNDS= SECONDS= SUBJECT= CONTENDERS=)
	@PYTHONPATH=tests:loadtest$(addprefix :,$(PYTHONPATH)) $(bin)/python -m bench \
		--rounds $(ROUNDS) --seconds $(SECONDS) --subject "$(SUBJECT)" --contenders "$(CONTENDERS)"

drill: .test-environment ## the long fault drills, under load: killed workers, a lying registry, bad versions
	@$(bin)/pytest tests/drills/*.py $(ARGS)

URL ?= http://127.0.0.1:5000
USERS ?= 50
load: SECONDS ?= 30
load: .test-environment ## Locust against a running service (URL= SCENARIO= MODEL= SHAPE= RATE= USERS= SECONDS= ROWS= CSV= PHOTOS= WORKERS= P99_MS=)
	@mkdir -p var/load
	@LOAD_SCENARIO="$(or $(SCENARIO),native)" LOAD_MODELS="$(MODEL)" LOAD_SHAPE="$(or $(SHAPE),constant)" \
		LOAD_RATE="$(RATE)" LOAD_ROWS="$(or $(ROWS),1)" LOAD_TABLE="$(CSV)" LOAD_PHOTOS="$(PHOTOS)" \
		LOAD_MOST_FAILED="$(FAILED)" LOAD_MOST_P99_MS="$(P99_MS)" LOAD_LEAST_RATE="$(LEAST_RATE)" \
		LOAD_SUMMARY=var/load/summary.md \
		$(bin)/locust -f loadtest/locustfile.py --headless --only-summary --loglevel WARNING \
		--html var/load/report.html $(if $(WORKERS),--processes $(WORKERS)) \
		--host $(URL) --users $(USERS) --run-time $(SECONDS)s --stop-timeout 40

docs: .test-environment ## write the generated pages of docs/ anew: commands, settings
	@PYTHONPATH=tests $(bin)/python -m support.reference

texts: .test-environment ## bring the catalogues of the pages' texts up to date with the code
	@PYTHONPATH=tests $(bin)/python -m support.texts

dashboards: .test-environment ## write Grafana's JSON files anew from grafana/dashboards/*.py
	@PYTHONPATH=grafana $(bin)/python -m dashboards

up: ## start the Compose stack and say where everything is (SERVICES= WITHOUT=grafana)
	@tools/check-settings
	@services=$$(tools/services) && docker compose up --detach --wait $$services \
		|| { docker compose logs --no-log-prefix receivers; exit 1; }
	@tools/where

down: ## stop the Compose stack; runs, models and predictions stay
	@docker compose down

logs: ## follow the logs of the Compose stack (SERVICE=)
	@docker compose logs --follow --tail 100 $(SERVICE)

login: ## show account and password of a page in production (NAME=mlflow or grafana)
	@docker compose run --rm --no-deps secrets login /secrets $(NAME)

promote: ## make a version the champion in the Compose stack (MODEL= VERSION= ARGS=--force)
	@docker compose run --rm --no-deps trainer promote $(MODEL) --version $(VERSION) $(ARGS)

rollback: ## go back to the champion before (MODEL= ARGS=)
	@docker compose run --rm --no-deps trainer rollback $(MODEL) $(ARGS)

backup: ## write databases, artifacts, keys and audit logs of the running stack to one file (BACKUPS=)
	@tools/backup

restore: ## put a backup into this stack (FILE= YES=1)
	@SERVICES=$$(tools/services) && export SERVICES && tools/restore "$(FILE)"

nightly: ## a backup, the oldest ones deleted, once a week a trial (BACKUPS= KEPT=)
	@tools/nightly

trial: ## restore a backup into a stack of its own and take that away again (FILE=)
	@tools/trial "$(FILE)"

apply: ## take a changed .env and changed files of the running stack, no request lost (SERVICES= WITHOUT=)
	@tools/apply

reload-gateway: ## make the gateway read its configuration anew, no request lost
	@tools/reload-gateway

upgrade: ## bring the running stack to this checkout: backup, new images, no request lost (SERVICES= WITHOUT=)
	@tools/upgrade

rollback-release: ## bring the running stack back to the images before the last upgrade, no request lost
	@tools/rollback-release

k8s-up: ## the whole stack on the Kubernetes cluster of kubectl, with images made here (OVERLAY=)
	@tools/k8s up

k8s-down: ## take it away again, with its models, runs and passwords
	@tools/k8s down

k8s-status: ## pods, autoscaler and budget of disruptions there
	@tools/k8s status

cloud-plan: ## show what cloud-up would change on Google Cloud (PROJECT= ENVIRONMENT=)
	@tools/cloud plan

cloud-up: ## make the machine and what belongs to it on Google Cloud (PROJECT= ENVIRONMENT= YES=1)
	@tools/cloud up

cloud-down: ## delete what cloud-up made, data too (PROJECT= ENVIRONMENT= YES=1)
	@tools/cloud down

cloud-state: ## move Terraform's state into a bucket, for several people (PROJECT=)
	@tools/cloud-state

tunnel: ## bring the service and the pages of the machine to localhost (ENVIRONMENT=)
	@tools/tunnel

cost: ## write docs/cost.md and docs/capacity.md anew from Iac/prices.json and what was measured
	@python3 Iac/cost.py > docs/cost.md
	@python3 Iac/capacity.py > docs/capacity.md

scale-proof: .test-environment ## what 1 to 4 replicas carry, and the autoscaler under steps, on the cluster or the Compose stack
	@tools/scale-proof

deploy: ## bring this checkout to a machine by Ansible: Terraform's, or those of ansible/inventory/hosts.yml (ARGS=--check)
	@tools/deploy $(ARGS)

lock: .test-environment ## write the requirement files anew
	@tools/lock

release-pins: ## write docker-compose.pins.yml: every image by the digest that is on this machine
	@tools/release-pins

clean: ## remove environments, caches and local state; trained models go too
	rm -rf .venv .tools mlflow/.venv mlflow/mlruns var .mypy_cache .ruff_cache .pytest_cache

.PHONY: .run-environment .test-environment
.run-environment:
	@tools/environment .venv ml-app/requirements-train.txt ml-app
	@tools/environment mlflow/.venv mlflow/requirements.txt

# compiled: a process of the sandbox may write no file, and would compile TensorFlow at each start
.test-environment:
	@COMPILE=1 tools/environment .venv ml-app/requirements-dev.txt ml-app
	@$(bin)/python -m compileall -q ml-app/src
	@COMPILE=1 tools/environment mlflow/.venv mlflow/requirements.txt
