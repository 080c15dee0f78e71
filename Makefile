# The whole vocabulary: demo, test, check, bench, faults, fuzz, docs, lock, clean.  make demo ARGS="--seed 3 --keep"
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=

.PHONY: help demo test check bench faults fuzz docs lock clean
help: ## show the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

.venv/run.stamp: requirements/run.lock pyproject.toml scripts/environment
	@scripts/system-packages run
	@scripts/environment run
	@touch $@

.venv/dev.stamp: requirements/dev.lock pyproject.toml scripts/environment
	@scripts/system-packages test
	@scripts/environment dev
	@touch $@ .venv/run.stamp

demo: .venv/run.stamp ## a simulated burst, followed up end to end
	@case "$(ARGS)" in *indi*) scripts/system-packages indi ;; esac
	@.venv/bin/followup demo $(ARGS)

test: .venv/dev.stamp ## all tests, with real servers
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)   # most tests wait for servers more than they compute

check: .venv/dev.stamp ## formatting, lint, types, import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: .venv/dev.stamp ## measured figures, as ratios against peers
	@$(PY) -m benchmarks $(ARGS)

faults: .venv/dev.stamp ## the long run: over 200 random kills, every named fault; ARGS="--seed 2"
	@.venv/bin/followup faults --rounds 265 $(ARGS)
	@.venv/bin/followup faults --rounds 24 --all-servers $(ARGS)

fuzz: .venv/dev.stamp ## what reads strangers' bytes, a minute each; ARGS="--seconds 600 --target packet"
	@$(PY) -m pip install --quiet --disable-pip-version-check --only-binary :all: "atheris>=3,<4" || true
	@$(PY) -m tests.fuzz $(ARGS)

docs: .venv/dev.stamp ## the parts of docs/ that are made by the code
	@$(PY) -m scripts.docs $(ARGS)

lock: ## renew the locks (names and versions, no hosts)
	@scripts/lock

clean: ## remove what make made here
	rm -rf .venv state .pytest_cache .mypy_cache .ruff_cache .hypothesis
