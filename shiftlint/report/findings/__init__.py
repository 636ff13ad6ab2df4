"""The formats of `shiftlint check --output-format`, one module each, found by its name.

A module defines `render(files, failing) -> str`: the checked files in order, and the levels that
fail the gate. A format that reports the sha256 of each file sets `HASHED = True`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked
    from shiftlint.rules.finding import Level


class Format(Protocol):
    """A module of this package; `HASHED` is optional."""

    def render(self, files: Sequence[Checked], failing: Collection[Level]) -> str:
        """The whole report."""


def names() -> list[str]:
    """The formats in alphabetical order."""
    import pkgutil  # 4 ms: not for --help

    return sorted(entry.name for entry in pkgutil.iter_modules(__path__))


def hashed(name: str) -> bool:
    """Whether a format reports the sha256 of each file."""
    return bool(getattr(_module(name), "HASHED", False))


def render(name: str, files: Sequence[Checked], failing: Collection[Level]) -> str:
    """The report in the format `name`."""
    return _module(name).render(files, failing)


def _module(name: str) -> Format:
    return cast("Format", import_module(f"{__name__}.{name}"))
