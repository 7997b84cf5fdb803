# make demo   classify sample photos with the bundled model (core package only, no torch)
#             make demo PHOTOS="a.jpg my-photos/" classifies your own
# make test   install everything, then lint, types and all tests
# make fuzz   hostile files for every reader, CASES of each with each engine, in minutes
# make chaos  the long versions of the tests that kill, starve and lie; figures into results/reliability/
PYTHON ?= python3
CASES  ?= 10000
VENV   := .venv
BIN    := $(VENV)/bin
# The marker files say what is installed; pyproject.toml decides when that is out of date.
CORE   := $(VENV)/.core
ALL    := $(VENV)/.all

.DELETE_ON_ERROR:
.PHONY: demo test chaos lint types fuzz clean

demo: $(CORE)
	$(BIN)/recyclenet demo $(PHOTOS)

test: lint types
	$(BIN)/python -m pytest -n auto --dist worksteal

chaos: $(ALL)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.training.chaos --out results/reliability/training.json

lint: $(ALL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(ALL)
	$(BIN)/mypy

fuzz: $(ALL)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz --cases $(CASES) --out results/reliability/fuzz.json

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(CORE): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(ALL): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train,augment,webcam,adapt,heic,serve,bulk,ray,dev]'
	@touch $@ $(CORE)
