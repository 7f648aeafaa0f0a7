# The same few commands for people and for CI; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup dev test check bench torture lock clean
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
LOCKS := $(addprefix requirements/,app.txt build.txt dev.txt test.txt)

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: .venv/.installed ## install everything into .venv (quick when nothing changed)
	@:

.venv/.installed: pyproject.toml .ci/bootstrap $(LOCKS)
	@.ci/bootstrap
	@touch $@

dev: setup ## serve http://localhost:8288 with the demo workspace; PORT=8290 serves it elsewhere
	@$(BIN)/flowapp dev $(if $(PORT),--port $(PORT))

test: setup ## every test: all on SQLite, what depends on the database on PostgreSQL as well
	@.ci/run-tests

check: setup ## format, lint, types, import contracts, migrations, known vulnerabilities
	@.ci/run-checks

bench: .venv/.peers ## measure against raw SQL and against peers
	@$(BIN)/python -m benchmarks

.venv/.peers: .venv/.installed requirements/bench.txt
	@uv=$$(command -v uv || echo .uv/bin/uv); \
	$$uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
	@touch $@

torture: setup ## kill processes at random for a while and look for lost or repeated work
	@$(BIN)/python -m tests.torture

lock: setup ## resolve all dependencies anew into requirements/
	@.ci/lock

clean: ## remove what a clone made for itself (not the embedded database)
	@rm -rf .venv .uv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
