"""Bad input: one clear error, never a traceback, never long."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shiftlint import InputError, analyze
from tests.shiftlint.graphs import node, save, weights
from tests.shiftlint.mutation import mutate

NETWORKS = sorted((Path(__file__).parents[2] / "data" / "networks").glob("*.onnx"))


def _convolution(path: Path) -> onnx.ModelProto:
    return onnx.load(
        save(path, [node("Conv", "x w", "a"), node("Relu", "a", "y")], {"w": weights(1, 1, 3, 3)})
    )


def _cyclic(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "y"


def _unsorted(model: onnx.ModelProto) -> None:
    model.graph.node.append(model.graph.node[0])
    del model.graph.node[0]


def _undefined(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nobody"


def _twice(model: onnx.ModelProto) -> None:
    model.graph.node[1].output[0] = "a"


def _no_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "z"


def _huge(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 2**62


DAMAGES: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "cyclic": (_cyclic, "unsorted or cyclic"),
    "unsorted": (_unsorted, "unsorted or cyclic"),
    "undefined": (_undefined, "which nothing defines"),
    "twice": (_twice, "got 'a' twice"),
    "no output": (_no_output, "'z', which nothing computes"),
    "huge": (_huge, "a size of"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_one_clear_error(name: str, tmp_path: Path) -> None:
    damage, expected = DAMAGES[name]
    model = _convolution(tmp_path / "net.onnx")
    damage(model)
    path = tmp_path / "damaged.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=re.escape(expected)) as caught:
        analyze(path)
    assert caught.value.code == "SL001"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"no model", b"\x08\x07"], ids=["empty", "zero", "text", "version only"]
)
def test_what_is_no_model_is_said_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(InputError, match="SL001"):
        analyze(tmp_path / "net.onnx")


def test_names_that_are_not_utf8_are_said_so(tmp_path: Path) -> None:
    data = (
        _convolution(tmp_path / "net.onnx").SerializeToString().replace(b"Relu_1", b"Relu\xff\xfe")
    )
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(InputError, match="SL001"):
        analyze(tmp_path / "net.onnx")


def test_external_weights_are_never_read(tmp_path: Path) -> None:
    """Neither missing files nor paths out of the folder matter: only sizes are used."""
    model = _convolution(tmp_path / "net.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    tensor.external_data.add(key="length", value=str(10 * 2**30))
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    axis = analyze(tmp_path / "net.onnx").outputs[0].axes[0]
    assert (axis.period, axis.reads) == (1, ((0, 2),))


def test_ten_thousand_nodes(tmp_path: Path) -> None:
    names = ["x", *(f"t{k}" for k in range(9999)), "y"]
    nodes = [node("Relu" if k % 2 else "Neg", names[k], names[k + 1]) for k in range(10_000)]
    path = save(tmp_path / "net.onnx", nodes)
    assert analyze(path).outputs[0].axes[0].period == 1


def test_a_hundred_thousand_nodes_are_refused(tmp_path: Path) -> None:
    names = ["x", *(f"t{k}" for k in range(99_999)), "y"]
    path = save(
        tmp_path / "net.onnx", [node("Relu", names[k], names[k + 1]) for k in range(100_000)]
    )
    with pytest.raises(InputError, match="SL001 too large a graph"):
        analyze(path)


def test_deeply_nested_subgraphs_end(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "leaf", [], [value])
    for _ in range(20):
        inner = helper.make_node(
            "If", ["c"], ["b"], then_branch=body, else_branch=body if _ < 8 else _leaf()
        )
        body = helper.make_graph([inner], "level", [], [value])
    path = save(
        tmp_path / "net.onnx",
        [("If", ["c"], ["y"], {"then_branch": body, "else_branch": _leaf()})],
        {"c": np.asarray(True)},
    )
    try:
        contract = analyze(path)
    except InputError:
        return
    assert not contract.outputs[0].axes or contract.outputs[0].axes[0].period in {1, None}


def _leaf() -> onnx.GraphProto:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "leaf", [], [value])


@pytest.mark.parametrize("seed", range(120))
def test_a_damaged_model_is_analyzed_or_refused(seed: int, tmp_path: Path) -> None:
    """`python -m tests.shiftlint.mutation 5000 1 FILES…` runs many more."""
    path = tmp_path / "damaged.onnx"
    path.write_bytes(mutate(seed, NETWORKS[seed % len(NETWORKS)].read_bytes()))
    assert re.match(r"analyzed|SL\d{3} [^\n]+$", _outcome(path))


def _outcome(path: Path) -> str:
    try:
        return "analyzed" if analyze(path).outputs else "no outputs"
    except InputError as error:
        return str(error)
