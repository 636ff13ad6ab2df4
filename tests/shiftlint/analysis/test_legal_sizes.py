"""Every legal size of a contract runs in onnxruntime and has the stated length."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint import analyze
from shiftlint.analysis.image_layout import open_probe
from shiftlint.analysis.legal_sizes import SENTINEL, _breakpoints
from shiftlint.contract.values import AxisContract
from shiftlint.onnx_file.reader import read_graph
from tests.shiftlint.graphs import Node, node, run, save, weights

DATA = Path(__file__).parents[2] / "data"
CONV = {"w": weights(1, 1, 3, 3)}
TO_END = np.iinfo(np.int64).max


def _crop(end: int) -> tuple[list[Node], dict[str, Any]]:
    nodes = [node("Conv", "x w", "a", pads=[1, 1, 1, 1]), node("Slice", "a b e s", "y")]
    return nodes, {**CONV, "b": [0], "e": [end], "s": [2]}


def _pad_to(multiple: int) -> tuple[list[Node], dict[str, Any]]:
    """Pads the height up to a multiple by arithmetic on its shape, as MONAI and smp do."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape two", "h"),
        node("Mod", "h m", "r"),
        node("Sub", "m r", "d"),
        node("Mod", "d m", "missing"),
        node("Concat", "zeros6 missing zero", "pads", axis=0),
        node("Pad", "x pads", "padded"),
        node("MaxPool", "padded", "y", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    return nodes, {"two": [2], "m": [multiple], "zeros6": [0] * 6, "zero": [0]}


def _at_least(size: int) -> tuple[list[Node], dict[str, Any]]:
    """Pads small images to `size`."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape two", "h"),
        node("Max", "h m", "wish"),
        node("Sub", "wish h", "missing"),
        node("Concat", "zeros6 missing zero", "pads", axis=0),
        node("Pad", "x pads", "padded"),
        node("Conv", "padded w", "y"),
    ]
    return nodes, {**CONV, "two": [2], "m": [size], "zeros6": [0] * 6, "zero": [0]}


NETWORKS: dict[str, tuple[list[Node], dict[str, Any]]] = {
    "valid": ([node("Conv", "x w", "y")], CONV),
    "baked crop at 100": _crop(100),
    "baked crop at 1000": _crop(1000),
    "crop of both ends": _crop(-7),
    "pooling": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])], {}),
    "ceil mode": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
        {},
    ),
    "same upper": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2])], CONV),
    "same lower": ([node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[3, 3])], CONV),
    "space to depth": ([node("SpaceToDepth", "x", "y", blocksize=4)], {}),
    "padded to a multiple of 8": _pad_to(8),
    "padded to 500": _at_least(500),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_legal_sizes_run_and_have_the_stated_length(name: str, tmp_path: Path) -> None:
    nodes, constants = NETWORKS[name]
    path = save(tmp_path / "net.onnx", nodes, constants)
    axis = analyze(path).outputs[0].axes[0]
    assert axis.sizes is not None, name
    assert axis.output_size is not None
    legal = [
        n
        for n in [*range(1, 40), *range(96, 106), *range(490, 520), *range(990, 1010)]
        if axis.sizes.legal(n)
    ]
    assert legal
    for size in legal:
        y = run(path, np.zeros((1, 1, size, 64), np.float32))
        assert y is not None, f"{size} is called legal and does not run"
        assert y.shape[2] == axis.output_size.of(size), f"{size} gives {y.shape[2]}"


@pytest.mark.parametrize(("end", "largest"), [(100, 100), (1000, 1000)])
def test_a_baked_crop_bounds_the_sizes(end: int, largest: int, tmp_path: Path) -> None:
    nodes, constants = _crop(end)
    axis = analyze(save(tmp_path / "net.onnx", nodes, constants)).outputs[0].axes[0]
    assert axis.sizes is not None
    assert axis.sizes.max == largest
    assert (axis.sizes.min, axis.period) == (1, 1)


def test_padding_of_small_images_begins_at_its_constant(tmp_path: Path) -> None:
    nodes, constants = _at_least(500)
    axis = analyze(save(tmp_path / "net.onnx", nodes, constants)).outputs[0].axes[0]
    assert axis.sizes is not None
    assert (axis.sizes.min, axis.sizes.max) == (500, None)


def test_a_crop_to_a_fixed_size_has_no_class(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape two", "h"),
        node("Sub", "h m", "rest"),
        node("Div", "rest deux", "b"),
        node("Add", "b m", "e"),
        node("Slice", "x b e two", "y"),
    ]
    axis = (
        analyze(save(tmp_path / "net.onnx", nodes, {"two": [2], "deux": [2], "m": [64]}))
        .outputs[0]
        .axes[0]
    )
    assert axis.period is None
    assert axis.sizes is None


def _axis(path: Path) -> AxisContract:
    return analyze(path).outputs[0].axes[0]


def test_misaligned_sizes_are_told(tmp_path: Path) -> None:
    nodes = [
        node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "a - s", "y", mode="nearest"),
    ]
    axis = _axis(save(tmp_path / "net.onnx", nodes, {"s": np.asarray([1, 1, 2, 2], np.float32)}))
    assert axis.sizes is not None
    assert (axis.sizes.modulus, axis.sizes.residues, axis.sizes.misaligned) == (2, (0,), (1,))


def test_axes_that_are_alike_are_looked_at_together(tmp_path: Path) -> None:
    """What only one of them could have by itself is not claimed, and no size that does not
    run is.
    """
    pool = [
        node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "a - s", "b", mode="nearest"),
    ]
    path = save(
        tmp_path / "net.onnx",
        [*pool, node("Add", "x b", "y")],
        {"s": np.asarray([1, 1, 2, 2], np.float32)},
    )
    y, x = analyze(path).outputs[0].axes
    assert y.sizes == x.sizes
    assert y.sizes is not None
    assert (y.sizes.modulus, y.sizes.residues) == (2, (0,))


def test_axes_that_differ_are_looked_at_apart(tmp_path: Path) -> None:
    pool = [
        node("MaxPool", "x", "a", kernel_shape=[2, 3], strides=[2, 3]),
        node("Resize", "a - s", "b", mode="nearest"),
    ]
    path = save(
        tmp_path / "net.onnx",
        [*pool, node("Add", "x b", "y")],
        {"s": np.asarray([1, 1, 2, 3], np.float32)},
    )
    y, x = (axis.sizes for axis in analyze(path).outputs[0].axes)
    assert y is not None
    assert x is not None
    assert (y.modulus, y.residues, x.modulus, x.residues) == (2, (0,), 3, (0,))


@pytest.mark.parametrize(
    ("start", "end", "bites"),
    [(40, -40, []), (40, SENTINEL, []), (-40, SENTINEL, [40]), (0, 100, [100])],
)
def test_crops_from_the_ends_bite_at_no_size(
    start: int, end: int, bites: list[int], tmp_path: Path
) -> None:
    bounds = {"start": np.asarray([start]), "end": np.asarray([end]), "axis": np.asarray([2])}
    path = save(tmp_path / "net.onnx", [node("Slice", "x start end axis", "y")], bounds)
    assert _breakpoints(open_probe(read_graph(path), where="net"), 1) == bites


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_pads_of_either_sign(tmp_path: Path, mode: str) -> None:
    """Px cropped by a negative pad can no longer be mirrored."""
    for before, after in product(range(-3, 4), repeat=2):
        pads = {"p": [0, 0, before, 0, 0, 0, after, 0]}
        path = save(tmp_path / "net.onnx", [node("Pad", "x p", "y", mode=mode)], pads, opset=19)
        sizes = analyze(path).outputs[0].axes[0].sizes
        assert sizes is not None
        for size in range(sizes.min, sizes.min + 4):
            found = run(path, np.zeros((1, 1, size, 4), np.float32))
            assert found is not None
            assert found.shape[2] == size + before + after


def test_squares_alone() -> None:
    """A random network that runs only if both sizes are equal."""
    output = analyze(DATA / "takes_squares_alone.onnx").outputs[0]
    assert [axis.period for axis in output.axes] == [None, None]
    assert any("but not at" in reason.text for reason in output.reasons)


def test_what_holds_beside_a_class_that_falls() -> None:
    """A random network in which the height chooses a branch that crops the width: it has no class,
    and so the width has none.
    """
    (output,) = analyze(DATA / "branch_by_height.onnx").outputs
    assert [axis.period for axis in output.axes] == [None, None]
