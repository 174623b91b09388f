# `make help` lists what there is. Needs GNU make and Python 3.11 or later, and nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test chaos bench bench-pages many services assets screenshots dev lint types check lock clean
PYTHON := .venv/bin/python
ARGS ?=
# Hundreds of processes start in a run of the tests: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1|\2/' | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

# exec: signals reach the program itself. PROMOTION_END_WITH_PARENT: it ends with make, a killed make included.
demo: ## start the console on this machine with services of its own; ARGS="--port N --dir DIR --ready-file FILE --empty"
	@scripts/bootstrap.sh demo && PROMOTION_END_WITH_PARENT=1 exec $(PYTHON) manage.py demo $(ARGS)

demo-reset: ## forget all data of the demo
	rm -rf .local/demo

services: ## start PostgreSQL, Valkey, Kafka and registries alone; ARGS="--dir DIR --json FILE --clusters dev,sit"
	@scripts/bootstrap.sh demo && PROMOTION_END_WITH_PARENT=1 exec $(PYTHON) -m portal_admin.embedded up $(ARGS)

test: ## run all tests, on real services and in a real browser; ARGS=... goes to pytest
	@scripts/bootstrap.sh test && $(PYTHON) -m portal_admin.embedded fetch && exec $(PYTHON) -m pytest -n auto $(ARGS)

chaos: ## kill what replays, again and again, and count what goes wrong; ARGS="--kills N --events M --json FILE --reset"
	@scripts/bootstrap.sh test && PROMOTION_END_WITH_PARENT=1 exec $(PYTHON) -W ignore -m tests.chaos $(ARGS)

bench: ## measure export, replay, verification and plan beside kcat; ARGS="--events N --runs R --json FILE --only A,B --long --write --profile WORK"
	@scripts/bootstrap.sh test && PROMOTION_END_WITH_PARENT=1 exec $(PYTHON) -W ignore -m tests.bench.kcat $(ARGS)

many: ## change 200,000 events by rules in a browser, undo it and do it again: no page may take a second
	@scripts/bootstrap.sh test && $(PYTHON) -m portal_admin.embedded fetch && PROMOTION_MANY=$${PROMOTION_MANY:-200000} exec $(PYTHON) -m pytest -n 0 -s tests/browser/test_many.py $(ARGS)

bench-pages: ## how long every page takes with a million events; ARGS="--events N --rounds R --json FILE --markdown FILE --reset"
	@scripts/bootstrap.sh test && PROMOTION_END_WITH_PARENT=1 exec $(PYTHON) -W ignore -m tests.bench_pages $(ARGS)

assets: ## build the browser's assets
	@scripts/bootstrap.sh demo

dev: ## make .venv hold what developers need
	@scripts/bootstrap.sh dev

screenshots: ## take the pictures of docs/images/ from a demo of their own
	@scripts/bootstrap.sh test && $(PYTHON) scripts/screenshots.py

lint: dev ## check style and formatting
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

types: dev ## check types
	@PROMOTION_PROFILE=test $(PYTHON) -m mypy .

check: lint types test ## everything that must pass before a change is proposed

lock: dev ## write the lock files anew from pyproject.toml
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/production.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/production.txt pyproject.toml --group dev -o requirements/dev.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/dev.txt pyproject.toml --group test -o requirements/test.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/dev.txt pyproject.toml --group embedded --group build -o requirements/demo.txt

clean: ## remove everything that was built or installed; keeps .local
	rm -rf .venv node_modules static/build staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.local/*' -prune -exec rm -rf {} +
