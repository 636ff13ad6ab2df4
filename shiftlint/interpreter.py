"""The abstract interpreter: one pass over the nodes at concrete sizes, each replaced by its transfer function.

Sizes are concrete because half of all exports compute their crops from them (`Shape → Gather → Sub → Slice`): shape tensors are
small integers and are simply evaluated. What does not depend on the image or its size is evaluated once (`fold`). Local functions
and subgraphs are interpreted where they are called, in the scope of the call.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from shiftlint.axes import Atom, SizeError, Tensor, Unsupported, opaque
from shiftlint.nodes import AttributeReference, Function, Graph, Node, Subgraph
from shiftlint.relation import PeriodTooLong
from shiftlint.size_values import with_size_values, without_elements
from shiftlint.transfer import SUPPLIED, Transfer, arguments, find, misfit

Values = Mapping[str, Tensor]
DEEPEST = 16  # functions and subgraphs within each other
MOST_STEPS = 50_000  # nodes of functions and subgraphs in one pass
MOST_BYTES = 64 << 20  # of computed values in one pass; what comes after keeps its sizes alone
LOST = opaque((), "the input is never computed")


@dataclass(slots=True)
class Pass:
    """What one pass over a graph may use, and what it has left."""

    functions: Mapping[tuple[str, str], Function]
    steps: int = MOST_STEPS
    bytes: int = MOST_BYTES
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A node with its transfer function looked up and its attributes checked; `problem` says why it cannot be analyzed."""

    node: Node
    name: str
    opset: Mapping[str, int]
    known: Transfer | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A graph ready to be interpreted many times: what depends on constants alone is evaluated."""

    graph: Graph
    calls: tuple[Call, ...]
    constants: Values = field(repr=False)


def fold(graph: Graph) -> Program:
    """Look up all transfer functions, and evaluate the nodes that depend on constants alone."""
    values: dict[str, Tensor] = dict(graph.constants)
    calls = []
    budget = Pass(graph.functions)
    varying = {value.name for value in graph.inputs}
    for node in graph.nodes:
        call = prepared(node, graph.opset)
        if varying.isdisjoint(node.inputs) and varying.isdisjoint(node.captured) and all(n in values for n in node.inputs if n):
            try:
                _step(call, values, budget)
                continue
            except SizeError:
                pass  # said again where the graph is interpreted
        varying.update(node.outputs)
        calls.append(call)
    read = {name for call in calls for name in (*call.node.inputs, *call.node.captured)} | {v.name for v in graph.outputs}
    return Program(graph, tuple(calls), {name: value for name, value in values.items() if name in read})


def interpret(program: Program, inputs: Values) -> dict[str, Tensor]:
    """Run the graph on abstract inputs; return its outputs by name.

    Raises
    ------
    SizeError
        The network does not run at these sizes; the message names the node.
    """
    values = trace(program, inputs)
    return {value.name: values.get(value.name, LOST) for value in program.graph.outputs}


def trace(program: Program, inputs: Values) -> dict[str, Tensor]:
    """As `interpret`, but all tensors by name; of those that depend on constants alone only what other nodes read."""
    values: dict[str, Tensor] = {**program.constants, **inputs}
    budget = Pass(program.graph.functions)
    for call in program.calls:
        _step(call, values, budget)
    return values


def prepared(node: Node, opset: Mapping[str, int]) -> Call:
    """Look up one node's transfer function, and check its attributes and inputs against it."""
    name = f"{node.domain}::{node.op}" if node.domain else node.op
    known = find(node.op, node.domain, opset.get(node.domain, 1))
    if known is None:
        return Call(node, name, opset, None, f"the analyzer does not know {name}")
    problem = misfit(known, node.inputs, node.attributes)
    return Call(node, name, opset, known, problem and f"{name} with {problem} is not in its specification")


def _step(call: Call, values: MutableMapping[str, Tensor], budget: Pass) -> None:
    node = call.node
    inputs = tuple([values.get(name, LOST) if name else None for name in node.inputs])
    results = evaluate(call, inputs, values, budget)
    for name, result in zip(node.outputs, results, strict=False):
        if result.elements is not None:
            budget.bytes -= result.elements.nbytes
            if budget.bytes < 0:
                result = without_elements(result)
        values[name] = result


