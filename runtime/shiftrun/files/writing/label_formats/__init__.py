"""The file formats of label images: one module each, found by walking this package.

A module has `SUFFIXES`, such as (".tif", ".tiff"), and `write(beside, labels)`, which writes a
`LabelImage` to the hidden name `beside`; the caller moves the complete file into place. An optional
`check_axes(path, axes)` refuses axes that the format does not have before the network runs. Labels
may be larger than memory: read them by bands or boxes if the format allows it. Put slow imports
inside `write`.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from shiftlint.errors import InputError

if TYPE_CHECKING:
    from shiftrun.files.writing.label_image import LabelImage


@cache
def _modules() -> dict[str, ModuleType]:
    """The module of every suffix."""
    found: dict[str, ModuleType] = {}
    for entry in pkgutil.iter_modules(__path__, f"{__name__}."):
        module = import_module(entry.name)
        for suffix in module.SUFFIXES:
            if suffix in found:
                raise ValueError(
                    f"{suffix} is registered twice: {found[suffix].__name__} and {entry.name}"
                )
            found[suffix] = module
    return dict(sorted(found.items()))


def suffixes() -> tuple[str, ...]:
    """All suffixes of label files."""
    return tuple(_modules())


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that the format of `path` cannot hold; InputError."""
    check = getattr(_modules().get(path.suffix.lower()), "check_axes", None)
    if check is not None:
        check(path, axes)


def write(beside: Path, labels: LabelImage) -> None:
    """Write labels to `beside`, by the suffix of `labels.path`; InputError if it is unknown."""
    suffix = labels.path.suffix.lower()
    if suffix not in _modules():
        expected = " or ".join(suffixes())
        raise InputError(
            f"unknown type of labels ({labels.path}): expected {expected}, got "
            f"{suffix or 'no suffix'}."
        )
    _modules()[suffix].write(beside, labels)
