"""The transfer functions, one file per argument; every module of this package registers its own."""

from __future__ import annotations

import pkgutil

COMMON = ("convolution", "elementwise", "pooling", "cropping", "joining", "resampling", "shape_values", "layout", "normalization")


def module_names() -> list[str]:
    """All modules; first those that most networks need. An operator has all its versions in one of them."""
    found = [entry.name for entry in pkgutil.iter_modules(__path__)]
    return [f"{__name__}.{name}" for name in sorted(found, key=lambda name: COMMON.index(name) if name in COMMON else len(COMMON))]