def evaluate(call: Call, inputs: tuple[Tensor | None, ...], scope: MutableMapping[str, Tensor], budget: Pass) -> tuple[Tensor, ...]:
    """The outputs of one node; opaque ones where it is unknown, unsupported, or its inputs are opaque."""
    node, known = call.node, call.known
    present = tuple([x for x in inputs if x is not None])
    local = budget.functions.get((node.domain, node.op)) if known is None else None
    try:
        if local is not None:
            results = _call_function(call, local, inputs, budget)
        elif known is None or call.problem is not None:
            raise Unsupported(call.problem)
        elif any(x.opaque for x in present):
            raise Unsupported(f"{call.name} of a tensor that is not analyzed")
        else:
            result = known.function(*inputs[: known.maximum_inputs], **_keywords(call, known, scope, budget))
            if len(present) == 1 and result is present[0]:
                return present  # a pointwise operator
            results = result if isinstance(result, tuple) else (result,)
        if any(0 in r.shape for r in results if r.elements is None):
            raise SizeError("an output without elements, which runtimes refuse or crash on")
    except SizeError as error:
        raise SizeError(f"{node.name} ({call.name}): {error}") from error
    except (Unsupported, PeriodTooLong) as error:
        captured = [scope[name] for name in sorted(node.captured) if name in scope]
        reason = str(error) if str(error).startswith(("the analyzer", call.name)) else f"{call.name}: {error}"
        return tuple(_located(opaque((*present, *captured), reason), node) for _ in node.outputs)
    results = tuple([_inherit(r, present) for r in results])
    if local is None and any(x.sized or x.shaped for x in present):
        results = tuple([with_size_values(r, node.op, inputs) for r in results])
    return tuple([_located(r, node) for r in results])


def _keywords(call: Call, known: Transfer, scope: MutableMapping[str, Tensor], budget: Pass) -> dict[str, Any]:
    if SUPPLIED.isdisjoint(known.keywords):
        return call.node.attributes

    def run(body: Any, values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return _run_body(body, values, scope, call.opset, budget)

    return arguments(known, call.node.attributes, len(call.node.outputs), run)


def _run_body(
    body: Any, inputs: tuple[Tensor, ...], scope: MutableMapping[str, Tensor], opset: Mapping[str, int], budget: Pass
) -> tuple[Tensor, ...]:
    """The outputs of a subgraph, which sees the names of the scope around it."""
    if not isinstance(body, Subgraph) or len(inputs) > len(body.inputs):
        raise Unsupported("a subgraph that does not fit")
    own = dict(body.constants) | dict(zip(body.inputs, inputs, strict=False))
    return _run_nodes(body, [prepared(node, opset) for node in body.nodes], ChainMap(own, scope), budget)


def _call_function(call: Call, function: Function, inputs: tuple[Tensor | None, ...], budget: Pass) -> tuple[Tensor, ...]:
    """The outputs of a local function, whose body sees its inputs and attributes alone."""
    given = {name: call.node.attributes.get(name, default) for name, default in function.attributes.items()}
    if len(inputs) > len(function.body.inputs):
        raise Unsupported(f"{len(inputs)} inputs for {len(function.body.inputs)}")
    own = {name: x for name, x in zip(function.body.inputs, inputs, strict=False) if x is not None}
    absent = set(function.body.inputs) - set(own)
    calls = [prepared(_bound(node, given, absent), {**call.opset, **function.opset}) for node in function.body.nodes]
    return _run_nodes(function.body, calls, own, budget)


def _bound(node: Node, given: Mapping[str, Any], absent: set[str]) -> Node:
    """A node of a function's body with the call's attributes put in; inputs that the call omits are omitted."""
    attributes = {
        name: given.get(value.name) if isinstance(value, AttributeReference) else value for name, value in node.attributes.items()
    }
    inputs = tuple("" if name in absent else name for name in node.inputs)
    return replace(node, inputs=inputs, attributes={name: value for name, value in attributes.items() if value is not None})


def _run_nodes(body: Subgraph, calls: Iterable[Call], values: MutableMapping[str, Tensor], budget: Pass) -> tuple[Tensor, ...]:
    budget.depth += 1
    try:
        for call in calls:
            budget.steps -= 1
            if budget.depth > DEEPEST or budget.steps < 0:
                budget.steps = 0  # for the rest of the pass: calls within calls grow exponentially
                raise Unsupported("functions or subgraphs nested too deep, or called too often")
            _step(call, values, budget)
    finally:
        budget.depth -= 1
    return tuple(values.get(name, LOST) for name in body.outputs)


def _inherit(result: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Carry over what every operator passes on: notes, kinds of upsampling, dependence on the image."""
    if result.elements is not None:
        return result
    if all(x.notes <= result.notes and x.upsampling <= result.upsampling and x.from_image <= result.from_image for x in inputs):
        return result
    notes = result.notes.union(*[x.notes for x in inputs])
    upsampling = result.upsampling.union(*[x.upsampling for x in inputs])
    from_image = result.from_image or any(x.from_image for x in inputs)
    return replace(result, notes=notes, upsampling=upsampling, from_image=from_image)


def _located(result: Tensor, node: Node) -> Tensor:
    """Write the node's name into the notes and paddings that its transfer function left without one."""
    if not result.from_image:
        return result
    if result.notes and any(not note.node for note in result.notes):
        result = replace(
            result,
            notes=frozenset(n if n.node else replace(n, node=node.name, op=node.op) for n in result.notes),
        )
    if any(track.padding.unnamed for track in result.tracks()):
        dims = tuple([tuple([_named(atom, node) for atom in dim]) for dim in result.dims])
        result = replace(result, dims=dims)
    return result


def _named(atom: Atom, node: Node) -> Atom:
    track = atom.track
    if track is None or not track.padding.unnamed:
        return atom
    return atom._replace(track=track._replace(padding=track.padding.named(node.name, node.op)))
