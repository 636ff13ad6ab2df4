"""A graph for analysis: nodes in order, attributes, sizes and small constants.

Its hash identifies the network, independent of weights and metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shiftlint.onnx_file.constants import Constant

# elements; smaller floating-point constants (scales, sizes) are part of a graph's identity
HASHED_WEIGHT = 256


@dataclass(frozen=True, slots=True)
class Node:
    """One operator call; omitted inputs are "".

    `captured` holds the names in its subgraphs, both inner and outer.
    """

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    captured: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subgraph:
    """The body of a control-flow operator or local function."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]


@dataclass(frozen=True, slots=True)
class Function:
    """A local function of the model: its body, and its attributes' defaults (None: required)."""

    body: Subgraph
    attributes: Mapping[str, Any]
    opset: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AttributeReference:
    """In the body of a function, the value of the function's attribute of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """The bytes of an attribute whose type no image operator uses."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Value:
    """A graph input or output; a dimension of `shape` is an int or the name of a dynamic size."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a model, with its identity."""

    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    constants: Mapping[str, Constant]
    opset: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    sha256: str
    functions: Mapping[tuple[str, str], Function] = field(default_factory=dict)


def every_node(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph, of the local functions that it calls, and of all their subgraphs."""
    called: set[tuple[str, str]] = set()
    waiting = list(reversed(graph.nodes))
    while waiting:
        node = waiting.pop()
        yield node
        bodies = [value for value in node.attributes.values() if isinstance(value, Subgraph)]
        key = (node.domain, node.op)
        if key in graph.functions and key not in called:
            called.add(key)
            bodies.append(graph.functions[key].body)
        for body in reversed(bodies):
            waiting.extend(reversed(body.nodes))


def needed(nodes: list[Node], wanted: Iterable[str]) -> tuple[Node, ...]:
    """The nodes that the tensors `wanted` depend on, in graph order."""
    wanted = set(wanted)
    kept: list[Node] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(name for name in node.inputs if name)
            wanted |= node.captured
    return tuple(reversed(kept))


def identity(
    nodes: tuple[Node, ...],
    inputs: tuple[Value, ...],
    outputs: tuple[Value, ...],
    constants: Mapping[str, Constant],
    opset: Mapping[str, int],
) -> str:
    """sha256 of nodes, attributes, types, and the elements of integer or small constants."""
    digest = hashlib.sha256(repr((sorted(opset.items()), inputs, outputs)).encode())
    for node in nodes:
        digest.update(
            repr(
                (node.op, node.domain, node.inputs, node.outputs, _fingerprint(node.attributes))
            ).encode()
        )
    used = {name for node in nodes for name in node.inputs}
    for name in sorted(used & set(constants)):
        digest.update(repr((name, _fingerprint(constants[name]))).encode())
    return digest.hexdigest()


def _fingerprint(value: Any) -> Any:
    if isinstance(value, Constant):
        elements = value.elements
        if elements is None or (elements.kind == "f" and elements.size > HASHED_WEIGHT):
            return value.shape
        return (elements.shape, elements.dtype, elements.encoded())
    if isinstance(value, Subgraph):
        nodes = [
            (n.op, n.domain, n.inputs, n.outputs, _fingerprint(n.attributes)) for n in value.nodes
        ]
        return (nodes, value.inputs, value.outputs, _fingerprint(value.constants))
    if isinstance(value, Mapping):
        return [(name, _fingerprint(one)) for name, one in sorted(value.items())]
    return value.data if isinstance(value, RawAttribute) else value
