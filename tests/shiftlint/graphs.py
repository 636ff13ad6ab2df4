"""Small graphs for the tests of the analyzer: written as a list of nodes, saved, and run by
onnxruntime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    """A node; names are separated by blanks, "-" is an omitted input."""
    return op, ["" if name == "-" else name for name in inputs.split()], outputs.split(), attributes


def save(
    path: Path,
    nodes: Sequence[Node],
    constants: Mapping[str, Any] | None = None,
    *,
    shape: Sequence[int | str] = ("n", 1, "h", "w"),
    opset: int = 17,
    outputs: Sequence[str] = ("y",),
) -> Path:
    """Write the graph from input `x` to `outputs`."""
    graph = helper.make_graph(
        [
            helper.make_node(
                op,
                i,
                o,
                domain=a.get("domain", ""),
                name=f"{op}_{k}",
                **{key: v for key, v in a.items() if key != "domain"},
            )
            for k, (op, i, o, a) in enumerate(nodes)
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in (constants or {}).items()
        ],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return path


def run(path: Path, x: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The first output by onnxruntime; None if it refuses the size or has no output."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    state = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        result: NDArray[np.float32] = np.asarray(session.run(None, {"x": x})[0], np.float32)
        return result
    except (state.RuntimeException, state.InvalidArgument, state.Fail):
        return None


def weights(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Random weights, none near zero: every px of a window has an effect."""
    rng = np.random.default_rng(seed)
    result: NDArray[np.float32] = (
        rng.uniform(0.5, 1.0, shape) * rng.choice([-1, 1], shape)
    ).astype(np.float32)
    return result
