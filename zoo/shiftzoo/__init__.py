"""shiftzoo: trained networks that may be tiled, and the code that trains, measures and exports them."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]
__version__ = version("shiftlint")
