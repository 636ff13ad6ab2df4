"""A note is never lost: a value that depends on an input has all its notes, whatever the operator.

Every registered transfer function runs with a separate note on each input that may be computed from
the image.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shiftlint.ops
from shiftlint.analysis.interpreter import Pass, evaluate, prepared
from shiftlint.analysis.size_dependence import Numbering
from shiftlint.calculus.note import Kind, Note, Reason, SizeError
from shiftlint.calculus.tensor import Tensor, computed, constant, dim_of, plain
from shiftlint.calculus.track import Track
from shiftlint.onnx_file.graph import Node, Subgraph
from shiftlint.ops.registry import Transfer, registry

PX = 12
CHANNELS = 4


def image(rank: int = 4) -> Tensor:
    """(1, channels, PX, PX), or fewer of these axes."""
    dims = [dim_of(1), dim_of(CHANNELS), dim_of(PX, Track(2)), dim_of(PX, Track(3))]
    return Tensor(
        tuple(dims[:rank] if rank < 4 else dims + [dim_of(PX, Track(4))] * (rank - 4)),
        from_image=True,
        program="image",
    )


def marked(x: Tensor, number: int) -> Tensor:
    """The same with an identifying note; known elements get none."""
    return (
        x
        if x.elements is not None
        else x.with_notes([Note(Kind.POSITION, 2, Reason.VARIES, node=f"mark {number}", op="Mark")])
    )


def candidates() -> list[Tensor]:
    """Possible inputs of an operator: images, values per channel, weights, sizes and axes."""
    per_channel = Tensor((dim_of(CHANNELS),), from_image=True, program="per channel")
    number = Tensor((), from_image=True, program="number")
    weights = [
        plain(*shape, program=shape)
        for shape in ((4, 4, 3, 3), (4, 1, 3, 3), (4, 3, 3, 4), (PX, PX), (4, 4), (4,), (1,), ())
    ]
    integers = [
        constant(values)
        for values in (
            [1],
            [0],
            [2, 3],
            [4],
            [1, 1, 1, 1],
            [1, 1, 2, 2],
            [1, 4, PX, PX],
            [0] * 8,
            1,
            0,
        )
    ]
    floats = [
        constant([1.0, 1.0, 2.0, 2.0], "float32"),
        constant(0.1, "float32"),
        computed(np.asarray(128, np.uint8)),
    ]
    return [
        image(),
        per_channel,
        number,
        *weights,
        *integers,
        *floats,
        computed(np.asarray([True])),
        image(3),
        image(2),
    ]


ATTRIBUTES: dict[str, Any] = {
    "kernel_shape": (3, 3),
    "axis": 1,
    "axes": (2,),
    "blocksize": 2,
    "to": 1,
    "direction": "LEFT",
    "equation": "nchw,nchw->nchw",
    "num_groups": 2,
    "groups": 2,
    "size": 3,
    "pads": (0, 0, 1, 1, 0, 0, 1, 1),
    "shape": (1,),
    "starts": (1,),
    "ends": (3,),
    "k": 2,
    "scales": (1.0, 1.0, 2.0, 2.0),
    "is_inner_broadcast": 0,
    "num_heads": 2,
    "q_num_heads": 2,
    "kv_num_heads": 2,
    "K": PX,
    "N": 4,
    "block_size": 16,
    "opset": 13,
    "channels": CHANNELS,
}
MOST_TRIED = 1500  # choices of so many inputs for one operator
WANTED = 4  # of them that are analyzed
NOTHING_OF_THE_IMAGE = {  # these give sizes, constants, or what is not followed at all
    *(
        "BlackmanWindow",
        "HammingWindow",
        "HannWindow",
        "Constant",
        "ConstantOfShape",
        "EyeLike",
        "NonZero",
        "OptionalHasElement",
    ),
    *("RandomNormal", "RandomUniform", "Range", "Scan", "Shape", "Size"),
}
WITH_BODIES = {"If", "Loop"}
OF_INPUTS_OF_THEIR_OWN = {  # which the candidates do not hold
    *(
        "CausalConvWithState",
        "Compress",
        "GRU",
        "LSTM",
        "RNN",
        "STFT",
        "BiasSoftmax",
        "MultiHeadAttention",
    ),
}


def particular(op: str) -> list[tuple[Tensor, ...]]:
    """Inputs that random choice would hardly find."""
    dims = dim_of(1), dim_of(PX, Track(2)), dim_of(PX, Track(3)), dim_of(CHANNELS)
    last = Tensor(dims, from_image=True, program="channels last")
    rows = Tensor((dims[0], dims[1], dims[3]), from_image=True, program="rows")
    w, w_last = plain(4, 4, 3, 3, program="w"), plain(4, 3, 3, 4, program="w")
    scale, zero, moved = (
        plain(program="scale"),
        plain(program="zero"),
        plain(1, 18, PX - 2, PX - 2, program="offset"),
    )
    found: dict[str, list[tuple[Tensor, ...]]] = {
        "NhwcConv": [(last, w_last)],
        "NhwcFusedConv": [(last, w)],
        "QLinearConv": [
            (image(), scale, zero, w, scale, zero, scale, zero),
            (last, scale, zero, w, scale, zero, scale, zero),
        ],
        "DeformConv": [(image(), w, moved)],
        "GroupNormalization": [
            (image(), plain(n, program="scale"), plain(n, program="bias")) for n in (2, CHANNELS)
        ],
        "GridSample": [(image(), plain(1, PX, PX, 2, program="grid"))],
        "Attention": [(image(),) * 3],
        "LinearAttention": [(image(),) * 3, (image(3),) * 3, (rows,) * 3],
        "DFT": [(Tensor((*dims[:3], dim_of(2)), from_image=True, program="complex"),)],
    }
    return found.get(op, [])


def choices(op: str, least: int, most: int) -> Iterator[tuple[Tensor, ...]]:
    """Inputs to try: all if there are few, a sample otherwise."""
    pool, random = candidates(), np.random.default_rng(0)
    yield from particular(op)
    for count in range(max(least, 1), most + 1):
        if count <= 2:
            yield from product(pool, repeat=count)
        else:
            yield from (
                tuple(pool[n] for n in random.integers(0, len(pool), count))
                for _ in range(MOST_TRIED)
            )


def runs(
    op: str, domain: str, known: Transfer
) -> Iterator[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """Inputs, marked, and what an operator gives of them; at most `WANTED` that are analyzed."""
    most = (
        known.minimum_inputs + 2
        if known.maximum_inputs is None
        else min(known.maximum_inputs, known.minimum_inputs + 2)
    )
    attributes = {name: ATTRIBUTES[name] for name in known.required if name in ATTRIBUTES}
    if domain == "com.microsoft.nchwc" and "scales" in attributes:
        attributes["scales"] = (1, 1, 2, 2)
    analyzed = 0
    for chosen in choices(op, known.minimum_inputs, most):
        if analyzed == WANTED:
            return
        inputs = tuple(marked(x, number) for number, x in enumerate(chosen))
        results = given(op, domain, known.since, inputs, attributes)
        analyzed += bool(results) and all(
            r.elements is None and r.from_image and not r.opaque for r in results
        )
        yield inputs, results


def given(
    op: str, domain: str, since: int, inputs: tuple[Tensor, ...], attributes: dict[str, Any]
) -> tuple[Tensor, ...]:
    """The interpreter's result for a node; nothing if the operator does not run."""
    node = Node("node", op, domain, tuple(f"x{n}" for n in range(len(inputs))), ("y",), attributes)
    sizes = {2: PX, 3: PX}
    budget = Pass({}, Numbering(), sizes, frozenset({"float32"}))
    try:
        return evaluate(prepared(node, {domain: since}, budget.numbering), inputs, {}, budget)
    except SizeError:
        return ()


