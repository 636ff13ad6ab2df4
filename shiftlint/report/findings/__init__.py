"""Findings in the formats of `shiftlint check --output-format`: one module each, called as its
format and found by walking.

A module holds `render(files, failing) -> str`: the files that were checked, in order, and the
levels that fail the gate. A format that says which file it was sets `HASHED = True`, and every file
comes with its sha256.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked
    from shiftlint.rules.finding import Level


class Format(Protocol):
    """What a module of this package holds; `HASHED` may be left out."""

    def render(self, files: Sequence[Checked], failing: Collection[Level]) -> str:
        """The whole report."""


def names() -> list[str]:
    """The formats, in the order of the alphabet."""
    import pkgutil  # 4 ms: not for --help

    return sorted(entry.name for entry in pkgutil.iter_modules(__path__))


def hashed(name: str) -> bool:
    """Whether a format says which file it was."""
    return bool(getattr(_module(name), "HASHED", False))


def render(name: str, files: Sequence[Checked], failing: Collection[Level]) -> str:
    """The report in the format `name`."""
    return _module(name).render(files, failing)


def _module(name: str) -> Format:
    return cast("Format", import_module(f"{__name__}.{name}"))
