# The commands of this project; `make` alone lists them. They need GNU make, git and Python 3.11 or newer, and install
# everything else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The tests start hundreds of processes. With PYTHONDONTWRITEBYTECODE, each of them would have to compile the code.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
PORT ?= 8080
PYTEST_ARGS ?=
# Three test processes for two cores, because a playbook spends a third of its time waiting.
AT_ONCE = --numprocesses 3 --no-loadscope-reorder --durations 12 $(PYTEST_ARGS)
SEED ?= 1
MINUTES ?= 5
COUNT ?= 540
SCENARIO ?= core
KILL_SEEDS ?= 1 2 3
PREVIOUS ?= HEAD
INVENTORY ?= inventory/production

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# pip verifies every package's checksum, and builds the project with the setuptools version in requirements/build.txt.
INSTALL_PINNED := $(INSTALL) --require-hashes
# A package whose pin was removed must not stay in .venv: code that still imports it would pass the tests.
UNINSTALL_UNPINNED = unpinned="$$(comm -23 <($(BIN)/python -m pip freeze --exclude-editable | $(PACKAGE_NAMES)) \
	<(cat requirements/*.txt | $(PACKAGE_NAMES)))"; \
	[ -z "$$unpinned" ] || $(BIN)/python -m pip uninstall --quiet --yes $$unpinned
PACKAGE_NAMES := sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' | tr 'A-Z_.' 'a-z--' | sort --unique
INSTALL_PROJECT := $(INSTALL) --no-deps --no-build-isolation --check-build-dependencies --editable .
COMPILE = .venv-uv/bin/uv pip compile --quiet $(UPGRADE) --python-version 3.11 --generate-hashes --no-header \
	--annotation-style line --no-emit-index-url --no-emit-find-links
# Stamp files record which parts of .venv are installed, so that make reinstalls a part only when its sources change.
CREATED := .venv/.created
FOR_DEMO := .venv/.for-demo
FOR_TESTS := .venv/.for-tests

.PHONY: help setup demo serve check test test-slow test-platform test-unit test-integration test-roles test-interrupted
.PHONY: test-unpatched test-hosts fuzz faults rehearse rehearse-down release agents bench tested-on format lock clean
.PHONY: collections messages test-web screenshots
.PHONY: lint lint-python lint-format lint-types lint-imports lint-security lint-yaml lint-ansible

help: ## Print this list
	@echo "Rising Stars: players upload clips, a worker brands them, the public votes, a ranking per city decides."
	@sed -nE -e 's/^##@ (.*)/\n\1/p' -e 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 26

##@ Start here
setup: $(FOR_DEMO) ## Install what the demo needs into .venv (no root)

demo: $(FOR_DEMO) ## Show the whole platform on this machine. CLIP=path uses your own clip
	@exec $(BIN)/python -m demo run

serve: $(FOR_DEMO) ## Run the platform on this machine and keep its data in var/site. PORT=8080  SAMPLE=1 adds players and clips
	@PORT=$(PORT) exec $(BIN)/python -m demo serve

check: lint-python lint-format lint-types ## Lint Python code and changed Ansible files, check types, run the unit tests, in under a minute
	@changed="$$(git diff --name-only --diff-filter=d HEAD -- 'inventory/*.yml' 'playbooks/*.yml' 'roles/*.yml')"; \
		[ -z "$$changed" ] || ANSIBLE_INVENTORY=/dev/null $(BIN)/ansible-lint --offline --profile production $$changed
	@exec $(BIN)/python -m pytest --quiet --numprocesses 2 tests/unit tests/architecture

##@ Test
test: tested-on ## Run the tests on real services (as root on Debian, installs them first)
	@exec $(BIN)/python -m pytest $(AT_ONCE) -m 'not slow and not long' --ignore tests/hosts tests

test-slow: tested-on ## Run the longer tests, which `make test` leaves to CI
	@exec $(BIN)/python -m pytest $(AT_ONCE) -m 'slow and not long' --ignore tests/hosts tests

test-platform: tested-on ## Run all tests of the platform itself. PYTEST_ARGS=…
	@exec $(BIN)/python -m pytest $(AT_ONCE) tests/unit tests/architecture tests/attacks tests/integration tests/web tests/faults tests/fuzz

test-unit: $(FOR_TESTS) ## Run the tests that need no service
	@exec $(BIN)/python -m pytest $(AT_ONCE) tests/unit tests/architecture

test-integration: tested-on ## Run the tests on real services
	@exec $(BIN)/python -m pytest $(AT_ONCE) tests/integration

test-roles: $(FOR_TESTS) ## Run all tests of the aws_* roles, on mock AWS
	@exec $(BIN)/python -m pytest $(AT_ONCE) -m 'not long' tests/roles

test-hosts: tested-on ## Run the tests of the host_* roles, in containers (long; root)
	@exec $(BIN)/python -m pytest --numprocesses 0 tests/hosts

test-interrupted: $(FOR_TESTS) ## Kill and throttle site.yml; the next run must converge (long). KILL_SEEDS="1 2 3" THROTTLE_SEEDS="1"
	@KILL_SEEDS="$(KILL_SEEDS)" exec $(BIN)/python -m pytest --numprocesses 2 \
		tests/roles/test_killed_runs.py tests/roles/test_throttled_runs.py

test-unpatched: $(FOR_TESTS) ## Run every role on moto without patches, and compare the results with rehearsal/aws/README.md
	@UNPATCHED=all exec $(BIN)/python -m pytest --numprocesses 2 tests/roles/test_unpatched.py