def lost(inputs: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> set[str]:
    """Notes on inputs that are missing from a result with unknown elements."""
    noted = {note.node for x in inputs for note in x.notes}
    return {
        mark
        for r in results
        if r.elements is None
        for mark in noted - {note.node for note in r.notes}
    }


REGISTERED = [
    pytest.param(op, domain, known, id=f"{domain}::{op} since {known.since}".removeprefix("::"))
    for (domain, op), versions in registry().items()
    for known in versions
    if op not in NOTHING_OF_THE_IMAGE | WITH_BODIES
    and not (known.function.__doc__ or "").startswith("Not analyzed")
]


@pytest.mark.parametrize(("op", "domain", "known"), REGISTERED)
def test_what_is_noted_of_an_input_is_noted_of_the_result(
    op: str, domain: str, known: Transfer
) -> None:
    analyzed = 0
    for inputs, results in runs(op, domain, known):
        assert lost(inputs, results) == set()
        analyzed += bool(results) and all(
            r.elements is None and r.from_image and not r.opaque for r in results
        )
    assert analyzed or op in OF_INPUTS_OF_THEIR_OWN, "no inputs were found that are analyzed"


def test_bodies_pass_on_what_is_noted_of_what_they_mention() -> None:
    """Also of the condition, though it is the whole image that decides."""
    outer = marked(image(), 0)
    bodies = [
        Subgraph((Node("inner", op, "", ("outer",), ("z",), {}, frozenset()),), (), ("z",), {})
        for op in ("Relu", "Sigmoid")
    ]
    attributes = {"then_branch": bodies[0], "else_branch": bodies[1]}
    condition = Tensor(
        (),
        from_image=True,
        notes=frozenset({Note(Kind.GLOBAL, 2, Reason.VARIES, 1, "mark 1", "Mark")}),
        program="c",
    )
    node = Node("node", "If", "", ("condition",), ("y",), attributes, frozenset({"outer"}))
    budget = Pass({}, Numbering(), {2: PX, 3: PX}, frozenset({"float32"}))
    results = evaluate(
        prepared(node, {"": 17}, budget.numbering),
        (condition,),
        {"outer": outer, "condition": condition},
        budget,
    )
    assert results[0].dims == outer.dims
    assert lost((outer, condition), results) == set()
    body = Subgraph(
        (
            Node("sum", "Add", "", ("state", "outer"), ("next",), {}, frozenset()),
            Node("on", "Identity", "", ("go",), ("on",), {}),
        ),
        ("round", "go", "state"),
        ("on", "next"),
        {},
    )
    state = marked(image(), 2)
    node = Node(
        "node", "Loop", "", ("count", "", "state"), ("y",), {"body": body}, frozenset({"outer"})
    )
    results = evaluate(
        prepared(node, {"": 17}, budget.numbering),
        (constant(2), None, state),
        {"outer": outer},
        budget,
    )
    assert results[0].dims == outer.dims
    assert lost((outer, state), results) == set()


def test_operators_make_tensors_by_functions_that_carry_notes() -> None:
    """`Tensor(` stands in no module of shiftlint.ops: `derived`, `replace` and their like do."""
    folder = Path(shiftlint.ops.__file__).parent
    bare = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Tensor"
    ]
    assert len(list(folder.glob("*.py"))) > 20
    assert bare == []
