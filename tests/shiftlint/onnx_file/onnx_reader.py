"""The graph of a model by onnx's own parser: the oracle for `shiftlint.onnx_file.reader`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from shiftlint.calculus.tensor import computed
from shiftlint.onnx_file.constants import FORMATS, LARGEST_SIZE, Constant
from shiftlint.onnx_file.graph import (
    AttributeReference,
    Function,
    Graph,
    Node,
    RawAttribute,
    Subgraph,
    Value,
    identity,
    needed,
)
from shiftlint.onnx_file.reader import DEFAULT_DOMAINS, MAXIMUM_CONSTANT, MAXIMUM_MASK, WEIGHTED


def graph_by_onnx(data: bytes) -> Graph:
    """Raises DecodeError, UnicodeDecodeError or SizeError where it is damaged."""
    model = onnx.ModelProto.FromString(data)
    proto = model.graph
    every = [_node(n, index) for index, n in enumerate(proto.node)]
    masks = {name for node in every if node.op not in WEIGHTED for name in node.inputs}
    constants = {
        t.name: _tensor(t, MAXIMUM_MASK if t.name in masks else MAXIMUM_CONSTANT)
        for t in proto.initializer
    }
    inputs = tuple(_value(v) for v in proto.input if v.name not in constants)
    outputs = tuple(_value(v) for v in proto.output)
    nodes = needed(every, (o.name for o in outputs))
    opset = _opset(model.opset_import)
    return Graph(
        nodes,
        inputs,
        outputs,
        constants,
        opset,
        f"{model.producer_name} {model.producer_version}".strip(),
        {entry.key: entry.value for entry in model.metadata_props},
        identity(nodes, inputs, outputs, constants, opset),
        {(_domain(f.domain), _overload(f.name, f.overload)): _function(f) for f in model.functions},
    )


def comparable(value: Any) -> Any:
    """Constants as their sizes, types and bytes, all else as it is: what two readers must
    agree on.
    """
    if isinstance(value, Constant):
        elements = value.elements
        return (
            value.shape,
            None if elements is None else (elements.shape, elements.dtype, elements.encoded()),
        )
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(comparable(one) for one in value)
    if isinstance(value, Node | Subgraph | Function | Graph):
        return tuple(comparable(getattr(value, name)) for name in type(value).__dataclass_fields__)
    return repr(value)  # two floats that are no numbers are alike


def _domain(domain: str) -> str:
    return "" if domain in DEFAULT_DOMAINS else domain


def _overload(name: str, overload: str) -> str:
    return f"{name}:{overload}" if overload else name


def _opset(imports: Any) -> dict[str, int]:
    return {_domain(one.domain): one.version for one in imports}


def _node(proto: onnx.NodeProto, index: int) -> Node:
    attributes = {a.name: _attribute(a) for a in proto.attribute}
    captured: set[str] = set()
    for value in attributes.values():
        if isinstance(value, Subgraph):
            captured.update(
                value.outputs, *(node.captured | set(node.inputs) for node in value.nodes)
            )
    op = _overload(proto.op_type, proto.overload)
    name = proto.name or f"{op}#{index}"
    return Node(
        name,
        op,
        _domain(proto.domain),
        tuple(proto.input),
        tuple(proto.output),
        attributes,
        frozenset(captured),
    )


def _nodes(protos: Any) -> tuple[Node, ...]:
    return tuple(_node(n, index) for index, n in enumerate(protos))


def _function(proto: onnx.FunctionProto) -> Function:
    attributes = dict.fromkeys(proto.attribute) | {
        a.name: _attribute(a) for a in proto.attribute_proto
    }
    return Function(
        Subgraph(_nodes(proto.node), tuple(proto.input), tuple(proto.output), {}),
        attributes,
        _opset(proto.opset_import),
    )


def _attribute(proto: onnx.AttributeProto) -> Any:
    if proto.ref_attr_name:
        return AttributeReference(proto.ref_attr_name)
    match proto.type:
        case AttributeProto.STRING:
            return proto.s.decode("utf-8", "replace")
        case AttributeProto.STRINGS:
            return tuple(s.decode("utf-8", "replace") for s in proto.strings)
        case AttributeProto.TENSOR:
            return _tensor(proto.t, MAXIMUM_MASK)
        case AttributeProto.GRAPH:
            graph = proto.g
            names = (tuple(v.name for v in graph.input), tuple(v.name for v in graph.output))
            return Subgraph(
                _nodes(graph.node),
                *names,
                {t.name: _tensor(t, MAXIMUM_CONSTANT) for t in graph.initializer},
            )
        case (
            AttributeProto.INT | AttributeProto.FLOAT | AttributeProto.INTS | AttributeProto.FLOATS
        ):
            value = helper.get_attribute_value(proto)
            return tuple(value) if not isinstance(value, int | float) else value
        case _:
            return RawAttribute(proto.SerializeToString(deterministic=True))


def _tensor(proto: onnx.TensorProto, largest: int) -> Constant:
    dims = tuple(proto.dims)
    external = proto.data_location == TensorProto.EXTERNAL
    if external or any(d < 0 for d in dims) or prod(dims) > largest:
        return Constant(proto.name, 0, tuple(max(d, 0) for d in dims))
    try:
        array = numpy_helper.to_array(proto)
    except (
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
    ):  # no such type, or data that do not fill the shape
        return Constant(proto.name, 0, dims)
    return Constant(
        proto.name, 0, dims, computed(array).elements if array.dtype.name in FORMATS else None
    )


def _value(proto: onnx.ValueInfoProto) -> Value:
    kind = proto.type.tensor_type
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    except (KeyError, TypeError):
        dtype = "unknown"
    dims = enumerate(kind.shape.dim)
    shape = tuple(
        d.dim_value if 0 < d.dim_value <= LARGEST_SIZE else d.dim_param or f"d{i}" for i, d in dims
    )
    return Value(proto.name, dtype, shape)
