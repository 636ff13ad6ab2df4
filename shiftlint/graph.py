"""A read-only view of an ONNX file: nodes in order, attributes, shapes and small constants. Weights are never read.

Spec: https://github.com/onnx/onnx/blob/main/docs/IR.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shiftlint.axes import LARGEST_SIZE, SizeError, Tensor, constant, plain
from shiftlint.errors import InputError

if TYPE_CHECKING:
    import onnx

MAXIMUM_CONSTANT = 1 << 16  # elements; larger constants are weights
MAXIMUM_MASK = 1 << 20  # elements; baked masks and embeddings, which meet the image element by element, are read up to this
MAXIMUM_NODES = 50_000  # a hundred times a large network
WEIGHTED = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "FusedConv", "NhwcFusedConv", "LSTM", "GRU", "RNN"})
HASHED_WEIGHT = 256  # elements; smaller floating-point constants (scales, sizes) belong to the identity of a graph
DEFAULT_DOMAINS = {"", "ai.onnx"}


@dataclass(frozen=True, slots=True)
class Node:
    """One operator call; omitted inputs are "". `captured` are names that its subgraphs mention: theirs and outer ones."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    captured: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subgraph:
    """The body of a control flow operator."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Function:
    """A local function of the model: its body, and the attributes that it takes with their defaults (None: required)."""

    body: Subgraph
    attributes: Mapping[str, Any]
    opset: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AttributeReference:
    """In the body of a function: the value of the function's own attribute of this name."""

    name: str


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
    functions: Mapping[tuple[str, str], Function] = field(default_factory=dict)


def read_graph(path: Path) -> Graph:
    """Read the graph of an ONNX file.

    Raises
    ------
    InputError
        Rule SL001: the file is missing, empty, truncated or not ONNX.
    """
    model = load_proto(path)
    try:
        return _graph(model, path)
    except (UnicodeDecodeError, SizeError) as error:
        what = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InputError(f"SL001 damaged model ({path}): expected valid names and sizes, got {what}. Export it again.") from error


def _graph(model: onnx.ModelProto, path: Path) -> Graph:
    proto = model.graph
    if len(proto.node) > MAXIMUM_NODES:
        raise InputError(
            f"SL001 too large a graph ({path}): expected at most {MAXIMUM_NODES} nodes, got {len(proto.node)}. "
            "Unrolled loops make such graphs: export the network without them."
        )
    every = [_node(n, index) for index, n in enumerate(proto.node)]
    masks = {name for node in every if node.op not in WEIGHTED for name in node.inputs}
    constants = {_text(t.name): _initializer(t, MAXIMUM_MASK if t.name in masks else MAXIMUM_CONSTANT) for t in proto.initializer}
    inputs = tuple(_value(v) for v in proto.input if v.name not in constants)
    outputs = tuple(_value(v) for v in proto.output)
    _check_order(
        every, {v.name for v in inputs} | set(constants), {_text(s.values.name) for s in proto.sparse_initializer}, outputs, path
    )
    nodes = _needed(every, {o.name for o in outputs})
    opset = _opset(model.opset_import)
    functions = {(_domain(f.domain), _text(f.name)): _function(f) for f in model.functions}
    return Graph(
        nodes,
        inputs,
        outputs,
        constants,
        opset,
        f"{_text(model.producer_name)} {_text(model.producer_version)}".strip(),
        {_text(entry.key): _text(entry.value) for entry in model.metadata_props},
        _identity(nodes, inputs, outputs, constants, opset),
        functions,
    )


def _check_order(nodes: list[Node], known: set[str], sparse: set[str], outputs: tuple[Value, ...], path: Path) -> None:
    """InputError unless every name is defined once, and before it is read."""
    defined = known | sparse | {""}
    for node in nodes:
        for name in node.inputs:
            if name not in defined:
                made = any(name in other.outputs for other in nodes)
                what = "is computed behind it (unsorted or cyclic)" if made else "nothing defines"
                raise InputError(
                    f"SL001 invalid graph ({path}): expected every input to be defined before it is read, got node "
                    f"{node.name} ({node.op}) with input {name!r}, which {what}. Export it again."
                )
        for name in node.outputs:
            if name and name in defined:
                raise InputError(
                    f"SL001 invalid graph ({path}): expected every name to be defined once, got {name!r} twice, the second "
                    f"time by node {node.name} ({node.op}). Export it again."
                )
            defined.add(name)
    missing = [value.name for value in outputs if value.name not in defined]
    if missing or not outputs:
        what = f"{missing[0]!r}, which nothing computes" if missing else "none"
        raise InputError(f"SL001 invalid graph ({path}): expected outputs that are computed, got {what}. Export it again.")


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


