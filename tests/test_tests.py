"""Laws of the tests: each module stands alone, and all pass in a clone without ../shared."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(TESTS.rglob("*.py"))
}
TEST_MODULES = [name for name in MODULES if name.rsplit(".", 1)[-1].startswith("test_")]


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imported(name: str) -> set[str]:
    """The modules of the tests that this one imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: expected absolute imports, got a relative one"
            found.update(
                {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            )
    return found & MODULES.keys()


def all_imported(name: str) -> set[str]:
    """The same with what those import."""
    found, waiting = set[str](), {name}
    while waiting:
        found |= waiting
        waiting = {other for one in waiting for other in imported(one)} - found
    return found - {name}


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below this one that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def paths(name: str) -> Iterator[str]:
    """The strings in a module that are paths: with a slash in them, or put together by one, but not
    prose.
    """
    for node in ast.walk(tree_of(name)):
        joined = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        for part in ast.iter_child_nodes(node):
            text = part.value if isinstance(part, ast.Constant) else None
            if isinstance(text, str) and " " not in text and (joined or "/" in text):
                yield text


def test_there_are_modules() -> None:
    assert len(TEST_MODULES) > 50
    assert imported("tests.shiftrun.inference.test_run_tiles") == {
        "tests.shiftrun.networks",
        "tests.shiftrun.stitching",
    }
    assert "tests.shared" in all_imported("tests.shiftrun.tiles.test_region_conformance")


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_from_a_test_module(name: str) -> None:
    """A test module may skip itself, and whoever imports from it fails then."""
    assert [other for other in imported(name) if other in TEST_MODULES] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name not in TEST_MODULES])
def test_what_is_imported_does_not_skip(name: str) -> None:
    skips = {node.attr for node in at_import(tree_of(name)) if isinstance(node, ast.Attribute)} & {
        "skip",
        "importorskip",
    }
    assert not skips, "in a helper it would skip, or fail, every module that imports it"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name not in {"tests.shared", "tests.test_tests"}]
)
def test_only_one_module_knows_where_the_shared_folder_lies(name: str) -> None:
    found = [path for path in paths(name) if "shared" in path.split("/")]
    assert not found, "import SHARED from tests.shared, and mark the tests with pytest.mark.shared"


USERS = [name for name in TEST_MODULES if "tests.shared" in all_imported(name)]


@pytest.mark.parametrize("name", USERS)
def test_what_uses_the_shared_folder_is_marked(name: str) -> None:
    """Each test by whose names it, or a helper that does, is reached; or the whole module."""
    tree, source = tree_of(name), MODULES[name].read_text(encoding="utf-8")
    if re.search(r"^pytestmark = pytest\.mark\.shared\(", source, re.MULTILINE):
        return
    reached = {alias.asname or alias.name for node in tree.body for alias in _aliases(node)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and _names(node.value) & reached:
            reached |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    tests = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and _names(node) & reached
    ]
    assert tests, "tests.shared is imported for nothing"
    for test in tests:
        marks = [ast.unparse(decorator) for decorator in test.decorator_list]
        assert any(mark.startswith("pytest.mark.shared") for mark in marks), test.name


def _aliases(node: ast.stmt) -> list[ast.alias]:
    """What a module imports from `tests.shared`, or from a helper that uses it."""
    if not isinstance(node, ast.ImportFrom) or node.module not in MODULES:
        return []
    return node.names if "tests.shared" in {node.module, *all_imported(node.module)} else []


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def test_with_nothing_beside_it_what_needs_the_shared_folder_is_skipped(tmp_path: Path) -> None:
    """The modules that use it are collected without an error, and each test that is marked says
    what it lacks.
    """
    alone = tmp_path / "alone"
    shutil.copytree(TESTS, alone / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path != TESTS:
            (alone / path.name).symlink_to(path)
    command = [sys.executable, "-m", "pytest", "-m", "shared", "-rs", "-p", "no:cacheprovider"]
    command += [str(MODULES[name].relative_to(ROOT)) for name in USERS]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path and path != str(ROOT))
    }
    done = subprocess.run(
        command, cwd=alone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"\d+ skipped, \d+ deselected in .*", last), last
    reasons = {
        line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("SKIPPED")
    }
    assert reasons
    assert all(reason.startswith(f"needs {tmp_path / 'shared'}") for reason in reasons), reasons
