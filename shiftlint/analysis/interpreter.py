"""The abstract interpreter: one pass of transfer functions over the nodes, at concrete sizes.

Sizes are concrete because half of all exports compute their crops from them (`Shape → Gather → Sub
→ Slice`): shape tensors are small integers and are simply evaluated. Nodes that do not depend on
the image or its size are evaluated once (`fold`). Local functions and subgraphs are interpreted at
each call, in its scope. Every result gets the number of its program, in one place for all operators
(`shiftlint.analysis.size_dependence`).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from shiftlint.analysis.rounding import ROUNDED, rounding_of
from shiftlint.analysis.size_dependence import Key, Numbering, Sizes, geometry, operand
from shiftlint.calculus.note import Reason, SizeError, Unsupported, Words
from shiftlint.calculus.relation import PeriodTooLong
from shiftlint.calculus.tensor import Atom, Tensor, opaque, plain, rounded, tensor_of, with_program
from shiftlint.onnx_file.constants import Constant, type_name
from shiftlint.onnx_file.graph import (
    AttributeReference,
    Function,
    Graph,
    Node,
    Subgraph,
    every_node,
)
from shiftlint.ops.registry import SUPPLIED, Transfer, arguments, find, misfit

Values = Mapping[str, Tensor]
DEEPEST = 16  # nested functions and subgraphs
MOST_STEPS = 50_000  # nodes of functions and subgraphs in one pass
MOST_BYTES = 64 << 20  # of computed values in one pass; later values keep only their sizes
LOST = opaque((), Reason.NEVER_COMPUTED)


@dataclass(slots=True)
class Pass:
    """The inputs of one pass over a graph, and its remaining budget.

    `sizes` are those of the image, px by axis; `types` are the number types of the network.
    """

    functions: Mapping[tuple[str, str], Function]
    numbering: Numbering
    sizes: Sizes
    types: frozenset[str]
    steps: int = MOST_STEPS
    bytes: int = MOST_BYTES
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A node with its transfer function and checked attributes.

    `problem` says why it cannot be analyzed; `key` identifies its operator and attributes.
    """

    node: Node
    name: str
    key: int
    opset: Mapping[str, int]
    known: Transfer | None = None
    problem: Unsupported | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A graph ready for repeated interpretation: nodes of constants are already evaluated."""

    graph: Graph
    calls: tuple[Call, ...]
    constants: Values = field(repr=False)
    numbering: Numbering = field(repr=False)
    types: frozenset[str]


def fold(graph: Graph) -> Program:
    """Look up all transfer functions, and evaluate the nodes that depend only on constants."""
    values: dict[str, Tensor] = _tensors(graph.constants)
    calls = []
    types = types_in(graph)
    budget = Pass(graph.functions, Numbering(), {}, types)
    varying = {value.name for value in graph.inputs}
    for node in graph.nodes:
        call = prepared(node, graph.opset, budget.numbering)
        if (
            varying.isdisjoint(node.inputs)
            and varying.isdisjoint(node.captured)
            and all(n in values for n in node.inputs if n)
        ):
            try:
                _step(call, values, budget)
                values.update(
                    (name, _named_constant(values[name], name))
                    for name in node.outputs
                    if name in values
                )
                continue
            except SizeError:
                pass  # interpreting the graph raises it again
        varying.update(node.outputs)
        calls.append(call)
    read = {name for call in calls for name in (*call.node.inputs, *call.node.captured)} | {
        v.name for v in graph.outputs
    }
    return Program(
        graph,
        tuple(calls),
        {name: value for name, value in values.items() if name in read},
        budget.numbering,
        types,
    )


def types_in(graph: Graph) -> frozenset[str]:
    """The number types in a graph: those of its inputs and of its casts."""
    casts = {
        type_name(to)
        for node in every_node(graph)
        if node.op == "Cast" and isinstance(to := node.attributes.get("to"), int)
    }
    return frozenset({value.dtype for value in graph.inputs} | casts)


def _named_constant(x: Tensor, name: str) -> Tensor:
    """A constant that was computed once, identified by its name instead of its elements."""
    return x if x.program is not None else replace(x, program=(name,))


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
    """As `interpret`, but return all tensors by name; of constants, only those that nodes read."""
    values: dict[str, Tensor] = {**program.constants, **inputs}
    sizes = {
        track.axis: atom.size
        for x in inputs.values()
        for dim in x.dims
        for atom in dim
        if (track := atom.track)
    }
    budget = Pass(program.graph.functions, program.numbering, sizes, program.types)
    for call in program.calls:
        _step(call, values, budget)
    return values


def prepared(node: Node, opset: Mapping[str, int], numbering: Numbering) -> Call:
    """Look up a node's transfer function, and check its attributes and inputs against it."""
    node = _with_tensors(node)
    name = f"{node.domain}::{node.op}" if node.domain else node.op
    known = find(node.op, node.domain, opset.get(node.domain, 1))
    attributes = tuple(
        [item for item in node.attributes.items() if not isinstance(item[1], Subgraph)]
    )
    key = numbering.number((name, attributes))  # subgraphs are identified by their results
    if known is None:
        return Call(
            node, name, key, opset, None, Unsupported(Reason.UNKNOWN_OPERATOR, operator=name)
        )
    wrong = misfit(known, node.inputs, node.attributes)
    problem = (
        Unsupported(Reason.OUTSIDE_SPECIFICATION, operator=name, wrong=Words(wrong))
        if wrong
        else None
    )
    return Call(node, name, key, opset, known, problem)


