"""Values that follow from the input's size: where they enter elements, sizes share no contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint import analyze
from shiftlint.verification.verify import contradictions, verify
from tests.shiftlint.graphs import Node, node, save

TWO = {
    "two": np.int64(2),
    "zero": np.int64(0),
    "one": np.int64(1),
    "four": np.int64(4),
    "list": [1],
}
HEIGHT = [node("Shape", "x", "shape"), node("Gather", "shape two", "h")]
AS_FLOAT = [*HEIGHT, node("Cast", "h", "f", to=1)]
REMAINDER = [*HEIGHT, node("Mod", "h m", "r")]
CHOICE = [node("Cast", "x", "i", to=7), node("Clip", "i zero four", "c")]
TIMES = node("Mul", "x f", "y")

DIFFERENT: dict[str, tuple[list[Node], dict[str, Any]]] = {  # at every height another function
    "a factor": ([*AS_FLOAT, TIMES], TWO),
    "a term that repeats": (
        [*REMAINDER, node("Cast", "r", "f", to=1), node("Add", "x f", "y")],
        TWO | {"m": [7]},
    ),
    "a factor per channel": (
        [*AS_FLOAT, node("Mul", "k f", "kf"), node("Mul", "x kf", "y")],
        TWO | {"k": np.arange(2, dtype=np.float32).reshape(1, 2, 1, 1)},
    ),
    "weights": (
        [*AS_FLOAT, node("Mul", "w f", "wf"), node("Conv", "x wf", "y")],
        TWO | {"w": np.ones((1, 1, 3, 3), np.float32)},
    ),
    "a table": (
        [
            *HEIGHT,
            node("Range", "zero h one", "r"),
            node("Sub", "h r", "t"),
            *CHOICE,
            node("Gather", "t c", "g"),
            node("Cast", "g", "y", to=1),
        ],
        TWO,
    ),
    "the size of another tensor": (
        [
            *(
                *HEIGHT,
                node("Reshape", "h list", "hs"),
                node("ConstantOfShape", "hs", "zeros"),
                node("Size", "zeros", "n"),
            ),
            *(node("Cast", "n", "f", to=1), TIMES),
        ],
        TWO,
    ),
}
SAME: dict[
    str, tuple[list[Node], dict[str, Any]]
] = {  # arithmetic with sizes that comes to the same everywhere
    "a ratio": (
        [
            *HEIGHT,
            node("Mul", "h two", "hh"),
            node("Div", "hh h", "q"),
            node("Cast", "q", "f", to=1),
            TIMES,
        ],
        TWO,
    ),
    "channels": (
        [
            node("Shape", "x", "shape"),
            node("Gather", "shape one", "c"),
            node("Cast", "c", "f", to=1),
            TIMES,
        ],
        TWO,
    ),
    "spread over the image": (
        [node("Shape", "x", "shape"), node("Expand", "k shape", "e"), node("Add", "x e", "y")],
        {"k": np.full((1, 1, 1, 1), 3, np.float32)},
    ),
    "a crop": (
        [
            *HEIGHT,
            node("Sub", "h two", "e"),
            node("Reshape", "e list", "es"),
            node("Slice", "x list es ax", "y"),
        ],
        TWO | {"ax": [2]},
    ),
    "a table of constants": (
        [*CHOICE, node("Gather", "t c", "y")],
        TWO | {"t": np.arange(5, dtype=np.float32) ** 2},
    ),
}


def test_values_that_repeat_are_sizes_that_repeat(tmp_path: Path) -> None:
    nodes = [*REMAINDER, node("Gather", "k r", "f"), TIMES]
    y, x = (
        analyze(
            save(
                tmp_path / "net.onnx",
                nodes,
                TWO | {"m": np.int64(2), "k": np.array([1, 2], np.float32)},
            )
        )
        .outputs[0]
        .axes
    )
    assert y.sizes is not None
    assert (y.period, y.sizes.modulus, y.sizes.residues, y.sizes.misaligned) == (1, 2, (0,), (1,))
    assert x.sizes is not None
    assert (x.period, x.sizes.modulus) == (1, 1)


@pytest.mark.parametrize("name", DIFFERENT)
def test_no_contract_holds_for_the_height(name: str, tmp_path: Path) -> None:
    contract = analyze(save(tmp_path / "net.onnx", *DIFFERENT[name]))
    y = next(axis for axis in contract.outputs[0].axes if axis.name == "y")
    assert y.period is None
    assert any(reason.kind == "size" for reason in contract.outputs[0].reasons)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_width_has_one(name: str, tmp_path: Path) -> None:
    x = next(
        axis
        for axis in analyze(save(tmp_path / "net.onnx", *DIFFERENT[name])).outputs[0].axes
        if axis.name == "x"
    )
    assert x.period == 1


@pytest.mark.parametrize("name", SAME)
def test_what_is_the_same_at_every_size_costs_nothing(name: str, tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", *SAME[name])
    contract = analyze(path)
    assert [axis.period for axis in contract.outputs[0].axes] == [1, 1]
    assert contract.outputs[0].reasons == ()
    assert contradictions(verify(path)) == []


def test_the_size_is_part_of_a_static_network(tmp_path: Path) -> None:
    nodes, constants = DIFFERENT["a factor"]
    contract = analyze(save(tmp_path / "net.onnx", nodes, constants, shape=(1, 1, 64, 48)))
    assert [axis.period for axis in contract.outputs[0].axes] == [1, 1]


def test_an_export_that_runs_at_one_size_is_described_there(tmp_path: Path) -> None:
    """The dimension has a dynamic name; the reshape fixes 224 px."""
    nodes = [node("Reshape", "x s", "r"), node("Conv", "r w", "y", pads=[1] * 4)]
    path = save(
        tmp_path / "net.onnx",
        nodes,
        {"s": [1, 1, 224, 224], "w": np.ones((1, 1, 3, 3), np.float32)},
    )
    for axis in analyze(path).outputs[0].axes:
        assert axis.period == 1
        assert axis.sizes is not None
        assert (axis.sizes.min, axis.sizes.max) == (224, 224)
