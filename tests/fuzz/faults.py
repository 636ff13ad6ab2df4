"""Faults planted into the analyzer, each of which the fuzzer must find: what it does not find it
does not look for.

A fault is a function that patches the analyzer; its first line says what is then wrong. `FAULTS`
holds them, and which graphs they concern.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import onnx
import pytest

from shiftlint.analysis import confirm, derive_contract, interpreter, legal_sizes, size_dependence
from shiftlint.analysis.probe import Probe, _per_sample
from shiftlint.analysis.rounding import ROUNDED
from shiftlint.calculus import combine, relation
from shiftlint.calculus import sliding_windows as windows
from shiftlint.calculus.note import Kind, Note, Reason
from shiftlint.calculus.relation import Relation
from shiftlint.calculus.sliding_windows import Geometry
from shiftlint.calculus.tensor import Tensor
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.onnx_file.constants import Elements
from shiftlint.ops import convolution, normalization, pooling, quantized, randomness, resampling
from shiftlint.ops import registry as transfer
from tests.fuzz.builder import Builder
from tests.fuzz.campaign import Verdict, random_graph, try_seed

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]


def narrower_window(patch: Patch) -> None:
    """Sliding windows lose their last tap."""

    def narrower(size: int, *, stride: int = 1, dilation: int = 1, before: int = 0) -> Relation:
        return relation.window(max(size - 1, 1), stride=stride, dilation=dilation, before=before)

    patch.setattr(windows, "window", narrower)


def halved_period(patch: Patch) -> None:
    """Even periods and steps are claimed to be half as large."""
    true = derive_contract.contract_of

    def halve(a: AxisContract) -> AxisContract:
        if not a.period or not a.step or a.period % 2 or a.step % 2:
            return a
        return replace(
            a, period=a.period // 2, step=a.step // 2, reads=a.reads and a.reads[: a.step // 2]
        )

    def halved(*args: object, **options: object) -> Contract:
        contract = true(*args, **options)  # type: ignore[arg-type]
        outputs = tuple(replace(o, axes=tuple(halve(a) for a in o.axes)) for o in contract.outputs)
        return replace(contract, outputs=outputs)

    patch.setattr(derive_contract, "contract_of", halved)


def one_branch_join(patch: Patch) -> None:
    """A join takes the windows of its first branch."""
    true = relation.join

    def first(one: Relation, two: Relation) -> Relation:
        true(one, two)  # slopes that differ are still refused
        return one

    patch.setattr(combine, "join", first)


def notes_dropped(patch: Patch) -> None:
    """A norm over the image leaves no note."""
    patch.setattr(normalization, "reduced", lambda x, axes, reason: [])


def sizes_washed(patch: Patch) -> None:
    """Numbers computed from sizes enter programs by type and shape alone."""

    def washed(elements: Elements, *, elementwise: bool) -> Hashable:
        return elements.dtype, elements.shape if not elementwise else None

    patch.setattr(size_dependence, "_value", washed)


def operands_left_out(patch: Patch) -> None:
    """What steers channels is left out of size_dependence."""
    true = transfer.described

    def described(*args: Any) -> transfer.Transfer:
        return replace(true(*args), besides=None)

    patch.setattr(transfer, "described", functools.cache(described))


def bodies_left_out(patch: Patch) -> None:
    """What branches and loops gave is not part of a program."""
    true = interpreter._finished

    def finished(call: Any, known: Any, inputs: Any, results: Any, bodies: Any, budget: Any) -> Any:
        if call.node.op in {"If", "Loop"}:
            results = tuple(replace(r, program=None) for r in results)
        return true(call, known, inputs, results, (), budget)

    patch.setattr(interpreter, "_finished", finished)


def squares_only(patch: Patch) -> None:
    """An image is looked at as if all its axes were as long as the longest."""
    true = confirm._elsewhere

    def square(
        probe: Probe, output: str, tile: tuple[int, ...], whole: tuple[int, ...]
    ) -> list[str]:
        return true(probe, output, tile, (max(whole),) * len(whole))

    patch.setattr(legal_sizes, "_rectangle_that_differs", lambda *args: None)
    patch.setattr(legal_sizes, "_holds_beside", lambda *args: True)
    patch.setattr(confirm, "_elsewhere", square)


def whole_not_compared(patch: Patch) -> None:
    """A plan is evaluated at the size of a tile alone."""
    patch.setattr(confirm, "_elsewhere", lambda *args: [])


def irregular_ignored(patch: Patch) -> None:
    """Nearest px are those of exact coordinates."""
    patch.setattr(resampling, "irregular", lambda *args: [])


def batch_not_compared(patch: Patch) -> None:
    """Of a batch only its axis is followed, not what is computed."""

    def independent(probe: Probe, shape: tuple[int, ...], batch: int) -> bool:
        return all(_per_sample(t) for t in probe.at(shape, batch).outputs.values())

    patch.setattr(Probe, "independent", independent)


def rounding_not_declared(patch: Patch) -> None:
    """All kernels round the same everywhere."""
    patch.setattr(interpreter, "rounding_of", lambda *args: None)


def weights_called_exact(patch: Patch) -> None:
    """Every factor interpolates with the same weights everywhere."""
    patch.setattr(resampling, "is_power_of_two", lambda number: True)


def chance_in_bodies(patch: Patch) -> None:
    """Random operators in functions and subgraphs are not seen."""
    true = interpreter._run_nodes

    def blind(body: Any, calls: Any, values: Any, budget: Any) -> tuple[Tensor, ...]:
        found = true(body, calls, values, budget)
        return tuple(
            replace(r, notes=frozenset(n for n in r.notes if n.kind is not Kind.RANDOM))
            for r in found
        )

    patch.setattr(interpreter, "_run_nodes", blind)


def chance_of_weights(patch: Patch) -> None:
    """Only what follows the image is called random."""

    def noisy(x: Tensor, reason: Reason = Reason.RANDOM) -> Tensor:
        return x.with_notes([Note(Kind.RANDOM, track.axis, reason) for track in x.tracks()])

    patch.setattr(randomness, "noisy", noisy)


def parameters_accepted(patch: Patch) -> None:
    """Scales and biases may lie along the image."""
    patch.setattr(normalization, "by_channel", lambda x, *parameters: x)


def quantization_accepted(patch: Patch) -> None:
    """A scale that is found at run time is a constant."""
    patch.setattr(quantized, "whole", lambda x, axes, reason: x)


def pads_exchanged(patch: Patch) -> None:
    """SAME_UPPER and SAME_LOWER are taken for each other."""
    true = windows.geometries
    other = {"SAME_UPPER": "SAME_LOWER", "SAME_LOWER": "SAME_UPPER"}

    def exchanged(
        sizes: Any,
        kernel: Any,
        strides: Any,
        dilations: Any,
        pads: Any,
        auto_pad: str,
        **options: Any,
    ) -> list[Geometry]:
        return true(
            sizes, kernel, strides, dilations, pads, other.get(auto_pad, auto_pad), **options
        )

    for module in (convolution, pooling):
        patch.setattr(module, "geometries", exchanged)


NORMS = frozenset(
    {"InstanceNormalization", "LayerNormalization", "RMSNormalization", "GroupNormalization"}
)
DRAWN = frozenset({"RandomNormal", "RandomUniformLike", "Dropout", "Bernoulli"})
BODIES = frozenset({"If", "Loop"})
POOLS = frozenset({"Conv", "MaxPool", "AveragePool"})
SIZED = frozenset({"any size"})
BATCHED = frozenset({"any batch"})
ANY: frozenset[str] = frozenset()

FAULTS: dict[Fault, frozenset[str]] = {  # a fault changes nothing in graphs of none of these kinds
    narrower_window: POOLS,
    halved_period: ANY,
    one_branch_join: ANY,
    notes_dropped: NORMS | {"Softmax", "LpNormalization", "DynamicQuantizeLinear"},
    sizes_washed: SIZED,
    operands_left_out: SIZED,
    bodies_left_out: BODIES,
    squares_only: SIZED,
    whole_not_compared: SIZED,
    irregular_ignored: frozenset({"any Resize"}),
    batch_not_compared: BATCHED,
    rounding_not_declared: ROUNDED,
    weights_called_exact: frozenset({"Resize"}),
    chance_in_bodies: DRAWN,
    chance_of_weights: DRAWN,
    parameters_accepted: NORMS | {"BatchNormalization"},
    quantization_accepted: frozenset({"DynamicQuantizeLinear"}),
    pads_exchanged: POOLS,
}


def first_found(fault: Fault, seed: int, graphs: int) -> Verdict | None:
    """The first graph that finds a fault, among consecutive seeds; None if none does."""
    transfer.registry()  # what is imported while a fault is planted would keep it
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        concerned = (
            s
            for s in range(seed, seed + graphs)
            if not FAULTS[fault] or FAULTS[fault] & kinds(*random_graph(s))
        )
        return next((verdict for s in concerned if (verdict := try_seed(s)).contradictions), None)


def kinds(model: onnx.ModelProto, spoiled: bool, b: Builder) -> frozenset[str]:
    """All operators of a graph, those of functions and subgraphs included, and what else faults are
    about.
    """
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    found = set()
    while waiting:
        node = waiting.pop()
        found.add(node.op_type)
        waiting += [
            inner
            for attribute in node.attribute
            if attribute.HasField("g")
            for inner in attribute.g.node
        ]
    if b.bites:
        found.add("any size")
    if spoiled and "Resize" in found:
        found.add("any Resize")
    if spoiled and b.batch < 0:
        found.add("any batch")
    return frozenset(found)