def _with_tensors(node: Node) -> Node:
    """The node with the constants in its attributes replaced by tensors."""
    if not any(isinstance(value, Constant) for value in node.attributes.values()):
        return node
    attributes = {
        name: tensor_of(value) if isinstance(value, Constant) else value
        for name, value in node.attributes.items()
    }
    return replace(node, attributes=attributes)


def _tensors(constants: Mapping[str, Constant]) -> dict[str, Tensor]:
    return {name: tensor_of(value) for name, value in constants.items()}


def _step(call: Call, values: MutableMapping[str, Tensor], budget: Pass) -> None:
    node = call.node
    inputs = tuple([values.get(name, LOST) if name else None for name in node.inputs])
    results = evaluate(call, inputs, values, budget)
    for name, result in zip(node.outputs, results, strict=False):
        if result.elements is not None:
            budget.bytes -= result.elements.nbytes
            if budget.bytes < 0:  # drop the elements; their program still identifies them
                result = plain(*result.shape, program=budget.numbering.number(operand(result)))
        values[name] = result


def evaluate(
    call: Call, inputs: tuple[Tensor | None, ...], scope: MutableMapping[str, Tensor], budget: Pass
) -> tuple[Tensor, ...]:
    """The outputs of one node; opaque if it or an input of it cannot be analyzed."""
    node, known = call.node, call.known
    present = tuple([x for x in inputs if x is not None])
    bodies: list[Hashable] = []
    local = budget.functions.get((node.domain, node.op)) if known is None else None
    try:
        if local is not None:
            results = _call_function(call, local, inputs, budget)
        elif known is None or call.problem is not None:
            raise (
                call.problem or Unsupported(Reason.UNKNOWN_OPERATOR, operator=call.name)
            ).with_traceback(None)
        elif any(x.opaque for x in present):
            raise Unsupported(Reason.FOLLOWS_UNANALYZED)
        elif computed := [
            name
            for i, name in known.parameters
            if i < len(inputs) and (x := inputs[i]) is not None and x.from_image
        ]:
            raise Unsupported(Reason.OPERAND_FROM_IMAGE, operand=computed[0])
        else:
            result = known.function(
                *inputs[: known.maximum_inputs], **_keywords(call, known, scope, budget, bodies)
            )
            results = result if isinstance(result, tuple) else (result,)
        if any(0 in r.shape for r in results if r.elements is None):
            raise SizeError("an output without elements, which runtimes reject or crash on")
    except SizeError as error:
        raise SizeError(f"{node.name} ({call.name}): {error}") from error
    except (Unsupported, PeriodTooLong) as error:
        captured = [scope[name] for name in sorted(node.captured) if name in scope]
        if isinstance(error, PeriodTooLong):
            error = Unsupported(Reason.TOO_MANY_PHASES, phases=error.phases)
        return tuple(
            _located(opaque((*present, *captured), error.reason, error.facts), node)
            for _ in node.outputs
        )
    if known is None:
        return tuple([_located(_inherit(r, inputs), node) for r in results])
    return _finished(call, known, inputs, results, tuple(bodies), budget)


def _finished(
    call: Call,
    known: Transfer,
    inputs: tuple[Tensor | None, ...],
    results: tuple[Tensor, ...],
    bodies: tuple[Hashable, ...],
    budget: Pass,
) -> tuple[Tensor, ...]:
    """Add to the results the inherited notes, the node, rounding, and program numbers.

    Results with known elements need none of these.
    """
    if all(r.elements is not None for r in results):
        return results
    operands = []
    for index, x in enumerate(inputs):
        left_out = index in known.geometric and x is not None and x.program is None
        operands.append(None if left_out else operand(x, elementwise=known.elementwise))
    besides = None
    if known.besides is not None:
        facts = known.besides(*inputs[: known.maximum_inputs], **call.node.attributes)
        besides = operand(facts) if isinstance(facts, Tensor) else facts
    rounding = (
        rounding_of(call.node.op, budget.types, inputs, call.node.attributes)
        if call.node.op in ROUNDED
        else None
    )
    finished = []
    for index, result in enumerate(results):
        if result.elements is not None:
            finished.append(result)
            continue
        if rounding is not None:
            result = rounded(result, rounding)
        result = _located(_inherit(result, inputs), call.node)
        key = Key(
            call.key,
            tuple(operands),
            besides,
            bodies,
            (index, result.program),
            geometry(result, budget.sizes),
        )
        finished.append(with_program(result, budget.numbering.number(key)))
    return tuple(finished)


