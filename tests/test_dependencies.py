"""Imported packages are declared in pyproject.toml, and declared packages are imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = {
    Path(folder).name: ROOT / folder
    for folder in ("shiftlint", "runtime/shiftrun", "zoo/shiftzoo", "schemas/shiftschemas")
}
DISTRIBUTIONS = packages_distributions()
NOT_HERE = {
    "onnxruntime-gpu": "onnxruntime",
    "nvidia-ml-py": "pynvml",
}  # may not be installed beside others, or need no GPU
BESIDE = {"onnxscript", "imagecodecs"}  # imported by torch.onnx, by tifffile
OPTIONAL = {  # by module: the extra that a message or a docstring there names
    "onnxruntime": {"cpu", "gpu"},
    "pynvml": {"gpu"},
    "sklearn": {"scikit-learn"},
    "torch": {"train"},
    "matplotlib": {"train"},
    "skimage": {"train"},
}


def named(requirements: list[str]) -> set[str]:
    """The distributions of requirements, as PyPI compares their names."""
    return {normal(re.split(r"[\s\[<>=!~;]", requirement)[0]) for requirement in requirements}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


DECLARED = {"": named(PROJECT["dependencies"])} | {
    extra: named(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()
}


def imported(path: Path) -> set[str]:
    """The first parts of all modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def users() -> dict[str, list[str]]:
    """The files that import each module that is neither ours nor Python's."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for folder in FOLDERS.values() for path in folder.rglob("*.py")):
        for module in sorted(imported(path) - sys.stdlib_module_names - FOLDERS.keys()):
            found.setdefault(module, []).append(str(path.relative_to(ROOT)))
    return found


USED = users()


def distributions_of(module: str) -> set[str]:
    """The distributions that a module may come from."""
    by_hand = {name for name, other in NOT_HERE.items() if other == module}
    return by_hand | {normal(name) for name in DISTRIBUTIONS.get(module, ())}


def test_the_imports_are_found() -> None:
    assert {"numpy", "requests", "PIL", "google", "torch"} <= USED.keys()
    assert distributions_of("PIL") == {"pillow"}
    assert named(["a_B>=1", "c[d,e]>=2", "f ; python_version<'3'"]) == {"a-b", "c", "f"}


@pytest.mark.parametrize("module", USED)
def test_what_is_imported_is_declared(module: str) -> None:
    places = OPTIONAL.get(module, {""})
    for place in places:
        assert distributions_of(module) & DECLARED[place], (
            f"{module}, in {USED[module]}: declare it ({place or 'always'})"
        )
    if module in OPTIONAL:
        assert not distributions_of(module) & DECLARED[""], (
            f"{module} comes with every install: it is not optional"
        )


@pytest.mark.parametrize("place", [place for place in DECLARED if place != "dev"])
def test_what_is_declared_is_imported(place: str) -> None:
    used = {name for module in USED for name in distributions_of(module)}
    assert DECLARED[place] - used - BESIDE == set()
