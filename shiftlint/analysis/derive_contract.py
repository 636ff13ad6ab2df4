"""Derive the contract of an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, prod
from pathlib import Path

from shiftlint.analysis.image_layout import axis_names, open_probe
from shiftlint.analysis.legal_sizes import SizeClass, larger_sizes, size_classes, typical_sizes
from shiftlint.analysis.probe import AxisBehavior, Behavior, Probe
from shiftlint.calculus.note import EVERY, Kind, Note, Reason, SizeError, Words
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import (
    AxisContract,
    Contract,
    Explanation,
    InputContract,
    ModelIdentity,
    OutputContract,
    OutputSize,
)
from shiftlint.errors import InputError
from shiftlint.onnx_file.graph import Graph, Value
from shiftlint.onnx_file.reader import read_graph
from shiftlint.rules.note_codes import causes, code_of


def analyze(
    path: str | Path, *, input_name: str | None = None, where: str | None = None
) -> Contract:
    """Derive the contract of the network in an ONNX file.

    Parameters
    ----------
    path : str or Path
    input_name : str, optional
        Which input is the image, if there are several.
    where : str, optional
        Name of the file in errors; default: the path.

    Raises
    ------
    InputError
        SL001 (unreadable), SL005 (no image-like input, or several), SL302 (no legal size found).
    """
    where = where or str(path)
    return contract_of(read_graph(Path(path), where=where), where=where, input_name=input_name)


def read_metadata(path: str | Path) -> Metadata:
    """The metadata that the model declares; InputError (SL001) or SchemaError if unreadable."""
    return Metadata.from_props(read_graph(Path(path)).metadata, where=str(path))


def contract_of(graph: Graph, *, where: str, input_name: str | None = None) -> Contract:
    """The contract of a graph; `where` names it in errors. Raises as in `analyze`."""
    return contract_at(open_probe(graph, where=where, input_name=input_name), where=where)


def contract_at(probe: Probe, *, where: str) -> Contract:
    """As `contract_of`, for a network whose image and axes are chosen; the probe keeps results."""
    return contract_and_notes(probe, where=where)[0]


def contract_and_notes(probe: Probe, *, where: str) -> tuple[Contract, tuple[Note, ...]]:
    """As `contract_at`, with the notes of the outputs."""
    graph = probe.graph
    try:
        base = typical_sizes(probe)
    except SizeError as error:
        raise InputError(
            f"no legal size ({where}): expected a size at which the network runs, got: {error}.",
            code="SL302",
        ) from error
    outputs, notes = zip(*(_output(probe, base, value) for value in graph.outputs), strict=True)
    contract = Contract(
        ModelIdentity(
            graph.sha256,
            tuple(sorted((d or "ai.onnx", v) for d, v in graph.opset.items())),
            graph.producer,
        ),
        InputContract(probe.image.name, probe.image.shape, probe.image.dtype, probe.batch(base)),
        outputs,
    )
    return contract, tuple(dict.fromkeys(note for found in notes for note in found))


def _output(probe: Probe, base: tuple[int, ...], value: Value) -> tuple[OutputContract, list[Note]]:
    behavior = probe.at(base)
    tensor = behavior.outputs[value.name]
    names = axis_names(probe)
    classes, apart = size_classes(probe, base, value.name)
    axes = []
    for name, axis, known in zip(names, probe.axes, classes, strict=True):
        found = behavior.axes.get((value.name, axis))
        if found is not None:
            axes.append(_axis(name, axis, found, known))
    notes = [
        *tensor.notes,
        *_merged(probe, behavior, value),
        *_size_notes(probe, base, value.name, axes, apart, tensor.notes),
    ]
    periods = [axis.period for axis in axes]
    padded = any(axis.padding for axis in axes)
    capacity = (
        None if padded or None in periods or not axes else prod(p for p in periods if p is not None)
    )
    kinds = tensor.upsampling
    return OutputContract(
        value.name,
        value.shape,
        tuple(axes),
        capacity,
        "mixed" if len(kinds) > 1 else next(iter(kinds), "none"),
        padded or "learned" in kinds or any(note.kind is Kind.POSITION for note in tensor.notes),
        _reasons(notes, axes),
    ), notes


def _axis(name: str, input_axis: int, found: AxisBehavior, known: SizeClass | None) -> AxisContract:
    behavior = known.behavior if known else found
    relation = behavior.relation
    is_global = any(note.kind is Kind.GLOBAL for note in behavior.notes)
    offset = behavior.offset
    padding = tuple(sorted(behavior.padding, key=lambda p: (p.node, p.op, p.kind)))
    return AxisContract(
        name=name,
        input_axis=input_axis,
        output_axis=behavior.output_axis,
        period=relation.period if known else None,
        step=relation.step if known else None,
        reads=relation.reads if known and not is_global else None,
        border=behavior.clipped_border,
        padding=padding,
        is_global=is_global,
        bitwise=behavior.rounding.bitwise,
        sizes=known.sizes if known else None,
        output_size=OutputSize(relation.scale, offset) if known else None,
        origin=floor(offset / relation.scale / 2) if known and not padding else 0,
        rounding=behavior.rounding,
    )


def _merged(probe: Probe, behavior: Behavior, value: Value) -> Iterator[Note]:
    """Notes for the axes of the image that several dimensions of an output follow."""
    maker = next((call.node for call in probe.calls if value.name in call.node.outputs), None)
    tracks = [
        {track.axis for atom in dim if (track := atom.track)}
        for dim in behavior.outputs[value.name].dims
    ]
    for axis in probe.axes:
        if maker is not None and sum(axis in followed for followed in tracks) > 1:
            yield Note(Kind.UNKNOWN, axis, Reason.SEVERAL_DIMENSIONS, node=maker.name, op=maker.op)


def _size_notes(
    probe: Probe,
    base: tuple[int, ...],
    output: str,
    axes: Sequence[AxisContract],
    apart: tuple[int, ...] | None,
    notes: frozenset[Note],
) -> Iterator[Note]:
    """Notes on how the network changes with the size, for axes without another explanation.

    `apart` are sizes at which it differs from `base` although no single axis makes it differ.
    """
    explained = {note.axis for note in notes if note.kind is not Kind.GLOBAL}
    for axis in axes:
        if axis.period is not None or not explained.isdisjoint((axis.input_axis, EVERY)):
            continue
        from shiftlint.analysis.causes import cause_of, predicate, written  # rarely needed

        for other in (
            [apart]
            if apart is not None
            else larger_sizes(probe, base, probe.axes.index(axis.input_axis), output)
        ):
            try:
                found = probe.difference(output, base, other)
            except SizeError as error:  # such as for a network that takes only squares
                facts = (
                    ("first", Words(written(base))),
                    ("second", Words(written(other))),
                    ("error", Words(error)),
                )
                yield Note(
                    Kind.SIZE,
                    axis.input_axis,
                    Reason.RUNS_NOT_AT,
                    node=output,
                    op="output",
                    facts=facts,
                )
                break
            if found is not None:
                cause = cause_of(probe, found, base, other)
                told = (
                    ("what", cause.what.value),
                    ("of", cause.subject),
                    ("words", Words(predicate(cause, base, other))),
                )
                yield Note(
                    Kind.SIZE,
                    axis.input_axis,
                    Reason.OTHER_PROGRAM,
                    node=found.node.name,
                    op=found.node.op,
                    facts=told,
                )
                break


def _reasons(notes: Sequence[Note], axes: Sequence[AxisContract]) -> tuple[Explanation, ...]:
    """The explanations of missing claims, with the responsible nodes."""
    reasons = {
        Explanation(code_of(note), note.kind, note.axis, note.node, note.op, note.text)
        for note in causes(notes)
    }
    for axis in axes:
        if axis.period is None and not notes:
            text = f"axis {axis.name} behaves differently at different sizes"
            reasons.add(Explanation("SL102", Kind.SIZE, axis.input_axis, "", "", text))
    return tuple(
        sorted(
            reasons,
            key=lambda reason: (reason.kind, reason.node, reason.axis, reason.op, reason.text),
        )
    )
