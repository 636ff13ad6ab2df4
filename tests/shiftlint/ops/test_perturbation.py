"""Claims against onnxruntime: a changed px stays within the windows; periods shift the output.

Each entry is a small network and its expected period along the first spatial axis, or None if none
may be claimed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint import analyze
from shiftlint.contract.values import AxisContract
from tests.shiftlint.graphs import Node, node, run, save, weights

ONE = np.asarray([1, 1, 2, 2], np.float32)
Entry = tuple[list[Node], dict[str, Any], int | None]


def _resize(scale: float, **attributes: Any) -> Entry:
    period = {2.0: 1, 3.0: 1, 0.5: 2, 1.5: 2, 0.75: 4}[scale]
    scales = np.asarray([1, 1, scale, scale], np.float32)
    return [node("Resize", "x - s", "y", **attributes)], {"s": scales}, period


def _reshaped(shapes: list[list[int]], perms: list[list[int]], period: int | None) -> Entry:
    nodes, constants, last = [], {}, "x"
    for k, shape in enumerate(shapes):
        name = "y" if k == len(shapes) - 1 else f"r{k}"
        nodes.append(node("Reshape", f"{last} shape{k}", name))
        constants[f"shape{k}"] = np.asarray(shape)
        last = name
        if k < len(perms):
            nodes.append(node("Transpose", last, f"t{k}", perm=perms[k]))
            last = f"t{k}"
    return nodes, constants, period


TABLE: dict[str, Entry] = {
    "Conv": (
        [node("Conv", "x w", "y", pads=[1, 1, 1, 1], strides=[2, 2])],
        {"w": weights(1, 1, 3, 3)},
        2,
    ),
    "Conv dilated": ([node("Conv", "x w", "y", dilations=[2, 3])], {"w": weights(1, 1, 3, 3)}, 1),
    "Conv asymmetric pads": (
        [node("Conv", "x w", "y", pads=[0, 1, 2, 1])],
        {"w": weights(1, 1, 3, 3)},
        1,
    ),
    "ConvTranspose": (
        [node("ConvTranspose", "x w", "y", strides=[2, 2])],
        {"w": weights(1, 1, 3, 3)},
        1,
    ),
    "ConvTranspose gap": (
        [node("ConvTranspose", "x w", "y", strides=[3, 3])],
        {"w": weights(1, 1, 2, 2)},
        1,
    ),
    "ConvTranspose dilated": (
        [
            node(
                "ConvTranspose",
                "x w",
                "y",
                strides=[2, 2],
                dilations=[3, 3],
                pads=[2, 1, 1, 2],
                output_padding=[1, 1],
            )
        ],
        {"w": weights(1, 1, 3, 3)},
        1,
    ),
    "MaxPool": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
        2,
    ),
    "AveragePool": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 2], strides=[3, 2], count_include_pad=1)],
        {},
        3,
    ),
    "LpPool": ([node("LpPool", "x", "y", kernel_shape=[2, 2], strides=[1, 1])], {}, 1),
    "nearest floor": _resize(
        2.0, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
    "nearest half pixel": _resize(3.0, mode="nearest", nearest_mode="floor"),
    "nearest ceil": _resize(0.75, mode="nearest", nearest_mode="ceil"),
    "linear": _resize(2.0, mode="linear"),
    "linear 1.5": _resize(1.5, mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
    "cubic down": _resize(0.5, mode="cubic"),
    "align corners": (
        [
            node(
                "Resize",
                "x - s",
                "y",
                mode="linear",
                coordinate_transformation_mode="align_corners",
            )
        ],
        {"s": ONE},
        None,
    ),
    "pixel unshuffle": (
        [node("SpaceToDepth", "x", "d", blocksize=2), node("DepthToSpace", "d", "y", blocksize=2)],
        {},
        2,
    ),
    "strided slice": (
        [node("Slice", "x b e a s", "y")],
        {"b": [1], "e": [1 << 40], "a": [2], "s": [3]},
        3,
    ),
    "reversed": (
        [node("Slice", "x b e a s", "y")],
        {"b": [-1], "e": [-(1 << 40)], "a": [2], "s": [-1]},
        None,
    ),
    "reflected": ([node("Pad", "x p", "y", mode="reflect")], {"p": [0, 0, 2, 2, 0, 0, 2, 2]}, 1),
    "cropped by pads": ([node("Pad", "x p", "y")], {"p": [0, 0, -2, 0, 0, 0, -1, 0]}, 1),
    "roll": (
        [node("Split", "x n", "a b", axis=2), node("Concat", "b a", "y", axis=2)],
        {"n": [5, 55]},
        1,
    ),
    "coordinates": (
        [node("Add", "x c", "y")],
        {"c": np.arange(60, dtype=np.float32).reshape(1, 1, 60, 1)},
        None,
    ),
    "coordinates of the other axis": (
        [node("Add", "x c", "y")],
        {"c": np.arange(60, dtype=np.float32).reshape(1, 1, 1, 60)},
        1,
    ),
    "mask that differs at the end": (
        [node("Add", "x c", "y")],
        {"c": np.where(np.arange(60) < 57, 0, -1).astype(np.float32).reshape(1, 1, 60, 1)},
        1,
    ),
    "windows": _reshaped(
        [[1, 1, 15, 4, 15, 4], [225, 16, 1], [1, 1, 15, 15, 4, 4], [1, 1, 60, 60]],
        [[0, 1, 2, 4, 3, 5], [0, 2, 1], [0, 1, 2, 4, 3, 5]],
        4,
    ),
    "softmax over channels": ([node("Softmax", "x", "y", axis=1)], {}, 1),
    "FusedConv": (
        [
            node(
                "FusedConv",
                "x w",
                "y",
                domain="com.microsoft",
                activation="Relu",
                pads=[1, 1, 1, 1],
            )
        ],
        {"w": weights(1, 1, 3, 3)},
        1,
    ),
    "QuantizeLinear": (
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
        {"s": np.float32(0.1), "z": np.uint8(128)},
        1,
    ),
    "sum of strides": (
        [
            node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
            node("MaxPool", "x", "b", kernel_shape=[3, 3], strides=[3, 3]),
            node("Resize", "a - two", "c", mode="nearest"),
            node("Resize", "b - three", "d", mode="nearest"),
            node("Add", "c d", "y"),
        ],
        {"two": ONE, "three": np.asarray([1, 1, 3, 3], np.float32)},
        6,
    ),
    "Einsum": ([node("Einsum", "x x", "y", equation="nchw,nchw->nchw")], {}, 1),
    "unfold": (
        [
            node("Gather", "x i", "g", axis=2),
            node("ReduceSum", "g a", "y", keepdims=0),
        ],
        {"i": np.arange(3)[:, None] * 2 + np.arange(0, 55, 2)[None], "a": [2]},
        2,
    ),
    "CumSum": ([node("CumSum", "x a", "y")], {"a": np.asarray(2)}, None),
    "Tile": ([node("Tile", "x r", "y")], {"r": [1, 1, 2, 1]}, None),
}
SIZE = 60


@pytest.mark.parametrize("name", TABLE)
def test_what_is_claimed_holds(name: str, tmp_path: Path) -> None:
    nodes, constants, period = TABLE[name]
    path = save(tmp_path / "net.onnx", nodes, constants, shape=(1, 1, SIZE, SIZE))
    axes = [axis for axis in analyze(path).outputs[0].axes if axis.input_axis == 2]
    if period is None:
        assert all(axis.period is None for axis in axes)
        return
    assert [axis.period for axis in axes] == [period]
    x = np.random.default_rng(0).normal(size=(1, 1, SIZE, SIZE)).astype(np.float32)
    y = run(path, x)
    assert y is not None
    _check_windows(path, axes[0], x, y)
    _check_shift(path, axes[0], x, y)


GLOBAL: dict[str, list[Node]] = {
    "image level of a pyramid, resized": [
        node("GlobalAveragePool", "x", "g"),
        node("Shape", "x", "s"),
        node(
            "Resize", "g - - s", "r", mode="linear", coordinate_transformation_mode="align_corners"
        ),
        node("Concat", "x r", "y", axis=1),
    ],
    "squeeze and excite": [
        node("ReduceMean", "x", "m", axes=[2, 3]),
        node("Sigmoid", "m", "e"),
        node("Mul", "x e", "y"),
    ],
    "pooled by one window": [
        node("AveragePool", "x", "m", kernel_shape=[60, 60]),
        node("Sub", "x m", "y"),
    ],
    "expanded": [
        node("ReduceMax", "x", "m"),
        node("Shape", "x", "s"),
        node("Expand", "m s", "e"),
        node("Add", "x e", "y"),
    ],
    "instance norm": [node("InstanceNormalization", "x one zero", "y")],
}


@pytest.mark.parametrize("name", GLOBAL)
def test_a_global_dependence_keeps_the_period(name: str, tmp_path: Path) -> None:
    constants = {"one": np.ones(1, np.float32), "zero": np.zeros(1, np.float32)}
    path = save(tmp_path / "net.onnx", GLOBAL[name], constants, shape=(1, 1, SIZE, SIZE))
    for axis in analyze(path).outputs[0].axes:
        assert (axis.period, axis.is_global, axis.reads) == (1, True, None)
    x = np.random.default_rng(0).normal(size=(1, 1, SIZE, SIZE)).astype(np.float32)
    y, moved = run(path, x), run(path, np.roll(x, 7, axis=2))
    assert y is not None
    assert moved is not None
    np.testing.assert_allclose(moved, np.roll(y, 7, axis=2), rtol=1e-3, atol=1e-4)


def _check_windows(path: Path, axis: AxisContract, x: Any, y: Any) -> None:
    """No changed row of pixels reaches an output outside of the border whose window leaves
    it out.
    """
    assert axis.reads is not None
    assert axis.step is not None
    assert axis.period is not None
    length = y.shape[2]
    for row in range(SIZE):
        other = x.copy()
        other[:, :, row] += 3
        changed = np.flatnonzero((run(path, other) != y).any(axis=(0, 1, 3)))
        for j in changed[
            (changed >= axis.border[0]) & (changed < length - axis.border[1])
        ].tolist():
            k, phase = divmod(j, axis.step)
            window = axis.reads[phase]
            assert window is not None
            assert window[0] + axis.period * k <= row <= window[1] + axis.period * k, (row, j)


def _check_shift(path: Path, axis: AxisContract, x: Any, y: Any) -> None:
    """A shift by one period shifts the clean part of the output by one step."""
    assert axis.step is not None
    moved = run(path, np.roll(x, -axis.period, axis=2))  # type: ignore[operator]
    assert moved is not None
    first, last = axis.border[0], y.shape[2] - axis.border[1] - axis.step
    wrapped = 2 * axis.step + axis.border[1]  # outputs near the far end may read what was rolled in
    stop = max(last - wrapped, first)
    np.testing.assert_allclose(
        moved[:, :, first:stop], y[:, :, first + axis.step : stop + axis.step], rtol=1e-4, atol=1e-4
    )


def test_the_table_is_no_formality(tmp_path: Path) -> None:
    """A window narrower by one px is refuted."""
    import dataclasses

    nodes, constants, _ = TABLE["Conv"]
    path = save(tmp_path / "net.onnx", nodes, constants, shape=(1, 1, SIZE, SIZE))
    axis = analyze(path).outputs[0].axes[0]
    assert axis.reads is not None
    x = np.random.default_rng(0).normal(size=(1, 1, SIZE, SIZE)).astype(np.float32)
    y = run(path, x)
    narrow = dataclasses.replace(axis, reads=tuple(r and (r[0], r[1] - 1) for r in axis.reads))
    with pytest.raises(AssertionError):
        _check_windows(path, narrow, x, y)
