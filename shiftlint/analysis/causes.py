"""Why a network is another program at other sizes: the first differing node, as facts and words.

The first differing part of that node's two keys (`shiftlint.analysis.size_dependence`) is the
cause:

    bodies      a different branch or number of rounds
    operands    a different value of an input that is computed from the size
    besides     different elements along a dimension that does not follow the image (channels), or
                different factors of a Resize
    geometry    a different number of such elements; along an axis of the image, a different window,
                border or size
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import prod
from typing import Any

from shiftlint.analysis.image_layout import axis_names
from shiftlint.analysis.probe import Difference, Probe
from shiftlint.analysis.size_dependence import Key, geometry, operand
from shiftlint.calculus.relation import Relation
from shiftlint.calculus.tensor import Atom, Dim, Tensor
from shiftlint.onnx_file.graph import Node

FEW = 8  # elements that are reported in full

BRANCHES = {"If": "it takes another branch", "Loop": "it runs its body a different number of times"}

Operand = tuple[str, Tensor | None, Tensor | None]


class What(StrEnum):
    """The kind of fact that differs."""

    UNKNOWN = "unknown"  # not analyzed at one of the sizes
    VALUE = "value"  # of an input that is computed from the size
    BRANCH = "branch"  # which subgraph runs, how often, or what it computes
    CHANNELS = "channels"  # which elements are taken along other dimensions than the image's
    FACTORS = "factors"  # of a Resize, per dimension
    COUNT = "count"  # of the elements along other dimensions than the image's
    STRIDE = "stride"  # px per px along an axis of the image
    WINDOW = "window"  # px of the image that an element reads
    BORDER = "border"  # elements at each end that padding reaches
    SIZE = "size"  # of an axis, as a function of the image's size
    OTHER = "other"  # the same facts, computed differently


# facts that an operand may determine
STEERED = {
    What.BRANCH,
    What.CHANNELS,
    What.FACTORS,
    What.COUNT,
    What.WINDOW,
    What.BORDER,
    What.SIZE,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """What a node computes differently at the second sizes.

    Attributes
    ----------
    node : Node
    what : What
    subject : str
        The input, axis or dimension concerned; "" for none.
    before, after : number, str, or list of them
        The fact at the first and second sizes; None if there is none.
    path : tuple of Node
        The nodes from the size to the responsible operand, in order.
    """

    node: Node
    what: What
    subject: str = ""
    before: Any = None
    after: Any = None
    path: tuple[Node, ...] = ()


def cause_of(probe: Probe, found: Difference, first: Sequence[int], second: Sequence[int]) -> Cause:
    """The cause of a difference between two choices of sizes.

    Parameters
    ----------
    probe : Probe
    found : Difference
    first, second : sequence of int
        Px per spatial axis.
    """
    axes = dict(zip(probe.axes, axis_names(probe), strict=True))
    sizes = dict(zip(probe.axes, zip(first, second, strict=True), strict=True))
    what, subject, before, after = _facts(found, axes, sizes)
    path = found.paths.get(subject.partition("[")[0])
    if path is None and what in STEERED:
        path = next(iter(found.paths.values()), ())
    return Cause(found.node, what, subject, before, after, path or ())


Facts = tuple[What, str, Any, Any]


def _facts(
    found: Difference, axes: Mapping[int, str], sizes: Mapping[int, tuple[int, int]]
) -> Facts:
    first, second = found.results
    if first.opaque or second.opaque:
        return What.UNKNOWN, "", _unknown(first), _unknown(second)
    values = [value for one in found.operands if (value := _value(one))]
    one, two = found.before, found.after
    if isinstance(one, Key) and isinstance(two, Key):
        if one.bodies != two.bodies:
            return (What.BRANCH, *(values[0][1:] if values else ("", None, None)))
        if one.operands != two.operands and values:
            differing = {
                name
                for (name, *_), a, b in zip(
                    found.operands, one.operands, two.operands, strict=False
                )
                if a != b
            }
            return next(
                (value for value in values if value[1].partition("[")[0] in differing), values[0]
            )
        if one.besides != two.besides:
            if found.node.op in {"Resize", "Upsample"}:
                return What.FACTORS, "", _factors(one.besides), _factors(two.besides)
            if first.shape == second.shape or values:
                return (What.CHANNELS, *(values[0][1:] if values else ("", None, None)))
    shapes = (
        geometry(x, {axis: pair[i] for axis, pair in sizes.items()})
        for i, x in enumerate(found.results)
    )
    for index, (a, b) in enumerate(zip(*shapes, strict=False)):
        if a != b:
            return _along(index, first.dims[index], second.dims[index], axes, sizes)
    return values[0] if values else (What.OTHER, "", None, None)


def _unknown(x: Tensor) -> str | None:
    """Why a tensor is not analyzed; None if it is."""
    return min((note.text for note in x.notes), default="unknown") if x.opaque else None


def _value(one: Operand) -> Facts | None:
    """A differing input that is computed from the size: its elements, or the first that differs."""
    name, a, b = one
    if a is None or b is None or a.from_image or b.from_image or operand(a) == operand(b):
        return None
    if a.elements is None or b.elements is None:
        return What.VALUE, name, None, None
    if a.shape != b.shape and max(a.elements.size, b.elements.size) > FEW:
        return What.COUNT, name, list(a.shape), list(b.shape)
    before, after = a.elements.numbers(), b.elements.numbers()
    if len(before) <= FEW and len(after) <= FEW:
        return What.VALUE, name, _told(before, a), _told(after, b)
    place = next(
        (i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]), 0
    )
    return What.VALUE, f"{name}[{place}]", before[place], after[place]


def _told(numbers: list[Any], x: Tensor) -> Any:
    return numbers if x.rank and len(numbers) != 1 else numbers[0]


def _factors(besides: Any) -> list[float]:
    return [float(factor) for _, factor in besides]


def _along(
    index: int, a: Dim, b: Dim, axes: Mapping[int, str], sizes: Mapping[int, tuple[int, int]]
) -> Facts:
    """The facts that differ along a dimension of the result."""
    (tracked, count), (others, other_count) = _parts(a), _parts(b)
    if [atom.track.axis for atom in tracked if atom.track] != [
        atom.track.axis for atom in others if atom.track
    ]:
        return What.OTHER, "", None, None
    if count != other_count:
        return What.COUNT, f"dimension {index}", count, other_count
    for (before, one, _), (after, two, _) in zip(tracked, others, strict=True):
        assert one is not None
        assert two is not None
        axis, (first, second) = axes.get(one.axis, str(one.axis)), sizes[one.axis]
        if one.relation.scale != two.relation.scale:
            return What.STRIDE, axis, str(1 / one.relation.scale), str(1 / two.relation.scale)
        if one.relation != two.relation:
            return (What.WINDOW, axis, *_windows(one.relation, two.relation))
        if one.border != two.border:
            return What.BORDER, axis, list(one.border), list(two.border)
        one_size, two_size = (
            _size(one.relation.scale, first, before),
            _size(two.relation.scale, second, after),
        )
        if one_size != two_size:
            return What.SIZE, axis, one_size, two_size
    return What.OTHER, "", None, None


def _parts(dim: Dim) -> tuple[list[Atom], int]:
    """The atoms of a dimension that follow the image, and the number of elements of the others."""
    return [atom for atom in dim if atom.track], prod(atom.size for atom in dim if not atom.track)


def _size(scale: Fraction, image: int, size: int) -> str:
    """The size of an axis as a function of the n px of the image."""
    more = size - scale * image
    return f"{scale}·n {'-' if more < 0 else '+'} {abs(more)}"


def _windows(one: Relation, two: Relation) -> tuple[list[int], list[int]]:
    """The px that both relations give for the first element on which they differ."""
    for element in range(max(one.step, two.step)):
        before, after = one.window(element), two.window(element)
        if before != after:
            return list(before or ()), list(after or ())
    return list(one.window(one.step) or ()), list(two.window(one.step) or ())


def sentence(cause: Cause, first: Sequence[int], second: Sequence[int]) -> str:
    """The cause in words: one line without a final period.

    Parameters
    ----------
    cause : Cause
    first, second : sequence of int
        The sizes in px.
    """
    return f"{cause.node.name} ({cause.node.op}) {predicate(cause, first, second)}"


def predicate(cause: Cause, first: Sequence[int], second: Sequence[int]) -> str:
    """The node's behavior in words; parameters as in `sentence`."""
    if cause.what is What.UNKNOWN:
        reason = cause.after or cause.before
        return (
            f"may compute something different at {written(second)} px than at {written(first)} "
            f"px: it is not analyzed ({reason})"
        )
    said = _said(cause)
    path = ", ".join(f"{node.name} ({node.op})" for node in cause.path)
    return (
        f"computes something different at {written(second)} px than at {written(first)} px"
        + (f": {said}" if said else "")
        + (f", which follows from the size through {path}" if path else "")
    )


