"""Operand sizes that must fit each other: a size that onnxruntime refuses is not called legal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from shiftlint import InputError, analyze
from shiftlint.verification.verify import contradictions, verify
from tests.shiftlint.graphs import Node, node, run, save, weights


class Case(NamedTuple):
    """A network and the shape of an image."""

    nodes: list[Node]
    constants: dict[str, Any]
    shape: Sequence[int] = ()
    opset: int = 17


SCALES = {"two": np.ones(2, np.float32), "three": np.ones(3, np.float32)}
HEADS = {"k": weights(1, 2, 6, 8), "v": weights(1, 2, 6, 8, seed=1)}
ATTENTION = node("Attention", "x k v", "y")
REFUSED = {  # by onnxruntime at these sizes
    "a grid for one image": Case(
        [node("GridSample", "x g", "y")], {"g": weights(1, 4, 4, 2)}, (2, 1, 8, 8)
    ),
    "a scale of other channels": Case(
        [node("InstanceNormalization", "x two two", "y")], SCALES, (1, 3, 8, 8)
    ),
    "statistics of other channels": Case(
        [node("BatchNormalization", "x two two two two", "y")], SCALES, (1, 3, 8, 8)
    ),
    "a scale for each group": Case(
        [node("GroupNormalization", "x two two", "y", num_groups=2)], SCALES, (1, 4, 8, 8), 21
    ),
    "a scale larger than what is scaled": Case(
        [node("LayerNormalization", "p x", "y", axis=1)], {"p": weights(1, 3, 1, 1)}, (1, 3, 8, 8)
    ),
    "a tuple that points beyond": Case([node("GatherND", "x i", "y")], {"i": [[1]]}, (1, 3, 8, 8)),
    "an index that points beyond": Case(
        [node("GatherElements", "x i", "y", axis=1)], {"i": np.full((1, 1, 1, 1), 3)}, (1, 3, 8, 8)
    ),
    "more indices than elements": Case(
        [node("GatherElements", "x i", "y", axis=1)],
        {"i": np.zeros((2, 1, 1, 1), np.int64)},
        (1, 3, 8, 8),
    ),
    "updates of another shape": Case(
        [node("ScatterND", "x i u", "y")], {"i": [[0, 1]], "u": weights(1, 8, 1)}, (1, 3, 8, 8)
    ),
    "lengths of fewer sequences": Case(
        [node("ReverseSequence", "x l", "y", batch_axis=0, time_axis=1)], {"l": [1]}, (2, 3, 8, 8)
    ),
    "no complex numbers": Case([node("DFT", "x", "y", axis=1)], {}, (1, 3, 8, 8)),
    "a sum that is not broadcast": Case(
        [node("Sum", "x one", "y")], {"one": np.ones(1, np.float32)}, (1, 3, 8, 8), 7
    ),
    "labels of another shape": Case(
        [node("SoftmaxCrossEntropyLoss", "x l", "y", reduction="none")],
        {"l": np.zeros((2, 1, 1), np.int64)},
        (1, 3, 8, 8),
    ),
    "heads that do not share": Case([ATTENTION], HEADS, (1, 3, 8, 8), 23),
    "a mask of other queries": Case(
        [node("Attention", "x k v m", "y")], HEADS | {"m": weights(1, 6)}, (1, 2, 4, 8), 23
    ),
}
ONE_BY_ONE = {  # constants of batch 1 beside the image
    "keys": Case([ATTENTION], HEADS, (1, 4, 6, 8), 23),
    "a grid": Case([node("GridSample", "x g", "y")], {"g": weights(1, 4, 4, 2)}, (1, 1, 8, 8)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_run_has_no_contract(name: str, tmp_path: Path) -> None:
    nodes, constants, shape, opset = REFUSED[name]
    path = save(tmp_path / "net.onnx", nodes, constants, shape=(*shape[:2], "h", "w"), opset=opset)
    assert run(path, np.zeros(shape, np.float32)) is None
    with pytest.raises(InputError, match="SL302 no legal size"):
        analyze(path)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_images_are_not_independent_beside_constants_of_one(name: str, tmp_path: Path) -> None:
    nodes, constants, shape, opset = ONE_BY_ONE[name]
    path = save(
        tmp_path / "net.onnx", nodes, constants, shape=("n", shape[1], "h", shape[3]), opset=opset
    )
    assert run(path, np.zeros(shape, np.float32)) is not None
    assert run(path, np.zeros((2, *shape[1:]), np.float32)) is None
    assert analyze(path).input.batch == "fixed"


def test_heads_of_queries_that_share_keys_know_their_place(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [ATTENTION], HEADS, shape=(1, "h", "w", 8), opset=23)
    y, x = analyze(path).outputs[0].axes
    assert (y.period, x.period) == (None, 1)
    assert contradictions(verify(path)) == []


DYNAMIC = {
    "transposed weights": Case(
        [node("ConvTranspose", "x w", "y", strides=[2, 2])], {"w": weights(5, 4, 2, 2)}
    ),
    "a pixel shuffle": Case([node("DepthToSpace", "x", "y", blocksize=2)], {}),
    "statistics": Case(
        [node("BatchNormalization", "x five five five five", "y")], {"five": np.ones(5, np.float32)}
    ),
    "a bias": Case([node("Add", "x b", "y")], {"b": weights(1, 7, 1, 1)}),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_a_dynamic_number_of_channels_is_one_that_the_network_takes(
    name: str, tmp_path: Path
) -> None:
    nodes, constants, _, opset = DYNAMIC[name]
    path = save(tmp_path / "net.onnx", nodes, constants, shape=("n", "c", "h", "w"), opset=opset)
    assert [axis.period for axis in analyze(path).outputs[0].axes] == [1, 1]
    assert contradictions(verify(path)) == []


def test_rows_that_are_merged_with_channels_follow_no_axis(tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx", [node("Flatten", "x", "y", axis=3)], shape=("n", "c", "h", "w")
    )
    assert [axis.name for axis in analyze(path).outputs[0].axes] == ["x"]


def test_greatest_elements_are_taken_of_axes_that_have_as_many(tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx",
        [node("TopK", "x k", "y places", axis=3)],
        {"k": [3]},
        shape=("n", 3, "h", "w"),
    )
    (y,) = analyze(path).outputs[0].axes
    assert y.sizes is not None
    assert run(path, np.zeros((1, 3, y.sizes.min, 3), np.float32)) is not None
    assert contradictions(verify(path)) == []


@pytest.mark.parametrize(("number", "periods"), [(0.5, [1, 1]), (1.7640524, [None, None])])
def test_a_mean_over_the_image_is_exact_or_another_at_every_size(
    number: float, periods: list[int | None], tmp_path: Path
) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Expand", "v s", "e"),
        node("ReduceMean", "e", "m"),
        node("Mul", "x m", "y"),
    ]
    path = save(tmp_path / "net.onnx", nodes, {"v": np.full((1, 1, 1, 1), number, np.float32)})
    assert [axis.period for axis in analyze(path).outputs[0].axes] == periods
