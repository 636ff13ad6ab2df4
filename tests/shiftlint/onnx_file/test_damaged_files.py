"""Our reader of ONNX files against onnx's own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from shiftlint import InputError
from shiftlint.calculus.note import SizeError
from shiftlint.onnx_file.constants import FORMATS, TYPES, type_name
from shiftlint.onnx_file.reader import graph_of, read_graph
from tests.shared import SHARED
from tests.shiftlint.graphs import node, save, weights
from tests.shiftlint.mutation import mutate
from tests.shiftlint.onnx_file.onnx_reader import comparable, graph_by_onnx

ROOT = Path(__file__).parents[3]
NETWORKS = sorted((ROOT / "tests" / "data" / "networks").glob("*.onnx"))
FILES = [*NETWORKS, *sorted((ROOT / "zoo").glob("*.onnx"))]
PUBLISHED = sorted((SHARED / "conformance").glob("*.onnx"))


def _stem(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", FILES, ids=_stem)
def test_networks_are_read_as_onnx_reads_them(path: Path) -> None:
    assert comparable(read_graph(path)) == comparable(graph_by_onnx(path.read_bytes()))


@pytest.mark.shared("conformance")
@pytest.mark.parametrize("path", PUBLISHED, ids=_stem)
def test_published_networks_are_read_as_onnx_reads_them(path: Path) -> None:
    assert comparable(read_graph(path)) == comparable(graph_by_onnx(path.read_bytes()))


@pytest.mark.parametrize("seed", range(200))
def test_what_both_read_of_a_damaged_file_is_the_same(seed: int) -> None:
    data = mutate(seed, NETWORKS[seed % len(NETWORKS)].read_bytes())
    ours, theirs = _by_us(data), _by_onnx(data)
    assert ours is None or theirs is None or ours == theirs


def _by_us(data: bytes) -> Any:
    with contextlib.suppress(InputError):
        return comparable(graph_of(data, where="damaged"))


def _by_onnx(data: bytes) -> Any:
    not_utf8 = (UnicodeDecodeError, TypeError)  # or the name comes as bytes
    with contextlib.suppress(DecodeError, SizeError, *not_utf8):
        return comparable(graph_by_onnx(data))


TENSORS: dict[str, Any] = {
    **{name: np.arange(6).reshape(2, 3).astype(name) for name in FORMATS},
    "scalar": np.asarray(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "negative": np.asarray([-1, -(2**63)]),
    "not a number": np.asarray([np.nan, np.inf, -0.0], np.float32),
}


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("name", TENSORS)
def test_constants_of_every_type_are_read(name: str, raw: bool, tmp_path: Path) -> None:
    array = TENSORS[name]
    data = array.tobytes() if raw else array.reshape(-1)
    tensor = helper.make_tensor(
        "k", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, data, raw=raw
    )
    path = _with_initializer(tensor, tmp_path)
    elements = read_graph(path).constants["k"].elements
    assert elements is not None
    read = elements.array()
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, numpy_helper.to_array(tensor))


def test_types_are_numbered_as_in_the_standard() -> None:
    for name, number in TensorProto.DataType.items():
        if name != "UNDEFINED":
            assert type_name(number) == np.dtype(helper.tensor_dtype_to_np_dtype(number)).name, name
    assert len(TYPES) == len(TensorProto.DataType.items())
    assert [type_name(number) for number in (0, -1, 99, 2**40)] == [""] * 4


def _with_initializer(tensor: TensorProto, tmp_path: Path) -> Path:
    path = save(tmp_path / "net.onnx", [node("Conv", "x w", "y")], {"w": weights(1, 1, 3, 3)})
    model = onnx.load(path)
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())
    return path


def test_what_does_not_fill_its_shape_keeps_its_sizes_alone(tmp_path: Path) -> None:
    tensor = TensorProto(name="k", dims=[4], data_type=TensorProto.FLOAT, raw_data=bytes(12))
    constant = read_graph(_with_initializer(tensor, tmp_path)).constants["k"]
    assert (constant.shape, constant.elements) == ((4,), None)


def test_external_and_segmented_data_are_never_looked_for(tmp_path: Path) -> None:
    external = TensorProto(
        name="k",
        dims=[2],
        data_type=TensorProto.FLOAT,
        data_location=TensorProto.EXTERNAL,
        raw_data=bytes(8),
    )
    assert read_graph(_with_initializer(external, tmp_path)).constants["k"].elements is None
    segmented = TensorProto(
        name="k",
        dims=[2],
        data_type=TensorProto.FLOAT,
        raw_data=bytes(8),
        segment=TensorProto.Segment(begin=1),
    )
    assert read_graph(_with_initializer(segmented, tmp_path)).constants["k"].elements is None


def test_overloads_of_a_function_are_told_apart(tmp_path: Path) -> None:
    def function(overload: str, op: str) -> onnx.FunctionProto:
        body = [helper.make_node(op, ["a"], ["b"])]
        return helper.make_function(
            "own", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)], overload=overload
        )

    path = save(tmp_path / "net.onnx", [node("Relu", "x", "y")])
    model = onnx.load(path)
    model.functions.extend([function("", "Relu"), function("second", "Neg")])
    model.graph.node[0].CopyFrom(
        helper.make_node("F", ["x"], ["y"], domain="own", overload="second")
    )
    graph = graph_of(model.SerializeToString(), where="model")
    assert set(graph.functions) == {("own", "F"), ("own", "F:second")}
    assert graph.functions["own", graph.nodes[0].op].body.nodes[0].op == "Neg"


def test_a_graph_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Protobuf's libraries merge them: a runtime would see nodes that a reader of the last one does
    not.
    """
    data = save(tmp_path / "net.onnx", [node("Relu", "x", "y")]).read_bytes()
    with pytest.raises(InputError, match=r"^SL001 not an ONNX model .* \(field 7 occurs twice"):
        graph_of(
            data + onnx.ModelProto(graph=onnx.GraphProto(name="more")).SerializeToString(),
            where="net.onnx",
        )


@pytest.mark.parametrize("sizes", [(2**62,), (2**40 + 1,)], ids=str)
def test_sizes_beyond_reason_are_refused(sizes: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^SL001 .* a size of"):
        read_graph(
            _with_initializer(
                TensorProto(name="k", dims=sizes, data_type=TensorProto.FLOAT), tmp_path
            )
        )


def test_a_negative_size_leaves_nothing_known(tmp_path: Path) -> None:
    tensor = TensorProto(name="k", dims=[-1, 2], data_type=TensorProto.FLOAT, raw_data=bytes(8))
    assert read_graph(_with_initializer(tensor, tmp_path)).constants["k"].elements is None
