"""`shiftlint check --tile T` finds no error iff `shiftrun` accepts a plan of several tiles.

The image is several tiles long along every axis.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest

import shiftrun
from shiftlint.errors import InputError
from shiftlint.linting.check import check
from shiftlint.rules.case import Wish
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level
from shiftschemas import SchemaError
from tests.shiftlint import networks
from tests.shiftlint.graphs import node, save, weights
from tests.shiftrun.networks import unet
from tests.traps.networks import KINDS, Trap

ROOT = Path(__file__).parents[3]
IMAGE_PX = {1: 700, 2: 700, 3: 400}
TILES = {1: (128, 63), 2: (128, 63), 3: (32, 15)}  # the first on the grid of any network here
POOLED = 32  # a tile of what is pooled to a third
EVERY = {
    "sizes enter": 3,
    "sizes steer": 2,
    "resize": 17,
    "rounding": 9,
}  # of many alike: one in so many

# the runner knows the size of the image, `check --tile` does not: another program there, or none
ONLY_OF_THE_IMAGE = {
    "channels by Concat": "does not run at",
    "a crop by H // 300": "computes something different at",
    "a crop by H // 7": "computes something different at",
    "a crop by H >> 7": "computes something different at",
}
NOT_OF_TILING = {"SL604-1"}  # metadata that lack what a release must have (SL601); they run
W = {"w": weights(1, 1, 3, 3)}
PADS = {"p": [0, 0, 1, 1, 0, 0, 1, 1]}
ROLL = {"cut": [5], "end": [1 << 40], "zero": [0], "axis": [2]}
Made = Callable[[Path], Any]


def padded(path: Path, *, mode: str) -> Path:
    return save(
        path, [node("Pad", "x p", "a", mode=mode), node("Conv", "a w", "y")], PADS | W, opset=19
    )


SMALL: dict[str, Made] = {
    **{
        f"padded by {mode}": partial(padded, mode=mode)
        for mode in ("constant", "reflect", "edge", "wrap")
    },
    "wrapped below a pool": lambda path: save(
        path,
        [
            node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
            *(
                node("Pad", "a p", "b", mode="wrap"),
                node("Conv", "b w", "c"),
                node("Resize", "c - s", "y", mode="nearest"),
            ),
        ],
        PADS | W | {"s": [1.0, 1.0, 2.0, 2.0]},
        opset=19,
    ),
    "rolled": lambda path: save(
        path,
        [
            node("Slice", "x cut end axis", "a"),
            node("Slice", "x zero cut axis", "b"),
            node("Concat", "a b", "y", axis=2),
        ],
        ROLL,
    ),
    "wrapped by a concatenation": lambda path: save(
        path,
        [
            node("Slice", "x zero cut axis", "b"),
            node("Concat", "x b", "a", axis=2),
            node("Conv", "a w", "y"),
        ],
        ROLL | W,
    ),
    "static and padded": lambda path: save(
        path, [node("Conv", "x w", "y", pads=[1] * 4)], W, shape=(1, 1, 128, 128)
    ),
    "static and valid": lambda path: save(
        path, [node("Conv", "x w", "y")], W, shape=(1, 1, 130, 130)
    ),
    "static U-Net": lambda path: save(
        path,
        [
            *(
                node("Conv", "x w", "a", pads=[1] * 4),
                node("MaxPool", "a", "b", kernel_shape=[2, 2], strides=[2, 2]),
            ),
            *(
                node("Conv", "b w", "c", pads=[1] * 4),
                node("Resize", "c - s", "d", mode="nearest"),
                node("Add", "a d", "y"),
            ),
        ],
        W | {"s": [1.0, 1.0, 2.0, 2.0]},
        shape=(1, 1, 132, 132),
    ),
    "no image": lambda path: save(
        path, [node("GlobalAveragePool", "x", "g"), node("Flatten", "g", "y")]
    ),
    "transposed to itself": lambda path: save(
        path,
        [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t", "y")],
        shape=(1, 1, "h", "h"),
    ),
    "dynamically quantized": lambda path: save(
        path, [node("DynamicQuantizeLinear", "x", "q s z"), node("DequantizeLinear", "q s z", "y")]
    ),
    "unknown": lambda path: save(path, [node("Unheard", "x", "y", domain="com.microsoft")]),
    "two grids": lambda path: save(
        path,
        [node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]), node("Conv", "x w", "y")],
        W,
        outputs=("y", "a"),
    ),
    **{
        f"{'padded' if fills else 'valid'} U-Net of {dimensions}d": partial(
            unet, padded=fills, dimensions=dimensions
        )
        for fills in (False, True)
        for dimensions in (1, 2, 3)
    },
    **{
        name: partial(networks.save, text)
        for name, text in vars(networks).items()
        if isinstance(text, str) and "opset_import" in text
    },
}
FILES = sorted(
    [*(ROOT / "zoo").glob("*.onnx"), *(ROOT / "tests" / "data" / "networks").glob("*.onnx")]
)


def examples() -> dict[str, str]:
    """The networks of the rules' manuals."""
    found = {}
    for code, module in modules().items():
        for number, match in enumerate(
            re.finditer(
                r"^(?:Bad|Good):.*\n((?:\n|    .*\n?)+)", module.__doc__ or "", re.MULTILINE
            )
        ):
            text = textwrap.dedent(match[1]).strip()
            if text.startswith("<ir_version") and code not in {
                "SL403"
            }:  # random: nothing is promised of it in one piece, either
                found[f"{code}-{number}"] = text
    return found


