"""A read-only view of an ONNX file: its graph, sizes and small constants. Weights are never read.

Spec: https://github.com/onnx/onnx/blob/main/docs/IR.md, and for field numbers the onnx.proto of
that repository.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftlint.onnx_file.constants import FORMATS, LARGEST_SIZE, Constant, Elements, type_name
from shiftlint.onnx_file.graph import (
    HASHED_WEIGHT,
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
from shiftlint.onnx_file.protobuf import EIGHT_BYTES, FOUR_BYTES, Message, Source, WireError

MAXIMUM_CONSTANT = 1 << 16  # elements; larger constants are weights
MAXIMUM_MASK = 1 << 20  # elements of baked masks and embeddings that meet the image element-wise
MAXIMUM_NODES = 50_000  # a hundred times a large network
WEIGHTED = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "FusedConv", "NhwcFusedConv", "LSTM", "GRU", "RNN"}
)
DEFAULT_DOMAINS = {"", "ai.onnx"}
MOST_BYTES = 64 << 20  # of constants; beyond this only small ones are read
_COUNTER = count()  # constants of subgraphs and functions may share a name
EXTERNAL = 1  # data_location of a tensor whose data is in another file, which is never opened


def read_graph(path: Path, *, where: str | None = None) -> Graph:
    """Read the graph of an ONNX file; errors name it `where` (default: its path).

    Raises
    ------
    InputError
        Rule SL001: the file is missing, empty, truncated or not ONNX.
    """
    where = where or str(path)
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return graph_of(file.read(), where=where)  # empty, or a pipe
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                return graph_of(data, where=where)
    except OSError as error:
        raise InputError(
            f"cannot read model ({where}): expected an ONNX file, got: {error.strerror}.",
            code="SL001",
            what="unreadable",
        ) from error


def graph_of(data: bytes | mmap, *, where: str) -> Graph:
    """Read the graph from the bytes of an ONNX file; errors name it `where`, as in `read_graph`."""
    if not len(data):
        raise InputError(
            f"empty model ({where}): expected an ONNX file, got 0 bytes. Fetch or export it again.",
            code="SL001",
            what="empty",
        )
    try:
        return _graph(Message(Source(data)), where)
    except WireError as error:
        raise InputError(
            f"not an ONNX model ({where}): expected a protobuf of type ModelProto, got "
            f"{len(data)} bytes that are not one "
            f"({error}). Is the file truncated or in another format? Fetch or export it again.",
            code="SL001",
            what="not_onnx",
        ) from error
    except (UnicodeDecodeError, OverflowError) as error:
        what = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InputError(
            f"damaged model ({where}): expected valid names and sizes, got {what}. Export it "
            "again.",
            code="SL001",
            what="damaged",
        ) from error


def _graph(model: Message, where: str) -> Graph:
    proto = model.message(7)
    nodes, imports = proto.count(1), model.count(8)
    if not nodes or not imports:
        raise WireError("no nodes" if not nodes else "no opset_import")
    if nodes > MAXIMUM_NODES:
        raise InputError(
            f"too large a graph ({where}): expected at most {MAXIMUM_NODES} nodes, got {nodes}. "
            "Unrolled loops make such graphs: export the network without them.",
            code="SL001",
            what="too_large",
        )
    every = _distinct([_node(n, index) for index, n in enumerate(proto.messages(1))])
    masks = {name for node in every if node.op not in WEIGHTED for name in node.inputs}
    constants = _initializers(proto, masks)
    inputs = tuple(
        value for value in map(_value, proto.messages(11)) if value.name not in constants
    )
    outputs = tuple(map(_value, proto.messages(12)))
    sparse = {tensor.message(1).text(8) for tensor in proto.messages(15)}
    _check_order(every, {v.name for v in inputs} | set(constants) | sparse, outputs, where)
    kept = needed(every, (output.name for output in outputs))
    opset = _opset(model.messages(8))
    return Graph(
        kept,
        inputs,
        outputs,
        constants,
        opset,
        f"{model.text(2)} {model.text(3)}".strip(),
        {entry.text(1): entry.text(2) for entry in model.messages(14)},
        identity(kept, inputs, outputs, constants, opset),
        {
            (_domain(f.text(10)), _overload(f.text(1), f.text(13))): _function(f)
            for f in model.messages(25)
        },
    )


def _check_order(
    nodes: Sequence[Node], known: Iterable[str], outputs: Sequence[Value], where: str
) -> None:
    """InputError unless every name is defined once, before it is read."""
    defined = {*known, ""}
    for node in nodes:
        for name in node.inputs:
            if name not in defined:
                made = any(name in other.outputs for other in nodes)
                what = "is computed after it (unsorted or cyclic)" if made else "nothing defines"
                raise InputError(
                    f"invalid graph ({where}): expected every input to be defined before it is "
                    "read, got node "
                    f"{node.name} ({node.op}) with input {name!r}, which {what}. Export it again.",
                    code="SL001",
                    what="undefined",
                )
        for name in node.outputs:
            if name and name in defined:
                raise InputError(
                    f"invalid graph ({where}): expected every name to be defined once, got "
                    f"{name!r} twice, the second "
                    f"time by node {node.name} ({node.op}). Export it again.",
                    code="SL001",
                    what="redefined",
                )
            defined.add(name)
    missing = [value.name for value in outputs if value.name not in defined]
    if missing or not outputs:
        what = f"{missing[0]!r}, which nothing computes" if missing else "none"
        raise InputError(
            f"invalid graph ({where}): expected outputs that are computed, got {what}. Export it "
            "again.",
            code="SL001",
            what="outputs",
        )


def _domain(domain: str) -> str:
    return "" if domain in DEFAULT_DOMAINS else domain


def _overload(name: str, overload: str) -> str:
    """The name of an operator; an overload name distinguishes local functions of the same name."""
    return f"{name}:{overload}" if overload else name


def _opset(imports: Iterable[Message]) -> dict[str, int]:
    return {_domain(one.text(1)): one.integer(2) for one in imports}


def _distinct(nodes: Sequence[Node]) -> list[Node]:
    """The nodes under names of their own: ONNX lets several have the same."""
    counts = Counter(node.name for node in nodes)
    return [
        replace(node, name=f"{node.name}#{index}") if counts[node.name] > 1 else node
        for index, node in enumerate(nodes)
    ]


def _node(proto: Message, index: int) -> Node:
    attributes = {a.text(1): _attribute(a) for a in proto.messages(5)}
    captured: set[str] = set()
    for value in attributes.values():
        if isinstance(value, Subgraph):
            captured.update(
                value.outputs, *(node.captured | set(node.inputs) for node in value.nodes)
            )
    op = _overload(proto.text(4), proto.text(8))
    name = proto.text(3) or f"{op}#{index}"
    return Node(
        name,
        op,
        _domain(proto.text(7)),
        proto.texts(1),
        proto.texts(2),
        attributes,
        frozenset(captured),
    )


def _subgraph(proto: Message) -> Subgraph:
    return Subgraph(
        tuple(_node(n, index) for index, n in enumerate(proto.messages(1))),
        tuple(value.text(1) for value in proto.messages(11)),
        tuple(value.text(1) for value in proto.messages(12)),
        _initializers(proto),
    )


def _function(proto: Message) -> Function:
    body = Subgraph(
        tuple(_node(n, index) for index, n in enumerate(proto.messages(7))),
        proto.texts(4),
        proto.texts(5),
        {},
    )
    attributes = dict.fromkeys(proto.texts(6)) | {
        a.text(1): _attribute(a) for a in proto.messages(11)
    }
    return Function(body, attributes, _opset(proto.messages(9)))


def _attribute(proto: Message) -> Any:
    """An attribute as int, float, str, a tuple of these, Constant or Subgraph; else its bytes."""
    if proto.text(21):
        return AttributeReference(proto.text(21))
    match proto.integer(20):
        case 1:
            return proto.real(2)
        case 2:
            return proto.integer(3)
        case 3:
            return proto.data(4).decode("utf-8", "replace")
        case 4:
            return _initializer(proto.message(5), MAXIMUM_MASK)
        case 5:
            return _subgraph(proto.message(6))
        case 6:
            return tuple(
                value for (value,) in struct.iter_unpack("<f", proto.packed(7, FOUR_BYTES))
            )
        case 7:
            return proto.integers(8)
        case 8:
            return tuple(text.decode("utf-8", "replace") for text in proto.each_data(9))
        case _:
            return RawAttribute(proto.encoded())


def _initializers(proto: Message, masks: Iterable[str] = ()) -> dict[str, Constant]:
    """The constants of a graph; those of `masks` may be larger."""
    named = ((tensor.text(8), tensor) for tensor in proto.messages(5))
    return {
        name: _initializer(tensor, MAXIMUM_MASK if name in masks else MAXIMUM_CONSTANT)
        for name, tensor in named
    }


def _initializer(proto: Message, largest: int) -> Constant:
    """A constant: its elements if they are few, else only its sizes."""
    dims = proto.integers(1)
    if any(d > LARGEST_SIZE for d in dims):
        raise OverflowError(f"a size of {max(dims)}")
    known = Constant(proto.text(8), next(_COUNTER), tuple(max(d, 0) for d in dims))
    segmented, external = 3 in proto, proto.integer(14) == EXTERNAL
    size = prod(dims)
    if segmented or external or known.shape != dims or size > largest:
        return known
    dtype = type_name(proto.integer(2))
    width = struct.calcsize(f"<{FORMATS.get(dtype, '')}")
    if not width or (size > HASHED_WEIGHT and proto.source.copied + size * width > MOST_BYTES):
        return known
    data = proto.data(9) if 9 in proto else _typed_data(proto, dtype, width)
    return (
        replace(known, elements=Elements(dims, dtype, data)) if len(data) == size * width else known
    )


def _typed_data(proto: Message, dtype: str, width: int) -> bytes:
    """The elements of a tensor without raw data: floats unchanged, integers in the type's width."""
    match dtype:
        case "float32":
            return proto.packed(4, FOUR_BYTES)
        case "float64":
            return proto.packed(10, EIGHT_BYTES)
        case "int64":
            values = proto.integers(7)
        case "uint32" | "uint64":
            values = proto.integers(11)
        case _:
            values = proto.integers(5)  # float16 as the integer of the same bits
    mask = (1 << 8 * width) - 1
    return b"".join([(value & mask).to_bytes(width, "little") for value in values])


def _value(proto: Message) -> Value:
    kind = proto.message(2).message(1)
    shape: list[int | str] = []
    for index, dim in enumerate(kind.message(2).messages(1)):
        size = dim.integer(1)
        shape.append(size if 0 < size <= LARGEST_SIZE else dim.text(2) or f"d{index}")
    return Value(proto.text(1), type_name(kind.integer(1)) or "unknown", tuple(shape))
