# make demo    set everything up in .venv and run the demonstration
# make test    set everything up in .venv and run the tests
# make lint    ruff, the format, mypy, and which room imports which
# make format  put the code into ruff's format
# make docs    build the site of docs/ into site/ (needs Python 3.10 or newer)
# make stubs   what type checkers see of the methods, after a change of their options or docstrings
# make bench   the timings in benchmarks/ (BENCH=benchmarks/x.py for one; files _*.py are helpers)
# make soak    the app under random requests, then under random clicks, MINUTES each: errors, memory
# make fuzz    explain N random networks and compare with float64 references (ARGS=SEED: one of them)
# make clean   remove .venv and everything that was built
#
# Needed: make, and a Python 3.8-3.12 with its venv module. Options:
#   PYTHON=python3.11    the Python that makes .venv (default: python3, or else the newest that fits)
#   VENV=.venv           the folder of the virtual environment
#   WORKERS=auto         test processes (auto: one a core, eight at most)
#   N=1000               how many networks "make fuzz" makes
#   MINUTES=60           how long each half of "make soak" takes
#   ARGS=...             more arguments for the command that runs, such as ARGS="-m 'not slow'"

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
ARGS ?=
N ?= 1000
MINUTES ?= 60
SOAK := benchmarks/app_soak.py benchmarks/app_monkey.py
BENCH ?= $(filter-out $(SOAK),$(wildcard benchmarks/[!_]*.py))

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
OTHERS := python3.12 python3.11 python3.10 python3.9 python3.8
FITS := import ensurepip, sys, venv; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 12))

.PHONY: demo test lint format docs stubs bench soak fuzz check clean
.NOTPARALLEL:

demo: $(STAMPS)/demo check
	$(BIN)/gradcam-mx demo $(ARGS)

# One thread a process: the workers share the cores. They get few tests at a time, as the slow ones
# come first: of thousands, one worker would have most of these.
test: $(STAMPS)/test check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --maxschedchunk 50 $(ARGS)

lint: $(STAMPS)/dev
	$(BIN)/python -m ruff check . $(ARGS)
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

format: $(STAMPS)/dev
	$(BIN)/python -m ruff format .

docs: $(STAMPS)/docs check
	$(BIN)/python docs/build_site.py $(ARGS)

stubs: $(STAMPS)/demo check
	$(BIN)/python tools/make_stubs.py

bench: $(STAMPS)/demo check
	@set -e; for script in $(BENCH); do echo "$$script"; $(BIN)/python "$$script" $(ARGS); done

# The second drives a browser: Debian's packages chromium and chromium-driver.
soak: $(STAMPS)/test check
	$(BIN)/python benchmarks/app_soak.py $(MINUTES)
	$(BIN)/python benchmarks/app_monkey.py --minutes $(MINUTES)

fuzz: $(STAMPS)/test check
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz --nets $(N) $(ARGS)

# A system library may be missing, which pip cannot install: the advice alone, without the traceback.
check: | $(BIN)/python
	@output=$$($(BIN)/python -c "import gradcam_mx._mxnet" 2>&1) || { \
		echo "$$output" | grep "^gradcam_mx.errors.DependencyError" || echo "$$output"; \
		exit 1; } >&2

$(STAMPS)/demo: EXTRAS := cpu,demo
$(STAMPS)/test: EXTRAS := cpu,test
# Some networks for the tests. Its dependencies stay away: opencv-python would overwrite the headless
# build, and the networks need none of the others.
$(STAMPS)/test: ALONE := gluoncv==0.10.5.post0
$(STAMPS)/docs: EXTRAS := cpu,docs
$(STAMPS)/dev: EXTRAS := dev

# Installed as a link to this folder, so only a change of the packaging calls for another round.
$(STAMPS)/demo $(STAMPS)/test $(STAMPS)/docs $(STAMPS)/dev: setup.py pyproject.toml gradcam_mx/_waits_for_mxnet.py | $(BIN)/python
	@echo "Installing gradcam-mx[$(EXTRAS)] into $(VENV); the first time takes some minutes."
	@$(PIP) install --editable ".[$(EXTRAS)]"
	@$(if $(ALONE),$(PIP) install --no-deps $(ALONE))
	@mkdir -p $(STAMPS) && touch $@

# PYTHON if it fits; if it was not named by the user, else the first of the others that does.
$(BIN)/python:
	@set -- $$(for python in $(PYTHON) $(OTHERS); do \
		"$$python" -c "$(FITS)" 2> /dev/null && echo "$$python"; done); \
	if [ "$$#" = 0 ] || { [ "$$1" != "$(PYTHON)" ] && [ "$(origin PYTHON)" != file ]; }; then \
		echo "gradcam-mx needs a Python 3.8-3.12 with venv (on Debian and Ubuntu the package" \
			"python3-venv), which $(PYTHON) is not; on PATH: $${*:-none}." \
			"Choose one with: make $(MAKECMDGOALS) PYTHON=$${1:-/path/to/python3.11}" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$1 ($$("$$1" --version))."; \
	"$$1" -m venv --clear "$(VENV)"
	@$(PIP) install "pip>=23.1"

clean:
	rm -rf "$(VENV)" build dist site *.egg-info .coverage htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