def _text(name: str | bytes) -> str:
    """A name; protobuf gives bytes where it is not UTF-8, which raises UnicodeDecodeError."""
    return name if isinstance(name, str) else name.decode("utf-8")


def _domain(domain: str) -> str:
    domain = _text(domain)
    return "" if domain in DEFAULT_DOMAINS else domain


def _opset(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {_domain(o.domain): o.version for o in imports}


def _node(proto: onnx.NodeProto, index: int) -> Node:
    attributes = {_text(a.name): _attribute(a) for a in proto.attribute}
    captured: set[str] = set()
    for value in attributes.values():
        if isinstance(value, Subgraph):
            captured.update(value.outputs, *(node.captured | set(node.inputs) for node in value.nodes))
    name = _text(proto.name) or f"{_text(proto.op_type)}#{index}"
    inputs, outputs = tuple(map(_text, proto.input)), tuple(map(_text, proto.output))
    return Node(name, _text(proto.op_type), _domain(proto.domain), inputs, outputs, attributes, frozenset(captured))


def _subgraph(proto: onnx.GraphProto) -> Subgraph:
    return Subgraph(
        tuple(_node(n, index) for index, n in enumerate(proto.node)),
        tuple(_text(v.name) for v in proto.input),
        tuple(_text(v.name) for v in proto.output),
        {_text(t.name): _initializer(t) for t in proto.initializer},
    )


def _function(proto: onnx.FunctionProto) -> Function:
    nodes = tuple(_node(n, index) for index, n in enumerate(proto.node))
    defaults = {a.name: _attribute(a) for a in proto.attribute_proto}
    attributes = dict.fromkeys(proto.attribute) | defaults
    return Function(
        Subgraph(nodes, tuple(map(_text, proto.input)), tuple(map(_text, proto.output)), {}), attributes, _opset(proto.opset_import)
    )


def _attribute(proto: onnx.AttributeProto) -> Any:
    """An attribute as int, float, str, tuple of these, Tensor, Subgraph; the bare proto of what no operator on an image has."""
    import onnx

    if proto.ref_attr_name:
        return AttributeReference(_text(proto.ref_attr_name))
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
            return _initializer(proto.t, MAXIMUM_MASK)
        case onnx.AttributeProto.GRAPH:
            return _subgraph(proto.g)
        case _:
            return proto


def _initializer(proto: onnx.TensorProto, largest: int = MAXIMUM_CONSTANT) -> Tensor:
    """A constant: its elements where they are few or integers, else its sizes alone."""
    import onnx

    dims = tuple(int(d) for d in proto.dims)
    external = proto.data_location == onnx.TensorProto.EXTERNAL
    if external or any(d < 0 for d in dims) or prod(dims) > largest:
        return plain(*(max(d, 0) for d in dims))
    try:
        array = onnx.numpy_helper.to_array(proto)
    except (ValueError, TypeError, KeyError, OverflowError):  # a type that numpy lacks, or data that do not fill the shape
        return plain(*dims)
    return constant(array) if array.dtype.kind in "biuf" else plain(*dims)


def _value(proto: onnx.ValueInfoProto) -> Value:
    import onnx

    kind = proto.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    except (KeyError, TypeError):
        dtype = "unknown"
    shape = tuple(
        int(d.dim_value) if 0 < d.dim_value <= LARGEST_SIZE else _text(d.dim_param) or f"d{index}"
        for index, d in enumerate(kind.shape.dim)
    )
    return Value(_text(proto.name), dtype, shape)


def _needed(nodes: list[Node], wanted: set[str]) -> tuple[Node, ...]:
    """The nodes that an output hangs on, in their order."""
    wanted = set(wanted)
    kept: list[Node] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(name for name in node.inputs if name)
            wanted |= node.captured
    return tuple(reversed(kept))


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
        digest.update(repr((node.op, node.domain, node.inputs, node.outputs, _fingerprint(node.attributes))).encode())
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
    if isinstance(value, Subgraph):
        nodes = [(n.op, n.domain, n.inputs, n.outputs, _fingerprint(n.attributes)) for n in value.nodes]
        return (nodes, value.inputs, value.outputs, _fingerprint(value.constants))
    if isinstance(value, Mapping):
        return [(name, _fingerprint(one)) for name, one in sorted(value.items())]
    if isinstance(value, int | float | str | tuple | AttributeReference):
        return value
    return value.SerializeToString(deterministic=True)
