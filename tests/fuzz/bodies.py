"""Blocks within local functions, branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper

from tests.fuzz.builder import Builder, Feature
from tests.fuzz.steering import flag, limit, size_of, widened

Block = Callable[[Builder, Feature], Feature]
DOMAIN = "own"


def in_function(b: Builder, x: Feature, block: Block) -> Feature:
    """A block as a local function; its constants are its own, or given by the call."""
    nodes, result = _nodes(b, x, block)
    made = {name for node in nodes for name in node.output}
    used = dict.fromkeys(
        name for node in nodes for name in _names_read(node) if name and name not in made
    )
    known = {constant.name: constant for constant in b.constants}
    own = [name for name in used if name in known and b.chance(0.7)]
    inner = [helper.make_node("Constant", [], [name], value=known[name]) for name in own]
    given = [name for name in used if name not in own]
    imports = [helper.make_opsetid("", b.opset), helper.make_opsetid(DOMAIN, 1)]
    name = f"Function{len(b.functions)}"
    b.functions.append(
        helper.make_function(DOMAIN, name, given, [result.name], [*inner, *nodes], imports)
    )
    return Feature(b.op(name, given, domain=DOMAIN), result.channels)


def in_branch(b: Builder, x: Feature, block: Block) -> Feature:
    """A block as a branch of If, chosen by a constant or by a size."""
    by_size = b.chance(0.5)
    chosen = (
        b.op("Squeeze", [b.cast(flag(b, x), TensorProto.BOOL)])
        if by_size
        else b.constant(np.array(b.chance(0.7)))
    )
    nodes, result = _nodes(b, x, block)
    others, other = _nodes(b, x, b.choice(block, _pointwise))
    if other.channels != result.channels:
        others, other = _nodes(
            b, x, lambda b, x: Feature(widened(b, x, result.channels), result.channels)
        )
    branches = {"then_branch": _graph(nodes, result), "else_branch": _graph(others, other)}
    return Feature(b.op("If", [chosen], **branches), result.channels)


def in_loop(b: Builder, x: Feature, block: Block) -> Feature:
    """A block repeated as often as a constant or a size says."""
    state = Feature(b.name("state"), x.channels)
    nodes, result = _nodes(b, state, block)
    if result.channels != x.channels:
        nodes, result = _nodes(b, state, _pointwise)
    if b.chance(0.5):
        size, axis, scale = size_of(b, x)
        count = b.op("Div", [size, b.constant([limit(b, axis, scale)])])
        rounds = b.op("Squeeze", [b.op("Min", [count, b.constant([3])])])
    else:
        rounds = b.constant(np.array(b.integer(1, 2)))
    turn, go = b.name("turn"), b.name("go")
    on = helper.make_node("Identity", [go], [f"{go}_on"])
    inputs = [
        helper.make_tensor_value_info(turn, TensorProto.INT64, []),
        helper.make_tensor_value_info(go, TensorProto.BOOL, []),
        helper.make_tensor_value_info(state.name, TensorProto.FLOAT, None),
    ]
    outputs = [helper.make_tensor_value_info(f"{go}_on", TensorProto.BOOL, []), _value(result)]
    body = helper.make_graph([on, *nodes], "body", inputs, outputs)
    return Feature(b.op("Loop", [rounds, "", x.name], body=body), x.channels)


def _nodes(b: Builder, x: Feature, block: Block) -> tuple[list[NodeProto], Feature]:
    """The nodes of a block, no longer part of the graph, and what it gives."""
    start = len(b.nodes)
    result = block(b, x)
    if len(b.nodes) == start:
        result = Feature(b.op("Identity", [result.name]), result.channels)
    nodes = b.nodes[start:]
    del b.nodes[start:]
    return nodes, result


def _graph(nodes: Sequence[NodeProto], result: Feature) -> GraphProto:
    return helper.make_graph(nodes, "branch", [], [_value(result)])


def _value(feature: Feature) -> ValueInfoProto:
    return helper.make_tensor_value_info(feature.name, TensorProto.FLOAT, None)


def _names_read(node: NodeProto) -> list[str]:
    """The names that a node reads, including outside names read by its subgraphs."""
    found = list(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            made = {name for inner in attribute.g.node for name in inner.output} | {
                value.name for value in attribute.g.input
            }
            found += [
                name
                for inner in attribute.g.node
                for name in _names_read(inner)
                if name not in made
            ]
    return found


def _pointwise(b: Builder, x: Feature) -> Feature:
    return Feature(b.op(b.choice("Relu", "Neg", "Identity", "Tanh"), [x.name]), x.channels)


BODIES = (in_function, in_branch, in_loop)
