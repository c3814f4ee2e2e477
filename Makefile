# make demo: install and run the demonstration study; make test: install and run every test;
# make mutants: change the code in 80 places of each file, and count the changes that the tests notice.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test mutants install clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test]" --constraint constraints.txt
	touch $@

install: $(VENV)/installed

demo: install
	$(BIN)/ufgen experiment --demo

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 25

mutants: export OMP_NUM_THREADS = 1
mutants: export OPENBLAS_NUM_THREADS = 1
mutants: export TF_NUM_INTRAOP_THREADS = 1
mutants: export TF_NUM_INTEROP_THREADS = 1
mutants: install
	$(BIN)/python -m pip install --quiet --editable ".[mutants]" --constraint constraints.txt
	$(BIN)/python benchmarks/mutants.py --sample 80 --check --survivors

clean:
	rm -rf $(VENV) build mutants *.egg-info
