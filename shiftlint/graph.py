"""A read-only view of an ONNX file: nodes in order, attributes, shapes and small constants. Weights are never read.

Spec: https://github.com/onnx/onnx/blob/main/docs/IR.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shiftlint.axes import Tensor, constant, plain
from shiftlint.errors import InputError

if TYPE_CHECKING:
    import onnx

MAXIMUM_CONSTANT = 1 << 16  # elements; larger constants are weights
HASHED_WEIGHT = 256  # elements; smaller floating-point constants (scales, sizes) belong to the identity of a graph
DEFAULT_DOMAINS = {"", "ai.onnx"}


@dataclass(frozen=True, slots=True)
class Node:
    """One operator call; omitted inputs are ""."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """A graph input or output: its shape holds an int or the name of a dynamic size per dimension."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a model, with what identifies it."""

    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    constants: Mapping[str, Tensor]
    opset: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    sha256: str


def read_graph(path: Path) -> Graph:
    """Read the graph of an ONNX file.

    Raises
    ------
    InputError
        Rule SL001: the file is missing, empty, truncated or not ONNX.
    """
    model = load_proto(path)
    proto = model.graph
    nodes = _needed([_node(n, index) for index, n in enumerate(proto.node)], {o.name for o in proto.output})
    constants = {t.name: _initializer(t) for t in proto.initializer}
    opset = {"" if o.domain in DEFAULT_DOMAINS else o.domain: o.version for o in model.opset_import}
    inputs = tuple(_value(v) for v in proto.input if v.name not in constants)
    outputs = tuple(_value(v) for v in proto.output)
    return Graph(
        nodes,
        inputs,
        outputs,
        constants,
        opset,
        f"{model.producer_name} {model.producer_version}".strip(),
        {entry.key: entry.value for entry in model.metadata_props},
        _identity(nodes, inputs, outputs, constants, opset),
    )


def load_proto(path: Path) -> onnx.ModelProto:
    """Parse an ONNX file without its external data; InputError (SL001) if it is none."""
    import onnx  # 0.15 s: only where a model is read
    from google.protobuf.message import DecodeError

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"SL001 cannot read model ({path}): expected an ONNX file, got: {error.strerror}.") from error
    if not data:
        raise InputError(f"SL001 empty model ({path}): expected an ONNX file, got 0 bytes. Fetch or export it again.")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"SL001 not an ONNX model ({path}): expected a protobuf of type ModelProto, got {len(data)} bytes that are none "
            "(truncated, or another format). Fetch or export it again."
        ) from error
    if not model.graph.node or not model.opset_import:
        missing = "nodes" if not model.graph.node else "an opset_import"
        raise InputError(
            f"SL001 not an ONNX model ({path}): expected {missing}, got none. Is the file truncated or another format?"
        )
    return model


def _node(proto: onnx.NodeProto, index: int) -> Node:
    domain = "" if proto.domain in DEFAULT_DOMAINS else proto.domain
    return Node(
        proto.name or f"{proto.op_type}#{index}",
        proto.op_type,
        domain,
        tuple(proto.input),
        tuple(proto.output),
        {a.name: _attribute(a) for a in proto.attribute},
    )


def _attribute(proto: onnx.AttributeProto) -> Any:
    """An attribute as int, float, str, tuple of these, Tensor, or the bare proto of a subgraph."""
    import onnx

    match proto.type:
        case onnx.AttributeProto.INT:
            return int(proto.i)
        case onnx.AttributeProto.FLOAT:
            return float(proto.f)
        case onnx.AttributeProto.STRING:
            return proto.s.decode("utf-8", "replace")
        case onnx.AttributeProto.INTS:
            return tuple(int(i) for i in proto.ints)
        case onnx.AttributeProto.FLOATS:
            return tuple(float(f) for f in proto.floats)
        case onnx.AttributeProto.STRINGS:
            return tuple(s.decode("utf-8", "replace") for s in proto.strings)
        case onnx.AttributeProto.TENSOR:
            return _initializer(proto.t)
        case _:
            return proto


def _initializer(proto: onnx.TensorProto) -> Tensor:
    """A constant: its elements where they are few or integers, else its sizes alone."""
    import onnx

    dims = tuple(int(d) for d in proto.dims)
    external = proto.data_location == onnx.TensorProto.EXTERNAL
    if external or any(d < 0 for d in dims) or prod(dims) > MAXIMUM_CONSTANT:
        return plain(*(max(d, 0) for d in dims))
    try:
        return constant(onnx.numpy_helper.to_array(proto))
    except (ValueError, TypeError, KeyError):  # an element type that numpy lacks, or data that do not fill the shape
        return plain(*dims)


def _value(proto: onnx.ValueInfoProto) -> Value:
    import onnx

    kind = proto.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    except (KeyError, TypeError):
        dtype = "unknown"
    shape = tuple(
        int(d.dim_value) if d.HasField("dim_value") else d.dim_param or f"d{index}" for index, d in enumerate(kind.shape.dim)
    )
    return Value(proto.name, dtype, shape)


def _needed(nodes: list[Node], wanted: set[str]) -> tuple[Node, ...]:
    """The nodes that an output hangs on, in their order."""
    import onnx

    wanted = set(wanted)
    kept: list[Node] = []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        kept.append(node)
        wanted.update(name for name in node.inputs if name)
        for attribute in node.attributes.values():
            if isinstance(attribute, onnx.AttributeProto):
                wanted.update(_captured(attribute.g))
    return tuple(reversed(kept))


def _captured(graph: onnx.GraphProto) -> Iterable[str]:
    """All names that a subgraph mentions: those it takes from outside are among them."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            yield from _captured(attribute.g)
    yield from (output.name for output in graph.output)


def _identity(
    nodes: tuple[Node, ...],
    inputs: tuple[Value, ...],
    outputs: tuple[Value, ...],
    constants: Mapping[str, Tensor],
    opset: Mapping[str, int],
) -> str:
    """sha256 of nodes, attributes, types, and of the elements of integer or small constants."""
    digest = hashlib.sha256(repr((sorted(opset.items()), inputs, outputs)).encode())
    for node in nodes:
        attributes = [(name, _fingerprint(value)) for name, value in sorted(node.attributes.items())]
        digest.update(repr((node.op, node.domain, node.inputs, node.outputs, attributes)).encode())
    used = {name for node in nodes for name in node.inputs}
    for name in sorted(used & set(constants)):
        digest.update(repr((name, _fingerprint(constants[name]))).encode())
    return digest.hexdigest()


def _fingerprint(value: Any) -> Any:
    if isinstance(value, Tensor):
        array = value.value
        if array is None or (array.dtype.kind == "f" and array.size > HASHED_WEIGHT):
            return value.shape
        return (value.shape, array.dtype.name, array.tobytes())
    return value if isinstance(value, int | float | str | tuple) else value.SerializeToString(deterministic=True)