test-web: tested-on ## Run the tests of the pages in a real browser
	@exec $(BIN)/python -m pytest --numprocesses 1 $(PYTEST_ARGS) tests/web

screenshots: $(FOR_TESTS) ## Make screenshots of every page of `make serve SAMPLE=1`, into var/screenshots. PORT=8080
	@exec $(BIN)/python -m testing.screenshots http://127.0.0.1:$(PORT) var/screenshots

faults: tested-on ## Inject failures into a real site and prove that nothing is lost. SEED=n MINUTES=m
	@exec $(BIN)/python -m faults $(SEED:%=--seed %) --minutes $(MINUTES) $(ONLY:%=--only %) \
		--previous $(PREVIOUS) $(if $(CALM),--calm)

fuzz: tested-on ## Send hostile requests and mutated clips, generated from a seed, and run schemathesis. SEED=n COUNT=m
	@FUZZ_SEED=$(SEED) FUZZ_COUNT=$(COUNT) exec $(BIN)/python -m pytest -s tests/fuzz

tested-on: $(FOR_TESTS)
	@tests/services/install-packages
	@tests/services/fetch-footage
	@tests/services/fetch-newman

lint: lint-python lint-format lint-types lint-imports lint-security lint-yaml lint-ansible ## Check style, types, imports, security and YAML

lint-python: $(FOR_TESTS)
	@$(BIN)/ruff check .

lint-format: $(FOR_TESTS)
	@$(BIN)/ruff format --check .

lint-types: $(FOR_TESTS)
	@$(BIN)/mypy

lint-imports: $(FOR_TESTS)
	@$(BIN)/lint-imports

lint-security: $(FOR_TESTS)
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app tasks

lint-yaml: $(FOR_TESTS)
	@$(BIN)/yamllint --strict .

# /dev/null replaces the inventory, which would call AWS. Only Ansible's folders are listed, because ansible-lint treats
# any YAML file below a folder named tasks/ as a task file.
lint-ansible: $(FOR_TESTS)
	@ANSIBLE_INVENTORY=/dev/null $(BIN)/ansible-lint --offline --profile production inventory playbooks roles

format: $(FOR_TESTS) ## Format the Python code and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

messages: $(FOR_TESTS) ## Compile the pages' catalogues of sentences (app/web/locale) after a change
	@$(BIN)/pybabel --quiet compile --directory app/web/locale --domain pages

collections: $(FOR_TESTS) ## Generate the Postman collections from the OpenAPI document
	@exec $(BIN)/python -m postman collections

lock: .venv-uv/bin/uv ## Compile requirements/*.txt from *.in (UPGRADE=--upgrade for newer versions)
	@for part in lock build runtime demo dev; do $(COMPILE) --universal -o requirements/$$part.txt requirements/$$part.in; done
	@$(COMPILE) --python-platform x86_64-manylinux_2_28 --constraints requirements/runtime.txt \
		-o requirements/host.txt requirements/host.in

clean: ## Delete everything that can be rebuilt (not var/site, the data of `make serve`)
	@rm -rf .venv .venv-uv var/demo var/footage build dist *.egg-info
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

##@ Operate
rehearse: tested-on ## Build, use and destroy the whole site on this machine (root). SCENARIO=core, all or 3,7  KEEP=1
	@exec $(BIN)/python -m rehearsal run --scenario $(SCENARIO) $(if $(KEEP),--keep)

rehearse-down: $(FOR_TESTS) ## Delete everything that a rehearsal created
	@exec $(BIN)/python -m rehearsal down

release: $(FOR_TESTS) ## Build the bundle from which hosts configure themselves, from HEAD into dist/
	@exec $(BIN)/python -m release

agents: $(FOR_TESTS) ## Download Amazon's agents, verify their signatures, add them to an inventory. INVENTORY=inventory/production
	@exec $(BIN)/python -m release.agents $(INVENTORY)

##@ Measure
bench: $(FOR_TESTS) ## Measure the figures in the README. ONLY=render, upload, latency, reads, writes, signins, memory, capacity, site or boot (root)
	@exec $(BIN)/python -m benchmarks $(ONLY)

$(CREATED):
	@command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON) is not installed. Install Python 3.11 or newer with venv (Debian, Ubuntu:" \
		"sudo apt-get install python3-venv), or name another Python: make PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: Rising Stars needs 3.11 or newer." \
		"Name a newer Python if you have one: make PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$$($(PYTHON) --version) has no venv module. Debian, Ubuntu: sudo apt-get install python3-venv"; \
		exit 1; } >&2
	@$(PYTHON) -m venv .venv
	@touch $@

$(FOR_DEMO): $(CREATED) requirements/build.txt requirements/runtime.txt requirements/demo.txt pyproject.toml
	@echo "Installing the demo's Python packages into .venv (once; about 150 MB from PyPI)"
	@$(INSTALL_PINNED) -r requirements/build.txt -r requirements/runtime.txt -r requirements/demo.txt
	@$(INSTALL_PROJECT)
	@touch $@

$(FOR_TESTS): $(CREATED) requirements.txt $(wildcard requirements/*.txt) pyproject.toml
	@echo "Installing all Python packages into .venv (once; about 370 MB from PyPI)"
	@started=$$SECONDS; $(INSTALL_PINNED) -r requirements.txt; $(UNINSTALL_UNPINNED); $(INSTALL_PROJECT); \
		echo "── Python packages: $$((SECONDS - started)) s"
	@touch $(FOR_DEMO) $@

.venv-uv/bin/uv: requirements/lock.txt
	@$(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@touch $@
