"""The conformance set of `../shared`: published networks with measured truth; empty if missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shiftlint.contract.values import AxisContract
from shiftrun.model.open_model import Model, open_model
from tests.shared import SHARED

FOLDER = SHARED / "conformance"
TRUTH: dict[str, Any] = {}
if (FOLDER / "truth.json").is_file():
    TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))["files"]
EXACT = [
    name
    for name, network in TRUTH.items()
    if all(axis.get("exact_with_finite_halo") for axis in network["axes"])
]
UNKNOWN = {
    "monai_basicunet2d_qdq",
    "torchem_unet2d_ort_extended",
}  # operators that the analyzer did not know at first


def sizes(axes: tuple[AxisContract, ...], image_px: int) -> tuple[int, ...]:
    """A legal image of about `image_px`, with different sizes along the axes."""
    return tuple(
        axis.sizes.next_legal(image_px + 40 * i) or 0 for i, axis in enumerate(axes) if axis.sizes
    )


def tiles(axes: tuple[AxisContract, ...], input_px: int) -> tuple[int, ...]:
    """Tiles of outputs over about `input_px`."""
    return tuple(-(-input_px // (axis.period or 1)) * (axis.step or 1) for axis in axes)


def open_certified(name: str) -> Model:
    model = open_model(FOLDER / f"{name}.onnx", device="cpu")
    if name in UNKNOWN and not model.contract.outputs[0].axes:
        pytest.skip("not certified by this version of the analyzer")
    return model
