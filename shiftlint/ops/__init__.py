"""The transfer functions, one file per line of argument; every module registers its own."""

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
    """All modules, the commonly needed first. All versions of an operator are in one module."""
    found = [
        entry.name for entry in pkgutil.walk_packages(__path__, f"{__name__}.") if not entry.ispkg
    ]
    common = [f"{__name__}.{name}" for name in COMMON]
    return common + [
        name for name in found if name not in common and not name.endswith(".registry")
    ]
