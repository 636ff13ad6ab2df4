"""Control flow, local functions, and reports on nodes that cannot be analyzed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shiftlint import analyze
from shiftlint.contract.values import OutputContract
from tests.shiftlint.graphs import node, save, weights


def _branch(op: str, **attributes: Any) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    return helper.make_graph(
        [helper.make_node(op, ["x"], ["b"], **attributes)], "branch", [], [value]
    )


POOL, SAME = _branch("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), _branch("Relu")


def _output(path: Path) -> OutputContract:
    return analyze(path).outputs[0]


@pytest.mark.parametrize(("condition", "period"), [(True, 2), (False, 1)])
def test_a_constant_condition_is_followed(condition: bool, period: int, tmp_path: Path) -> None:
    nodes = [node("If", "c", "y", then_branch=POOL, else_branch=SAME)]
    path = save(tmp_path / "net.onnx", nodes, {"c": np.asarray(condition)})
    assert [axis.period for axis in _output(path).axes] == [period, period]


def test_branches_by_the_image_are_unknown(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMax", "x", "m", keepdims=0),
        node("Greater", "m zero", "c"),
        node("If", "c", "y", then_branch=POOL, else_branch=SAME),
    ]
    output = _output(save(tmp_path / "net.onnx", nodes, {"zero": np.float32(0)}))
    assert all(axis.period is None for axis in output.axes)
    assert any((reason.kind, reason.op) == ("unknown", "If") for reason in output.reasons)


def test_branches_that_agree_are_joined(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMax", "x", "m", keepdims=0),
        node("Greater", "m zero", "c"),
        node("If", "c", "y", then_branch=SAME, else_branch=_branch("Neg")),
    ]
    axes = _output(save(tmp_path / "net.onnx", nodes, {"zero": np.float32(0)})).axes
    assert [(axis.period, axis.is_global) for axis in axes] == [(1, True), (1, True)]


def test_a_loop_of_constant_count_is_unrolled(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("MaxPool", ["v"], ["w"], kernel_shape=[2, 2], strides=[2, 2]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    path = save(
        tmp_path / "net.onnx", [node("Loop", "m - x", "y", body=body)], {"m": np.asarray(3)}
    )
    assert [axis.period for axis in _output(path).axes] == [8, 8]


def test_a_local_function_is_interpreted_with_its_attributes(tmp_path: Path) -> None:
    model = onnx.load(
        save(
            tmp_path / "net.onnx",
            [node("Down", "x w", "y", domain="own", factor=[3, 3])],
            {"w": weights(1, 1, 3, 3)},
        )
    )
    convolution = helper.make_node("Conv", ["image", "kernel"], ["result"])
    convolution.attribute.append(
        onnx.AttributeProto(name="strides", ref_attr_name="factor", type=onnx.AttributeProto.INTS)
    )
    function = helper.make_function(
        "own",
        "Down",
        ["image", "kernel"],
        ["result"],
        [convolution],
        [helper.make_opsetid("", 17)],
        ["factor"],
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(model, tmp_path / "net.onnx")
    assert [axis.period for axis in _output(tmp_path / "net.onnx").axes] == [3, 3]


def test_a_function_that_calls_itself_ends(tmp_path: Path) -> None:
    model = onnx.load(save(tmp_path / "net.onnx", [node("Again", "x", "y", domain="own")]))
    calls = [
        helper.make_node("Again", ["a"], ["b"], domain="own"),
        helper.make_node("Again", ["b"], ["c"], domain="own"),
    ]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model.functions.append(helper.make_function("own", "Again", ["a"], ["c"], calls, imports))
    model.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(model, tmp_path / "net.onnx")
    assert all(axis.period is None for axis in _output(tmp_path / "net.onnx").axes)


def test_omitted_inputs_at_the_end_are_no_inputs(tmp_path: Path) -> None:
    output = _output(save(tmp_path / "net.onnx", [node("Relu", "x -", "y")]))
    assert [axis.period for axis in output.axes] == [1, 1]


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        (node("Nonsense", "x", "y"), "does not know Nonsense"),
        (node("NonMaxSuppression", "x x", "y"), "regions are taken"),
        (node("Relu", "x", "y", alpha=1.0), "attribute alpha"),
        (node("Softmax", "x", "y", axis="two"), "attribute axis of the wrong type"),
        (node("Add", "x -", "y"), "an input left out"),
    ],
    ids=["unknown", "unanalyzed", "attribute", "type", "input"],
)
def test_what_is_not_analyzed_says_why(operator: Any, reason: str, tmp_path: Path) -> None:
    output = _output(save(tmp_path / "net.onnx", [node("Identity", "x", "a"), operator]))
    assert not output.axes
    assert any(reason in found.text and operator[0] in str(found) for found in output.reasons), (
        output.reasons
    )