def _keywords(
    call: Call,
    known: Transfer,
    scope: MutableMapping[str, Tensor],
    budget: Pass,
    bodies: list[Hashable],
) -> dict[str, Any]:
    """The keyword arguments of a call; adds the programs of its subgraphs' results to `bodies`."""
    if SUPPLIED.isdisjoint(known.keywords):
        return call.node.attributes

    def run(body: Any, values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        results = _run_body(body, values, scope, call.opset, budget)
        bodies.extend(r.program for r in results if r.program is not None)
        return results

    return arguments(known, call.node.attributes, len(call.node.outputs), run)


def _run_body(
    body: Any,
    inputs: tuple[Tensor, ...],
    scope: MutableMapping[str, Tensor],
    opset: Mapping[str, int],
    budget: Pass,
) -> tuple[Tensor, ...]:
    """The outputs of a subgraph, which sees the names of the enclosing scope."""
    if not isinstance(body, Subgraph) or len(inputs) > len(body.inputs):
        raise Unsupported(Reason.SUBGRAPH_MISFIT)
    own = _tensors(body.constants) | dict(zip(body.inputs, inputs, strict=False))
    return _run_nodes(
        body,
        [prepared(node, opset, budget.numbering) for node in body.nodes],
        ChainMap(own, scope),
        budget,
    )


def _call_function(
    call: Call, function: Function, inputs: tuple[Tensor | None, ...], budget: Pass
) -> tuple[Tensor, ...]:
    """The outputs of a local function, whose body sees only its inputs and attributes."""
    given = {
        name: call.node.attributes.get(name, default)
        for name, default in function.attributes.items()
    }
    if len(inputs) > len(function.body.inputs):
        raise Unsupported(
            Reason.FUNCTION_INPUTS, given=len(inputs), expected=len(function.body.inputs)
        )
    own = {name: x for name, x in zip(function.body.inputs, inputs, strict=False) if x is not None}
    absent = set(function.body.inputs) - set(own)
    opset = {**call.opset, **function.opset}
    calls = [
        prepared(_bound(node, given, absent), opset, budget.numbering)
        for node in function.body.nodes
    ]
    return _run_nodes(function.body, calls, own, budget)


def _bound(node: Node, given: Mapping[str, Any], absent: set[str]) -> Node:
    """A node of a function's body with the call's attributes; omits inputs that the call omits."""
    attributes = {
        name: given.get(value.name) if isinstance(value, AttributeReference) else value
        for name, value in node.attributes.items()
    }
    inputs = tuple("" if name in absent else name for name in node.inputs)
    return replace(
        node,
        inputs=inputs,
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def _run_nodes(
    body: Subgraph, calls: Iterable[Call], values: MutableMapping[str, Tensor], budget: Pass
) -> tuple[Tensor, ...]:
    budget.depth += 1
    try:
        for call in calls:
            budget.steps -= 1
            if budget.depth > DEEPEST or budget.steps < 0:
                budget.steps = 0  # for the rest of the pass: nested calls grow exponentially
                raise Unsupported(Reason.NESTED_TOO_DEEP)
            _step(call, values, budget)
    finally:
        budget.depth -= 1
    return tuple(values.get(name, LOST) for name in body.outputs)


def _inherit(result: Tensor, inputs: tuple[Tensor | None, ...]) -> Tensor:
    """Inherit from the inputs: notes, kinds of upsampling, dependence on the image."""
    if result.elements is not None:
        return result
    present = [x for x in inputs if x is not None and (x.notes or x.upsampling or x.from_image)]
    if all(
        x.notes <= result.notes
        and x.upsampling <= result.upsampling
        and x.from_image <= result.from_image
        for x in present
    ):
        return result
    notes = result.notes.union(*[x.notes for x in present])
    upsampling = result.upsampling.union(*[x.upsampling for x in present])
    from_image = result.from_image or any(x.from_image for x in present)
    return replace(result, notes=notes, upsampling=upsampling, from_image=from_image)


def _located(result: Tensor, node: Node) -> Tensor:
    """Fill in the node in notes and paddings whose transfer function left it empty."""
    if not result.from_image and not result.notes:
        return result
    if result.notes and any(not note.node for note in result.notes):
        result = replace(
            result,
            notes=frozenset(
                n if n.node else replace(n, node=node.name, op=node.op) for n in result.notes
            ),
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
