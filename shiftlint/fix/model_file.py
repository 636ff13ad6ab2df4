"""Load a model to change it, and show the difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.errors import InputError
from shiftlint.onnx_file import reader as graph
from shiftlint.onnx_file.graph import Graph

if TYPE_CHECKING:
    import onnx


def graph_of(model: onnx.ModelProto) -> Graph:
    """The read-only view of a model in memory."""
    return graph.graph_of(model.SerializeToString(), where="the changed model")


def load_model(path: Path) -> onnx.ModelProto:
    """The model without its external data; InputError (SL001) if the file is not a model."""
    import onnx
    from google.protobuf.message import DecodeError

    graph.read_graph(path)  # for its better error messages
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise InputError(
            f"not an ONNX model ({path}): expected a protobuf of type ModelProto, got: {error}.",
            code="SL001",
        ) from error
    return model


def has_external_data(model: onnx.ModelProto) -> bool:
    """Whether weights are in other files, whose paths are relative to the model's folder."""
    import onnx

    return any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)


def difference(before: onnx.ModelProto, after: onnx.ModelProto, name: str) -> str:
    """The changes of metadata and nodes as a unified diff; "" if there are none."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"{name} (as it is)", f"{name} (fixed)", n=1, lineterm=""
    )
    return "\n".join(lines)


def _lines(model: onnx.ModelProto) -> list[str]:
    from onnx.helper import printable_node

    metadata: Iterable[str] = (
        f"metadata {entry.key} = {entry.value}"
        for entry in sorted(model.metadata_props, key=lambda e: e.key)
    )
    return [
        *metadata,
        *(f"{node.name or node.op_type}: {printable_node(node)}" for node in model.graph.node),
    ]
