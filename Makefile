# Two commands: `make run` and `make test`. Both install all that they need into .venv (see README.md).
PYTHON ?= python3
BIN := .venv/bin

ifeq (,$(findstring ok,$(shell $(PYTHON) -c 'import sys; print("ok" if sys.version_info >= (3, 11) else "")')))
$(error Bancada needs Python 3.11 or newer; name it with: make PYTHON=/path/to/python3.11 run)
endif

.PHONY: run test setup setup-convert setup-dev format lint types contracts words tests docs clean

run:
	@$(PYTHON) installers/bootstrap.py --run

setup:
	@$(PYTHON) installers/bootstrap.py

setup-convert:
	@$(PYTHON) installers/bootstrap.py --convert

setup-dev:
	@$(PYTHON) installers/bootstrap.py --dev

test: setup-dev lint types contracts words tests

lint:
	@echo "== format and lint"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types:
	@echo "== types"
	@$(BIN)/mypy

contracts:
	@echo "== import contracts, unused code"
	@$(BIN)/lint-imports
	@$(BIN)/vulture

words:
	@echo "== spelling"
	@$(BIN)/codespell

tests:
	@echo "== tests"
	@rm -f .coverage .coverage.*
	@# a failing test has one more try, and is listed as RERUN: a race to mend, not a reason to lose the build
	@$(BIN)/pytest -n 2 --dist worksteal --reruns 1 -rR --cov --cov-report=
	@echo "== coverage: the core at least 90 %, the window at least 75 %"
	@$(BIN)/coverage report --skip-covered --omit='app/bancada/gui/*' --fail-under=90
	@$(BIN)/coverage report --skip-covered --include='app/bancada/gui/*' --fail-under=75

format:
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# the pages under docs/ that are made from the code
docs:
	@$(BIN)/python -m bancada.storage.schema_doc > docs/schema.md
	@$(BIN)/python -m bancada.jobs.protocol_doc > docs/job-protocol.md
	@$(BIN)/python -m bancada.cli.docs > docs/cli.md

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*
