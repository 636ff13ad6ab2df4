"""`shiftlint rule --new` in a copy: the new rule passes all rule tests; refusals leave no trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shiftlint.rules.catalog import modules

ROOT = Path(__file__).parents[3]
SKIPPED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of a checkout that a rule and its test need."""
    for name in ("shiftlint", "schemas", "tests/shiftlint/rules"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=SKIPPED)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib -q"\n'
    )
    return tmp_path


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(checkout), str(checkout / "schemas")))
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def shiftlint(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(checkout, "-c", "from shiftlint.cli import main; main()", *arguments)


def snapshot(checkout: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in checkout.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


FREE, LAST = (
    max(f"SL{hundred}{n:02}" for n in range(100) if f"SL{hundred}{n:02}" not in modules())
    for hundred in (1, 6)
)


@pytest.mark.parametrize(
    ("code", "title", "operator", "module"),
    [
        (
            FREE,
            "a curve that no runner has",
            "Softsign",
            f"period/{FREE.lower()}_curve_no_runner_has.py",
        ),
        (
            LAST.lower(),
            "Relu, the curve 'of' the last",
            "Relu",
            f"metadata/{LAST.lower()}_relu_curve_last.py",
        ),
    ],
    ids=["a curve", "the last"],
)
def test_a_new_rule_passes_the_tests_of_the_rules(
    checkout: Path, code: str, title: str, operator: str, module: str
) -> None:
    done = shiftlint(checkout, "rule", "--new", code, title, "--operator", operator)
    assert done.returncode == 0, done.stderr
    path = checkout / "shiftlint/rules" / module
    assert done.stdout.splitlines()[:2] == [
        f"{path}: written",
        f"{checkout}/tests/shiftlint/rules/test_rules.py: written",
    ]
    assert shiftlint(checkout, "rule", code).stdout.startswith(f"{code.upper()} · {title}.\n")
    tested = run(
        checkout,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "tests/shiftlint/rules/test_rules.py",
        "-k",
        code.upper(),
    )
    assert tested.returncode == 0, tested.stdout
    assert "10 passed" in tested.stdout, tested.stdout  # examples, mutants, the catalog
    for tool in (["check"], ["format", "--check"]):
        styled = run(
            checkout, "-m", "ruff", *tool, "--config", str(ROOT / "pyproject.toml"), str(path)
        )
        assert styled.returncode == 0, styled.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--new", "SL301", "x"],
            "code is taken (SL301): expected a free code, got that of shiftlint.rules.tiling.sl301",
        ),
        (["--new", "L107", "x"], "bad code (L107): expected SL and three digits, such as SL199."),
        (["--new", "SL1070", "x"], "bad code (SL1070)"),
        (
            ["--new", "SL701", "x"],
            "no folder for this code (SL701): expected one of SL0xx reading, SL1xx period,",
        ),
        (["--new", FREE, "ends."], "bad title ('ends.')"),
        (["--new", FREE, 'says "no"'], "bad title"),
        (["--new", FREE, "two\nlines"], "bad title"),
        (["--new", FREE, "x", "--operator", "Conv"], "no such operator (--operator Conv)"),
        (["--new", FREE, "x", "--operator", "Sharpen"], "no such operator (--operator Sharpen)"),
    ],
)
def test_what_does_not_fit_is_one_line_and_leaves_no_trace(
    checkout: Path, arguments: list[str], said: str
) -> None:
    before = snapshot(checkout)
    done = shiftlint(checkout, "rule", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"shiftlint: error: {said}")
    assert done.stderr.count("\n") == 1
    assert snapshot(checkout) == before


@pytest.mark.parametrize("arguments", [["--operator", "Erf"], ["SL301", "--new", FREE, "x"]])
def test_options_that_do_not_go_together_are_refused(checkout: Path, arguments: list[str]) -> None:
    assert shiftlint(checkout, "rule", *arguments).returncode == 2


def test_an_installed_package_is_no_checkout(checkout: Path) -> None:
    shutil.rmtree(checkout / "tests")
    before = snapshot(checkout)
    done = shiftlint(checkout, "rule", "--new", FREE, "x")
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"shiftlint: error: no checkout ({checkout}): expected "
        "tests/shiftlint/rules/test_rules.py in it"
    )
    assert snapshot(checkout) == before


def test_a_checkout_that_is_read_only_is_refused(checkout: Path) -> None:
    before = snapshot(checkout)
    # the tests may run as root
    code = "import os; from shiftlint.cli import main; os.access = lambda *_: False; main()"
    done = run(checkout, "-c", code, "rule", "--new", FREE, "x")
    assert done.returncode == 2
    assert done.stderr.startswith("shiftlint: error: cannot write (")
    assert snapshot(checkout) == before


def test_a_test_without_the_table_is_refused(checkout: Path) -> None:
    (checkout / "tests/shiftlint/rules/test_rules.py").write_text("FACTS = dict()\n")
    before = snapshot(checkout)
    done = shiftlint(checkout, "rule", "--new", FREE, "x")
    assert done.returncode == 2
    assert "expected rows" in done.stderr
    assert snapshot(checkout) == before
