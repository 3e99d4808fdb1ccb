# Everything a checkout needs: `make demo` and `make test` set themselves up on a machine with Python >= 3.11 and make.
PYTHON ?= python3
VENV   ?= .venv
# cpu or cuda; `make gpu` is short for a CUDA build in the same environment.
TORCH  ?= cpu
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)

BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test test-slow lint format typecheck check wheel test-wheel peers gpu clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cosolve needs Python 3.11 or newer; run make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing cosolve and its solvers into $(VENV) ..."
	$(PIP) --editable .
	@touch $@

# The CPU build goes in by itself first: everything after it finds its torch requirement met. It comes from wherever
# pip is configured to look, else from PyTorch's own index.
$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing PyTorch ($(TORCH)) and the test tools ..."
ifeq ($(TORCH),cpu)
	$(PIP) --no-deps 'torch==$(TORCH_VERSION)+cpu' 2>/dev/null || \
	  $(PIP) --no-deps --index-url https://download.pytorch.org/whl/cpu torch==$(TORCH_VERSION)
endif
	$(PIP) --editable '.[dev,neural]'
	@touch $@

install: $(VENV)/.installed  ## environment with the classical solvers

install-dev: $(VENV)/.installed-dev  ## the same with PyTorch (CPU build) and the test tools

gpu:  ## environment with the CUDA build of PyTorch (several GB)
	rm -f $(VENV)/.installed-dev
	if [ -x $(BIN)/pip ]; then $(BIN)/pip uninstall --quiet --yes torch; fi
	$(MAKE) install-dev TORCH=cuda

peers: $(VENV)/.installed-dev  ## add the optional packages that some tests and benchmarks use: other solvers, Ray
	$(PIP) --editable '.[peers,ray]'

demo: $(VENV)/.installed  ## solve bundled instances of fourteen problems, with live progress
	$(BIN)/cosolve demo

test: $(VENV)/.installed-dev  ## the test suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not gpu"

test-slow: $(VENV)/.installed-dev  ## the long tests too
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not gpu"

lint: $(VENV)/.installed-dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev  ## ruff, writing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/.installed-dev  ## mypy
	$(BIN)/mypy

check: lint typecheck test  ## all of the above

wheel: $(VENV)/.installed-dev  ## build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --wheel --installer pip --outdir dist . > /dev/null

test-wheel: wheel  ## install the wheel into a clean environment and use it there
	tests/wheel.sh "$(PYTHON)" dist/*.whl

clean:  ## remove the environment and caches
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
