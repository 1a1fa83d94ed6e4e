# Two commands do everything: `make gameday` and `make test`; each sets up what is missing first.
PYTHON ?= python3
BIN := .venv/bin
# The tests and the twin need root: the real one, that of a user namespace, or sudo where the kernel forbids those.
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sh tests/as_root.sh)

.PHONY: setup test test-as-user gameday screenshots bench peers trust mutants soak walk policy torture workflows lint lock

setup:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "gameday needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m harness.provision

test: setup
	@$(PYTHON) -m harness.provision tests
	@$(ROOT) $(BIN)/python -m tests

# The same tests as an ordinary user, without /dev/net/tun, in a checkout of that user's own; needs root to become one.
test-as-user: setup
	@$(BIN)/python -m tests.as_user sh tests/as_root.sh $(BIN)/python -m pytest tests

# GATE holds further options, as in `make gameday GATE="--baseline reports/history/baseline.json"`.
gameday: setup
	@$(ROOT) $(BIN)/gameday gate --target twin --speed 10 $(GATE)

bench: setup
	@$(ROOT) $(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.trust.speed
	@$(MAKE) -s peers

# Look at the last report in headless Chromium: what is empty, overlaps, calls home or opens slowly; keeps pictures.
screenshots: setup
	@$(PYTHON) -m harness.provision tests
	@$(BIN)/python -m tests.browser

# The same outages for the harness, plain Locust and Chaos Toolkit; the last is installed where there is a network.
peers: setup
	@$(BIN)/python -m tests.trust.peers

# The front door under load: twelve callers, writers that change everything, a hundred thousand calls.
soak: setup
	@$(ROOT) $(BIN)/python -m tests.soak

# Two thousand legal and illegal calls with processes killed at random: does the API tell the truth afterwards?
walk: setup
	@$(ROOT) $(BIN)/python -m tests.contract.walk

# Every AWS call, made on a twin of each design: writes docs/aws/calls.json and the least policy for them.
policy: setup
	@$(ROOT) $(BIN)/python -m tests.aws_calls

# Does a green mean green? Every program of tests/trust; all are run, and one that differs fails the target.
TRUST := truth sabotage casualties planted damaged sabotaged_designs
trust: setup
	@failed=; for program in $(TRUST); do $(ROOT) $(BIN)/python -m tests.trust.$$program || failed="$$failed $$program"; done; \
		if [ -n "$$failed" ]; then echo "not to be trusted:$$failed"; exit 1; fi

# Is anything left behind? The harness is killed, stopped and starved at every step, and whole runs at random instants.
torture: setup
	@$(ROOT) $(BIN)/python -m tests.torture

# The promotion gate's workflow as the runner plays it: every shell step, in a copy of the checkout, on the twin.
workflows: setup
	@$(BIN)/python -m tests.workflows

# Mutation testing of the judges' arithmetic; no part of CI, so what it needs is installed here. MUTANTS names some.
mutants: setup
	@$(BIN)/pip install -q mutmut==3.8.1
	@nice -n 12 $(BIN)/mutmut run $(MUTANTS); $(BIN)/mutmut results

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

lock: setup
	@$(BIN)/pip install -q uv && $(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 \
		--no-header --no-emit-index-url requirements.in -o requirements.lock
	@$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url \
		-c requirements.lock requirements-place.in -o requirements-place.lock
