"""The rules: one module each, found by walking this package.

A rule's module holds `CODE`, `LEVEL`, `TITLE` and `check(case)`, which yields findings. Its
docstring is the manual that `shiftlint rule CODE` prints: why the rule exists, what to do, and
examples that the tests run. An example is a line `Bad: OPTIONS` or `Good: OPTIONS` (options of
`shiftlint check`), followed by a network in ONNX's text syntax; an example without a network uses
that of the previous example. A line `File NAME:` starts a file that is placed next to the model. A
bad example must produce a finding of the rule; a good one must not.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

import shiftlint.rules
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding


@cache
def modules() -> dict[str, ModuleType]:
    """The rule modules by code, sorted by code."""
    found: dict[str, ModuleType] = {}
    for entry in pkgutil.walk_packages(shiftlint.rules.__path__, "shiftlint.rules."):
        if not entry.name.rsplit(".", 1)[1].startswith("sl"):
            continue
        module = importlib.import_module(entry.name)
        if module.CODE in found:
            raise ValueError(
                f"{module.CODE} is registered twice: {found[module.CODE].__name__} and {entry.name}"
            )
        found[module.CODE] = module
    return dict(sorted(found.items()))


def run(case: Case) -> list[Finding]:
    """The findings of all rules, sorted by code."""
    return [finding for module in modules().values() for finding in module.check(case)]