EXAMPLES = examples()


def errors(path: Path, tile: int) -> list[Finding]:
    """As `check --tile` has them."""
    return [
        one for one in check(str(path), Wish(tile=(tile,))).findings if one.level is Level.ERROR
    ]


def refusal(path: Path, shape: tuple[int, ...], tile: int) -> str:
    """Why `shiftrun` does not tile an image of this shape; "" if it does.

    The tile that it advises is accepted.
    """
    try:
        model = shiftrun.open_model(path, device="cpu")
        plan = model.plan(shape, tile=tile)
    except (InputError, SchemaError) as error:
        advice = re.search(r"(?:--tile|Crop the output tiles to) ([0-9,]*[0-9])", str(error))
        if advice:
            sizes = tuple(map(int, advice[1].split(",")))
            assert model.plan(shape, tile=sizes if len(sizes) > 1 else sizes * len(shape)).exact
        return str(error)
    assert plan.tile_count > 1, "an image in one piece is always accepted"
    return ""


def complaint(path: Path, shape: tuple[int, ...], tile: int) -> str:
    """The disagreement of the two tools; "" if they agree."""
    found, refused = errors(path, tile), refusal(path, shape, tile)
    return (
        ""
        if bool(found) == bool(refused)
        else f"tile {tile}: check says {found or 'nothing'}, the runner {refused or 'nothing'}"
    )


def complaints(path: Path, tiles: int = 1) -> list[str]:
    """For the first `tiles` of a network's number of axes."""
    dimensions = (
        len(onnx.load(path, load_external_data=False).graph.input[0].type.tensor_type.shape.dim) - 2
    )
    shape = tuple(IMAGE_PX.get(dimensions, 1) + 16 * axis for axis in range(dimensions))
    return [
        said for tile in TILES.get(dimensions, ())[:tiles] if (said := complaint(path, shape, tile))
    ]


def sampled() -> dict[str, Trap]:
    return {
        name: trap
        for kind, traps in KINDS.items()
        for name, trap in list(traps.items())[:: EVERY.get(kind, 1)]
    }


@pytest.mark.parametrize("name", sampled())
def test_traps(name: str, tmp_path: Path) -> None:
    trap, path = sampled()[name], tmp_path / "net.onnx"
    onnx.save(trap.model(), path)
    if name in ONLY_OF_THE_IMAGE:
        assert errors(path, trap.tile) == []
        assert ONLY_OF_THE_IMAGE[name] in refusal(path, trap.image[1:], trap.tile)
    else:
        assert (
            complaint(
                path,
                trap.image[1:],
                POOLED if name.startswith("pooled") or "0.143" in name else trap.tile,
            )
            == ""
        )


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str, tmp_path: Path) -> None:
    SMALL[name](tmp_path / "net.onnx")
    assert complaints(tmp_path / "net.onnx", tiles=2) == []


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - NOT_OF_TILING))
def test_networks_of_the_manuals(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(onnx.parser.parse_model(EXAMPLES[name]).SerializeToString())
    assert complaints(tmp_path / "net.onnx") == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_trained_networks(path: Path) -> None:
    assert complaints(path) == []
