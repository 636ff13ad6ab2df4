"""shiftlint: how a network's output follows shifts, crops and tiles, derived from its ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shiftlint.analysis.confirm import confirmed
    from shiftlint.analysis.derive_contract import analyze, read_metadata
    from shiftlint.contract.metadata import Metadata
    from shiftlint.contract.values import Contract
    from shiftlint.errors import InputError

    __version__: str

__all__ = [
    "Contract",
    "InputError",
    "Metadata",
    "__version__",
    "analyze",
    "confirmed",
    "read_metadata",
]

_HOME = {
    "analyze": "shiftlint.analysis.derive_contract",
    "confirmed": "shiftlint.analysis.confirm",
    "read_metadata": "shiftlint.analysis.derive_contract",
    "Contract": "shiftlint.contract.values",
    "InputError": "shiftlint.errors",
    "Metadata": "shiftlint.contract.metadata",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `shiftlint --help` must not wait for onnx and numpy."""
    if name == "__version__":
        from importlib.metadata import version

        return version("shiftlint")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