def written(sizes: Sequence[int]) -> str:
    """Sizes as a user writes them: 480x640."""
    return "x".join(map(str, sizes))


def _said(cause: Cause) -> str:
    subject, before, after = cause.subject, _text(cause.before), _text(cause.after)
    known = cause.before is not None and cause.after is not None
    value = (
        f"{subject!r} is {after}, not {before}"
        if known
        else f"{subject!r} has a different value"
        if subject
        else ""
    )
    match cause.what:
        case What.VALUE:
            return f"its input {value}"
        case What.BRANCH:
            what = BRANCHES.get(cause.node.op, "its subgraph computes something different")
            return f"{what} ({value})" if value else what
        case What.CHANNELS:
            return "it takes different channels" + (f" ({value})" if value else "")
        case What.FACTORS:
            return f"it resizes by {after}, not by {before}"
        case What.COUNT:
            where = (
                f"along {subject}"
                if subject.startswith("dimension")
                else f"in its input {subject!r}"
            )
            return f"there are {after} elements {where}, not {before}"
        case What.STRIDE:
            return f"along {subject} its px are {after} px of the image apart, not {before}"
        case What.WINDOW:
            return (
                f"along {subject} an output px reads {_px(cause.after)} of the image, not "
                f"{_px(cause.before)}"
            )
        case What.BORDER:
            return (
                f"along {subject} padding reaches {_ends(cause.after)}, not {_ends(cause.before)}"
            )
        case What.SIZE:
            return f"along {subject} its size is {after}, not {before} (n: px of the image)"
        case _:
            return ""


def _text(fact: Any) -> str:
    """A fact in words: numbers with six digits."""
    if isinstance(fact, list):
        return "[" + ", ".join(map(_text, fact)) + "]"
    return f"{fact:.6g}" if isinstance(fact, float) else str(fact)


def _px(window: Sequence[int]) -> str:
    if not window:
        return "nothing"
    return f"px {window[0]}" if window[0] == window[1] else f"px {window[0]} to {window[1]}"


def _ends(border: Sequence[int]) -> str:
    return f"{border[0]} px at the near and {border[1]} px at the far end"
