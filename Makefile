# Two commands on a machine that has python3 (3.11 or newer), make and a package index:
#   make demo    make test
# Both make .venv and install into it first, once; later calls see the stamp and go straight on.

PYTHON ?= python3
# Test processes. Two, and not one per core: each imports torch, and the tests that train use threads.
JOBS ?= 2
# Each process begins with a half of the files, so that what a file prepares is prepared once, and takes over from the
# other what is left at the end.
SHARED_OUT := -n $(JOBS) --dist worksteal
PYTEST_ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ganaug-installed
DOCS_STAMP := $(VENV)/.ganaug-docs-installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow check format format-check lint types doctest docs clean distclean
# `make -j check` would mix the outputs of tools that are fast enough one after the other.
.NOTPARALLEL:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP)  ## balance a real table, compare with the alternatives, write a picture
	$(PY) examples/quickstart.py

test: $(STAMP)  ## the tests (warnings are errors; README and docs code runs too)
	$(PY) -m pytest $(SHARED_OUT) $(PYTEST_ARGS)

test-slow: $(STAMP)  ## the tests marked slow
	$(PY) -m pytest $(SHARED_OUT) -m slow $(PYTEST_ARGS)

check: format-check lint types test doctest  ## everything that must be green before a commit

format: $(STAMP)  ## write the code as the formatter would, mend what the linter can
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

format-check: $(STAMP)
	$(PY) -m ruff format --check .

lint: $(STAMP)
	$(PY) -m ruff check .

types: $(STAMP)
	$(PY) -m mypy

doctest: $(STAMP)
	$(PY) -m pytest --doctest-modules ganaug

# A fault of the gallery, a broken reference or a warning ends it, after all of them have been told. The reference
# pages are generated again, because a name that is gone would leave its page behind. An example runs again when it was
# edited; after a change of the package, `make clean` makes all of them run.
docs: $(DOCS_STAMP)  ## build the documentation into docs/_build/html (runs the gallery: minutes)
	rm -rf docs/api/generated
	OMP_NUM_THREADS=1 $(PY) -m sphinx -b html -W --keep-going -n docs docs/_build/html
	$(PY) tools/check_links.py docs/_build/html
	@echo "docs/_build/html/index.html"

$(DOCS_STAMP): $(STAMP)
	$(PY) -m pip install --disable-pip-version-check --quiet -c constraints.txt --group docs
	@touch $@

install: $(STAMP)  ## only make .venv and install

# The stamp is the last thing written, after the pair torch/torchvision was seen to work, so an
# installation that was interrupted or does not work is tried again by the next call.
# - A .venv that stands is kept if it works: a full one costs gigabytes. One that an interrupted or
#   failed `python3 -m venv` left has no pip, or is none (prefix equals base_prefix: pip would install
#   into the system), and is made again.
# - pip is upgraded first: the one that Python 3.11 brings knows no --group.
# - constraints.txt and tools/check_install.py: against a torchvision whose torch is another's build
#   ("operator torchvision::nms does not exist"). Each file says why.
$(STAMP): pyproject.toml constraints.txt tools/check_install.py
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "ganaug needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; } >&2
	@{ $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)' \
	  && $(PY) -m pip --version; } >/dev/null 2>&1 \
	  || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu it is a package of its own:"; \
	  echo "  apt install python3-venv"; \
	  echo "Elsewhere, name a Python that has venv and ensurepip: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; \
	  exit 1; } >&2
	@echo "Installing into $(VENV). The first time downloads torch, several GB where it comes with CUDA."
	$(PY) -m pip install --disable-pip-version-check --quiet --upgrade 'pip>=25.1'
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[all]' --group dev
	$(PY) tools/check_install.py
	@touch $@

clean:  ## remove caches and build outputs
	rm -rf build dist out .pytest_cache .ruff_cache .mypy_cache docs/_build docs/gallery docs/api/generated
	find ganaug tests examples tools -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## also remove .venv: the next command installs afresh
	rm -rf $(VENV)
