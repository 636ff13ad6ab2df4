# Recipes for builders: `pip install rust-just`, then `just`.

set working-directory := "."

# this list
default:
    @just --list --unsorted

# an editable install with everything for tests and training; a CPU build of PyTorch first, else gigabytes of CUDA may come
setup:
    python -m pip install torch --index-url https://download.pytorch.org/whl/cpu
    python -m pip install -e ".[dev]"

# all tests, or some: just test tests/shiftlint/rules -k SL301
test *arguments:
    python -m pytest {{ arguments }}

# style, types, import contracts
lint:
    python -m ruff check .
    python -m ruff format --check .
    python -m mypy
    lint-imports

# speed, memory and wrong px beside other runners, as tables
bench model="zoo/dsb2018.onnx" *arguments:
    python -m tests.benchmarks {{ model }} {{ arguments }}

# what the pages show, executed
docs:
    python -m pytest tests/test_readme.py tests/test_pages.py
