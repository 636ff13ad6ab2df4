"""The transfer functions, one file per argument; every module of this package registers its own."""

from __future__ import annotations

import pkgutil

COMMON = (
    "convolution",
    "elementwise",
    "pooling",
    "cropping",
    "concatenation",
    "resampling",
    "shape_values",
    "layout",
    "normalization",
)


def module_names() -> list[str]:
    """All modules; first those that most networks need. An operator has all its versions in one of
    them.
    """
    found = [
        entry.name for entry in pkgutil.walk_packages(__path__, f"{__name__}.") if not entry.ispkg
    ]
    common = [f"{__name__}.{name}" for name in COMMON]
    return common + [
        name for name in found if name not in common and not name.endswith(".registry")
    ]
