"""The abstract interpreter: one pass over the nodes at concrete sizes, each replaced by its transfer function.

Sizes are concrete because half of all exports compute their crops from them (`Shape → Gather → Sub → Slice`): shape tensors are
small integers and are simply evaluated. What does not depend on the image or its size is evaluated once (`fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shiftlint.axes import SizeError, Tensor, Track, Unsupported, opaque
from shiftlint.graph import Graph, Node
from shiftlint.transfer import arguments, find

Values = Mapping[str, Tensor]


def fold(graph: Graph) -> tuple[Graph, Values]:
    """Evaluate the nodes that depend on constants alone; return the graph of the others, and all constants."""
    values: dict[str, Tensor] = dict(graph.constants)
    rest = []
    for node in graph.nodes:
        if all(name in values for name in node.inputs if name):
            _step(node, values, graph.opset)
        else:
            rest.append(node)
    return replace(graph, nodes=tuple(rest)), values


def interpret(graph: Graph, constants: Values, inputs: Values) -> dict[str, Tensor]:
    """Run the graph on abstract inputs; return its outputs by name.

    Raises
    ------
    SizeError
        The network does not run at these sizes; the message names the node.
    """
    values: dict[str, Tensor] = {**constants, **inputs}
    for node in graph.nodes:
        _step(node, values, graph.opset)
    return {value.name: values.get(value.name, opaque((), "the output is never computed")) for value in graph.outputs}


def _step(node: Node, values: dict[str, Tensor], opset: Mapping[str, int]) -> None:
    missing = opaque((), "the input is never computed")
    inputs = tuple(values.get(name, missing) if name else None for name in node.inputs)
    results = evaluate(node, inputs, opset.get(node.domain, 1))
    for name, result in zip(node.outputs, results, strict=False):
        values[name] = _located(result, node)


def evaluate(node: Node, inputs: tuple[Tensor | None, ...], opset: int) -> tuple[Tensor, ...]:
    """The outputs of one node; opaque ones where it is unknown, unsupported, or its inputs are opaque."""
    present = tuple(x for x in inputs if x is not None)
    known = find(node.op, node.domain, opset)
    name = f"{node.domain}::{node.op}" if node.domain else node.op
    if known is None:
        return (opaque(present, f"the analyzer does not know {name}"),) * len(node.outputs)
    if any(x.opaque for x in present):
        return (opaque(present, f"{name} of a tensor that is not analyzed"),) * len(node.outputs)
    unexpected = set(node.attributes) - known.keywords
    if unexpected or (known.maximum_inputs is not None and len(inputs) > known.maximum_inputs):
        what = f"attribute {sorted(unexpected)[0]}" if unexpected else f"{len(inputs)} inputs"
        return (opaque(present, f"{name} with {what} is not in its specification"),) * len(node.outputs)
    try:
        result = known.function(*inputs, **arguments(known, node.attributes, len(node.outputs)))
    except SizeError as error:
        raise SizeError(f"{node.name} ({name}): {error}") from error
    except Unsupported as error:
        return (opaque(present, f"{name}: {error}"),) * len(node.outputs)
    results = result if isinstance(result, tuple) else (result,)
    return tuple(_inherit(r, present) for r in results)


def _inherit(result: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Carry over what every operator passes on: notes, kinds of upsampling, dependence on the image."""
    if result.value is not None:
        return result
    notes = result.notes.union(*(x.notes for x in inputs))
    return replace(
        result,
        notes=notes,
        upsampling=result.upsampling.union(*(x.upsampling for x in inputs)),
        from_image=result.from_image or any(x.from_image for x in inputs),
    )


def _located(result: Tensor, node: Node) -> Tensor:
    """Write the node's name into the notes and paddings that its transfer function left without one."""
    if not result.from_image:
        return result
    if any(not note.node for note in result.notes):
        result = replace(
            result,
            notes=frozenset(n if n.node else replace(n, node=node.name, op=node.op) for n in result.notes),
        )
    if any(not padding.node for track in result.tracks() for padding in track.padding):
        dims = tuple(
            tuple(replace(atom, track=atom.track and _located_track(atom.track, node)) for atom in dim) for dim in result.dims
        )
        result = replace(result, dims=dims)
    return result


def _located_track(track: Track, node: Node) -> Track:
    return replace(track, padding=frozenset(p if p.node else replace(p, node=node.name, op=node.op) for p in track.padding))
