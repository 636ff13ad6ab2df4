"""Combine dimensions that meet element by element: join their tracks, atom by atom."""

from __future__ import annotations

from math import lcm

from shiftlint.calculus.note import Kind, Note, Reason
from shiftlint.calculus.relation import SlopeMismatch, join
from shiftlint.calculus.tensor import Atom, Dim, dim_of, dim_size, is_uniform, spoil
from shiftlint.calculus.track import Track


def combine_dims(first: Dim, second: Dim) -> tuple[Dim, list[Note]]:
    """Combine two dimensions of equal size that meet element by element.

    A note records that a tracked atom depends on its position if it meets varying plain values.
    """
    if first == second:
        return first, []
    if is_uniform(second) and any(a.track for a in first):
        return first, []
    if is_uniform(first) and any(a.track for a in second):
        return second, []
    one, two = common_factors(first, second)
    if one is None or two is None:
        reason = Reason.MERGED_DIFFERENTLY
        return dim_of(dim_size(first)), [
            note for dim in (first, second) for note in spoil(dim, Kind.UNKNOWN, reason)[1]
        ]
    atoms: list[Atom] = []
    notes: list[Note] = []
    for a, b in zip(one, two, strict=True):
        atom, more = _combine_atoms(a, b)
        atoms.append(atom)
        notes += more
    return tuple(atoms), notes


def _combine_atoms(a: Atom, b: Atom) -> tuple[Atom, list[Note]]:
    if a.track is None and b.track is None:
        return Atom(a.size, None, a.uniform and b.uniform), []
    if a.track is None or b.track is None:
        tracked, other = (a, b) if a.track else (b, a)
        assert tracked.track is not None
        varies = not other.uniform and other.size != 1
        return tracked, [Note(Kind.POSITION, tracked.track.axis, Reason.VARIES)] if varies else []
    if a.track.axis != b.track.axis:
        reason = Reason.AXES_MEET
        return Atom(a.size), [
            Note(Kind.POSITION, track.axis, reason) for track in (a.track, b.track)
        ]
    try:
        return Atom(a.size, merge_tracks(a.track, b.track)), []
    except SlopeMismatch:
        facts = (("first", a.track.relation.scale), ("second", b.track.relation.scale))
        return Atom(a.size), [Note(Kind.STRIDES, a.track.axis, Reason.STRIDES_DIFFER, facts=facts)]


def merge_tracks(first: Track, second: Track) -> Track:
    """The track of an axis whose elements combine one element of each of two axes of equal size.

    Raises
    ------
    SlopeMismatch
        The scales differ.
    """
    if first == second:
        return first
    return Track(
        first.axis,
        join(first.relation, second.relation),
        (max(first.border[0], second.border[0]), max(first.border[1], second.border[1])),
        first.padding | second.padding,
        first.rounding.join(second.rounding),
        lcm(first.whole, second.whole),
    )


def common_factors(first: Dim, second: Dim) -> tuple[Dim | None, Dim | None]:
    """Split plain atoms until both dimensions have equal atom sizes; (None, None) if impossible."""
    one, two = list(reversed(first)), list(reversed(second))
    left: list[Atom] = []
    right: list[Atom] = []
    while one or two:
        if not one or not two:
            (longer, mine, others) = (one, left, right) if one else (two, right, left)
            single = longer.pop()
            if single.size != 1:
                return None, None
            mine.append(single)
            others.append(Atom(1))
            continue
        a, b = one.pop(), two.pop()
        if a.size != b.size and 1 in (a.size, b.size):  # a single element is its own atom
            (one if a.size != 1 else two).append(a if a.size != 1 else b)
            a, b = (a, Atom(1)) if a.size == 1 else (Atom(1), b)
        elif a.size > b.size:
            a, rest = split_outer(a, b.size)
            if rest is None:
                return None, None
            one.append(rest)
        elif b.size > a.size:
            b, rest = split_outer(b, a.size)
            if rest is None:
                return None, None
            two.append(rest)
        left.append(a)
        right.append(b)
    return tuple(left), tuple(right)


def split_outer(atom: Atom, outer: int) -> tuple[Atom, Atom | None]:
    """Split a plain atom into (outer, rest); rest is None if it is tracked or cannot be split."""
    if atom.track or outer < 2 or atom.size % outer:
        return atom, None
    return Atom(outer, None, atom.uniform), Atom(atom.size // outer, None, atom.uniform)
