# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first.
# Needs python3 >= 3.11 with venv. Without a C compiler the build fetches one from PyPI (ziglang).

PYTHON ?= python3
VENV := .venv
# `make check` and `make lint` run in .venv where there is one, else in the active environment.
BIN ?= $(if $(wildcard $(VENV)/bin/python),$(VENV)/bin/,)
KERNELS := $(wildcard src/earmark/kernels/*.c src/earmark/kernels/*.h)
# Programs and the Debian packages they come in, as program:package.
TEST_PARTS := chromium:chromium chromedriver:chromium-driver redis-server:redis-server haproxy:haproxy
BENCH_PARTS := fpcalc:libchromaprint-tools
# make bench MUSIC=~/Music BENCH='--per-cell 20' (benchmarks/README.md); the demo's music otherwise.
DEMO_TRACKS := $(VENV)/bin/python -c 'import immich_memories_music as m; print(m.tracks_dir())'

.PHONY: help demo serve test check lint bench clean ruff format types layers pytest

help:
	@echo "make demo    build a library of real music, identify two clips and a hum, find similar moments, scan a station"
	@echo "make serve   the page over the demo's library, on http://127.0.0.1:8645"
	@echo "make test    make .venv and run every check, as CI does"
	@echo "make check   the same checks in the environment there is"
	@echo "make lint    ruff, mypy and import-linter only"
	@echo "make bench   measure recognition on real music, against other programs"
	@echo "make clean   remove .venv, demo/ and every cache"

demo: $(VENV)/.demo
	$(VENV)/bin/python scripts/demo.py

serve: $(VENV)/.demo
	@test -d demo/library || $(VENV)/bin/python scripts/demo.py
	$(VENV)/bin/earmark --library demo/library serve

test: $(VENV)/.dev
	@scripts/system-parts $(TEST_PARTS)
	@$(MAKE) --no-print-directory check BIN=$(VENV)/bin/

# Every check runs, whatever the others say; the exit code is 0 only if all are content.
check:
	@$(MAKE) --no-print-directory --keep-going --jobs=3 lint pytest BIN=$(BIN)

lint: ruff format types layers

ruff:
	$(BIN)python -m ruff check .

format:
	$(BIN)python -m ruff format --check .

types:
	$(BIN)python -m mypy

layers:
	PYTHONPATH=src $(BIN)lint-imports

# In order, so that long files with few tests do not come last, when one worker has nothing left to do.
# Compiled before: else each of the hundreds of programs that the tests start compiles it again.
pytest: export PYTHONDONTWRITEBYTECODE :=
pytest:
	@$(BIN)python -m compileall -q src
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)python -m pytest -v -n auto --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.dev $(VENV)/.demo
	@scripts/system-parts $(BENCH_PARTS)
	$(VENV)/bin/python benchmarks/peers.py --music "$(or $(MUSIC),$$($(DEMO_TRACKS)))" $(BENCH)

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf .hypothesis src/earmark/kernels/libearmark.* src/earmark/kernels/earmark.dll
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "earmark needs Python 3.11 or newer; name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "no venv: install the package python3-venv" >&2; exit 1; }

# Editable, so that what runs is what is in src/; a change of the C code builds it again.
$(VENV)/.%: $(VENV)/bin/python pyproject.toml hatch_build.py $(KERNELS)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
