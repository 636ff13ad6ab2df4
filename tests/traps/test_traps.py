"""Every trap runs in tiles and is compared with onnxruntime on the whole image, or is refused.

The refused traps are listed by name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

import shiftrun
from shiftlint.contract.values import AxisContract
from shiftlint.errors import InputError
from shiftrun.tiles.plan import Plan
from tests.honest import dishonest
from tests.traps.networks import KINDS, Trap

REFUSED: dict[str, frozenset[str]] = {
    "notes": frozenset(
        {
            "layer norm over the image",
            "layer norm over the image, exported",
            "layer norm scaled by the image",
            "rms norm over the image",
            "skip layer norm over rows",
            "loss over the image",
        }
    ),
    "sizes enter": frozenset(
        {
            "counted by a sum",
            "counted over both axes",
            "counted by a mean of squares",
            "expanded and counted",
            "tiled and counted",
            "padded with the size",
            "padded and counted",
            "counted by a product",
            "counted by NonZero",
            "counted by CumSum",
            "counted on the diagonal",
            "a table that is cut",
            "the size of a cut axis",
            "the size of a table that was cut",
            "a factor in a function",
            "a term with both sizes",
            "a ratio of both sizes",
            "an exponent",
            "a threshold",
            "a limit of Clip",
        }
    ),
    "sizes steer": frozenset(
        {
            "channels by Concat",
            "a crop by H // 300",
            "a crop by H % 139",
            "a crop by H - 100",
            "a crop by H + 5",
            "a crop by H * 7",
            "a crop by H // 7",
            "a crop by H >> 7",
            "a pad to a square",
            "a branch by both sizes",
            "rounds of a loop",
        }
    ),
    "resize": frozenset(
        {
            "nearest asymmetric floor by 1.2",
            "nearest asymmetric round_prefer_ceil by 1.2",
            "nearest asymmetric floor by 0.6",
            "nearest half_pixel floor by 0.6",
            "nearest pytorch_half_pixel floor by 0.6",
            "nearest half_pixel_symmetric floor by 0.6",
            "nearest asymmetric ceil by 2.33",
            "nearest half_pixel ceil by 2.33",
            "nearest pytorch_half_pixel ceil by 2.33",
            "nearest half_pixel_symmetric ceil by 2.33",
            "nearest asymmetric floor by 0.143",
            "nearest half_pixel floor by 0.143",
            "nearest pytorch_half_pixel floor by 0.143",
            "nearest half_pixel_symmetric floor by 0.143",
            "nearest half_pixel_symmetric round_prefer_ceil by 0.143",
            "nearest half_pixel_symmetric ceil by 0.143",
            "nearest half_pixel_symmetric round_prefer_floor by 0.143",
            "nearest asymmetric floor by 0.3",
            "nearest half_pixel round_prefer_ceil by 0.3",
            "nearest pytorch_half_pixel round_prefer_ceil by 0.3",
            "nearest half_pixel_symmetric round_prefer_ceil by 0.3",
            "nearest by 1.2, opset 10",
            "down to one px",
            "a scale beside a third",
        }
    ),
    "batches": frozenset({"the batch as channels"}),
    "rounding": frozenset(),
    "random": frozenset(
        {
            "a random number",
            "a random number in a function",
            "weights that are drawn",
            "weights that are dropped",
            "classes that are drawn",
            "dropout in a branch",
            "dynamic quantization in a function",
        }
    ),
    "along the image": frozenset(
        {
            "batch norm of every px",
            "instance norm with rows for channels",
            "batch norm with columns for channels",
            "batch norm scaled by the image",
            "batch norm scaled by one row",
            "a bias from one px",
            "a bias from all px",
            "a sum of three operands",
            "a product of three operands",
            "an If of constants",
            "a state from the image",
            "an integer product with a bias along the image",
        }
    ),
    "offsets": frozenset(
        {"dilated SAME_UPPER", "dilated SAME_LOWER", "cropped and padded by wrap"}
    ),
}
EVERY = [
    pytest.param(kind, name, id=f"{kind}: {name}")
    for kind, traps in KINDS.items()
    for name in traps
]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_tiles_are_the_whole_or_refused(kind: str, name: str, tmp_path: Path) -> None:
    """What is refused is refused by one line, and what is not is run: a trap that becomes a refusal
    is noticed, too.
    """
    trap = KINDS[kind][name]
    path = tmp_path / "trap.onnx"
    onnx.save(trap.model(), path)
    image = np.random.default_rng(3).standard_normal(trap.image).astype(np.float32)
    whole = _whole(path, image)
    if name in REFUSED[kind]:
        with pytest.raises(InputError, match=r"^[^\n]+$"):
            _tiled(path, trap, image)
        return
    assert whole is not None, "onnxruntime does not run it"
    plan, axes, found = _tiled(path, trap, image)
    assert plan.tile_count > 1
    sentence = dishonest(plan, axes, found.reshape(whole.shape), whole)
    assert sentence is None, sentence


def test_refused_are_traps() -> None:
    """Every name in the table is a trap."""
    assert {kind: names - KINDS[kind].keys() for kind, names in REFUSED.items()} == dict.fromkeys(
        KINDS, frozenset()
    )


def _tiled(
    path: Path, trap: Trap, image: NDArray[np.float32]
) -> tuple[Plan, tuple[AxisContract, ...], NDArray[np.float32]]:
    """The plan of a trap, the contract of its axes and the result in tiles; InputError where it is
    refused.
    """
    model = shiftrun.open_model(path, device="cpu", check=0)
    plan = model.plan(trap.image[1:], tile=trap.tile, pad="none", outputs=("y",))
    found = model.predict(image, tile=trap.tile, pad="none", normalize="none", outputs=("y",))["y"]
    return plan, model.axes(("y",)), found


def _whole(path: Path, image: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The whole-image result of onnxruntime (C, *space); None if it does not run the network."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        result: NDArray[np.float32] = session.run(["y"], {"x": image[None]})[0][0]
    except Exception:  # onnxruntime's have no other class in common
        return None
    return result
