"""Whether a network is the same program at two choices of sizes, and the first node that is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shiftlint.analysis.causes import Cause, What, cause_of, written
from shiftlint.analysis.image_layout import open_probe
from shiftlint.analysis.probe import Probe
from shiftlint.calculus.note import Kind, SizeError
from shiftlint.errors import InputError
from shiftlint.onnx_file.graph import Node
from shiftlint.onnx_file.reader import read_graph

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One output at two choices of sizes, px per spatial axis.

    Attributes
    ----------
    output : str
    first, second : tuple of int
    cause : Cause or None
        None: the program is the same at both sizes.
    """

    output: str
    first: Sizes
    second: Sizes
    cause: Cause | None


def compare(
    path: str | Path,
    first: Sizes,
    second: Sizes,
    *,
    output: str | None = None,
    input_name: str | None = None,
    where: str | None = None,
) -> list[Comparison]:
    """Compare the programs of all outputs or of one output.

    Parameters
    ----------
    path : str or Path
    first, second : tuple of int
        Px of the image, one size for all spatial axes or one for each.
    output, input_name : str, optional
        Names of an output and of the image input.
    where : str, optional
        Name of the file in errors; default: the path.

    Raises
    ------
    InputError
        SL001 (unreadable), SL005 (no image-like input, or several), SL302 (the network does not run
        at one of the sizes), no such output, or sizes that do not fit the axes.
    """
    where = where or str(path)
    graph = read_graph(Path(path), where=where)
    probe = open_probe(graph, where=where, input_name=input_name)
    names = [value.name for value in graph.outputs]
    if output is not None and output not in names:
        raise InputError(
            f"no such output (--output): expected one of {', '.join(names)}, got {output!r}."
        )
    one, two = (_checked(probe, sizes, where) for sizes in (first, second))
    return [
        Comparison(name, one, two, _cause(probe, name, one, two))
        for name in names
        if output in (None, name)
    ]


def _checked(probe: Probe, sizes: Sizes, where: str) -> Sizes:
    """One size per axis, at which the network runs; else InputError."""
    rank = len(probe.axes)
    if len(sizes) not in (1, rank):
        raise InputError(
            f"wrong number of sizes (--sizes): expected 1 or {rank}, one per axis of {where}, got "
            f"{len(sizes)}."
        )
    sizes = sizes * rank if len(sizes) < rank else sizes
    fixed = tuple(
        n if given is None else given for n, given in zip(sizes, probe.static, strict=True)
    )
    if fixed != sizes:
        raise InputError(
            f"illegal size ({where}): expected {written(fixed)} px, which the file fixes, got "
            f"{written(sizes)}.",
            code="SL302",
        )
    try:
        probe.at(sizes)
    except SizeError as error:
        raise InputError(
            f"illegal size ({where}): expected a size at which the network runs, got "
            f"{written(sizes)} px: {error}.",
            code="SL302",
        ) from error
    return sizes


def _cause(probe: Probe, output: str, first: Sizes, second: Sizes) -> Cause | None:
    found = probe.difference(output, first, second)
    if found is not None:
        return cause_of(probe, found, first, second)
    return next(_unknown(probe, output, (first, second)), None)


def _unknown(probe: Probe, output: str, sizes: Sequence[Sizes]) -> Iterator[Cause]:
    """Nodes that are not analyzed, in graph order: their programs may differ even if equal here."""
    nodes = {call.node.name: call.node for call in probe.calls}
    order = {name: place for place, name in enumerate(nodes)}
    for one in sizes:
        tensor = probe.at(one).outputs[output]
        for note in sorted(tensor.notes, key=lambda note: (order.get(note.node, -1), note.text)):
            if note.kind in {Kind.UNKNOWN, Kind.RANDOM}:
                node = nodes.get(note.node, Node(note.node, note.op, "", (), (), {}))
                yield Cause(node, What.UNKNOWN, "", note.text, note.text)
