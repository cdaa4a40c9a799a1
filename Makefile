# One verb per target. Everything is installed below .venv and .local; nothing outside the checkout is touched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export UV_PYTHON_DOWNLOADS := never
# Compiled once and kept: without that each process compiles for 1.5 s before it starts, and tests start hundreds.
export PYTHONDONTWRITEBYTECODE :=

ifeq ($(wildcard libs/devstack),)
$(error These targets work in the checkout only: cd $(dir $(abspath $(lastword $(MAKEFILE_LIST)))) first)
endif

PYTHON := .venv/bin/python
UV := .venv/bin/uv
DEVSTACK := $(PYTHON) -m bridge.devstack
PACKAGES := $(sort $(patsubst %/pyproject.toml,./%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml)))
PYPROJECTS := pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
OURS := $(addprefix bridge-,$(notdir $(PACKAGES)))
SOURCES := libs services tests docs docker
# Most tests wait more than they compute. A file stays in one process, and each process starts its own servers.
PYTEST := .venv/bin/pytest -n 3 --dist loadfile

.PHONY: help setup lock docs demo up servers-up servers-down servers-status clean fmt lint types check-compose rehearse-compose test test-slow test-all ci

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: .venv/.installed ## install what is missing: Python packages, Kafka (Java 17+ and Maven must be there)
	@$(DEVSTACK) setup

demo: setup ## watch customers and invoices travel through the real system, and be counted; ends by itself
	@$(PYTHON) -m bridge.demo

up: setup ## the same system, kept running until Ctrl-C
	@$(PYTHON) -m bridge.demo --stay

where: .venv/.installed ## a customer's (N) or an invoice's (I) journey in the last demo: make where T=fjordbygg N=20008, or I=10472
	$(if $(and $(T),$(or $(I),$(N))),,$(error Name the tenant and a number: make where T=fjordbygg N=20008 for a customer or I=10472 for an invoice))
	@$(PYTHON) -m bridge.demo.look where $(if $(I),invoice "$(I)",customer "$(N)") --tenant "$(T)"

servers-up: setup ## start Kafka and Postgres in the background; earlier data is found again
	@$(DEVSTACK) up

servers-down: .venv/.installed ## stop them and keep their data
	@$(DEVSTACK) down

servers-status: .venv/.installed ## tell whether they answer, and where
	@$(DEVSTACK) status

clean: .venv/.installed ## stop them and delete their data and logs
	@$(DEVSTACK) clean

fmt: .venv/.installed ## format the code and mend what can be mended by itself
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

lint: .venv/.installed ## check style, format, the direction of imports and the Dockerfile
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/hadolint docker/Dockerfile

types: .venv/.installed ## check the types of source and tests
	@.venv/bin/mypy $(SOURCES)

# Built once per version: the folder's name is a function of what it is built from.
COMPOSE = $(CURDIR)/.local/compose-$(shell cat docker/parser/go.mod docker/parser/go.sum | sha256sum | cut -c1-12)

check-compose: ## check docker-compose.yml with the parser of docker compose itself (needs Go; 3 minutes once)
	@if [ ! -x "$(COMPOSE)/docker-compose" ]; then \
	  echo "  Building docker compose from its source"; mkdir -p "$(COMPOSE)"; \
	  (cd docker/parser && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$(COMPOSE)/draft" \
	    github.com/docker/compose/v2/cmd) && mv "$(COMPOSE)/draft" "$(COMPOSE)/docker-compose"; \
	fi
	@"$(COMPOSE)/docker-compose" --file docker-compose.yml --profile '*' config --quiet
	@echo "  docker-compose.yml is what docker compose understands"

rehearse-compose: setup check-compose ## bring docker-compose.yml up without an engine (root, podman; see docs/compose.md)
	@docker/rehearsal/run "$(COMPOSE)/docker-compose"

test: setup lint types ## everything that a change must pass, on real servers (at most 10 minutes)
	@$(PYTEST) -m "not slow"

test-slow: setup ## the tests that take long
	@$(PYTEST) -m slow

test-all: test test-slow ## both

docs: .venv/.installed ## write the pages that are made from the code
	@$(PYTHON) docs/generate.py
	@TYPER_USE_RICH=0 $(PYTHON) -m bridge.console.reference docs/cli.md

ci: ## what continuous integration runs
	@bash .ci/run

lock: .venv/.installed ## refresh requirements.lock from the pyproject files, keeping pins
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate $(addprefix --no-emit-package ,$(OURS)) --group pyproject.toml:dev \
	  -o requirements.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > requirements-bootstrap.lock

# The environment is a function of the two locks, the pyproject files and the checkout's place: one that was moved or
# copied has a .venv that still leads to where it was. The stamp is the last thing written and holds that place.
PLACE := $(shell cat .venv/.installed 2>/dev/null)
ifneq ($(or $(PLACE),$(CURDIR)),$(CURDIR))
.PHONY: .venv/.installed
MOVED := moved
endif

.venv/.installed: requirements.lock requirements-bootstrap.lock $(PYPROJECTS)
	@if [ -n "$(MOVED)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "  Making .venv"; \
	  for candidate in python3 python3.13 python3.12 python3.11; do \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$${python:-}" ]; then \
	    echo "Python 3.11 or newer with venv is needed and was not found on PATH: install it (Debian and Ubuntu: apt-get install python3 python3-venv) and run make again." >&2; exit 1; fi; \
	  $$python -m venv --clear .venv; \
	fi
	@echo "  Installing the pinned packages"
	@{ $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	    -r requirements-bootstrap.lock && \
	  $(UV) pip sync --quiet --python $(PYTHON) --require-hashes --only-binary :all: requirements.lock; } || { \
	  echo "The Python packages could not be installed, see above: is the package index within reach, or does another make install here at the same time? Then run make again." >&2; exit 1; }
	@echo "  Installing our own packages"
	@$(UV) pip install --quiet --python $(PYTHON) --offline --no-deps --no-build-isolation \
	  $(addprefix -e ,$(PACKAGES))
	@echo '$(CURDIR)' > $@
