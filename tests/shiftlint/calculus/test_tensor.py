"""Borders and dimensions against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shiftlint.calculus.combine import combine_dims, common_factors
from shiftlint.calculus.note import Kind
from shiftlint.calculus.relation import IDENTITY, Relation
from shiftlint.calculus.tensor import Atom, Tensor, constant, dim_of, dim_size, plain
from shiftlint.calculus.track import Track, border_of
from shiftlint.ops.broadcasting import broadcast, deviating_ends
from tests.shiftlint.relations import LOCAL


@given(LOCAL, st.integers(0, 4), st.integers(0, 4), st.integers(10, 30), st.integers(5, 40))
def test_border_counts_to_the_last_element_that_is_not_clean(
    relation: Relation, before: int, after: int, size: int, new_size: int
) -> None:
    clean = range(before, size - after)
    dirty = [
        e
        for e in range(new_size)
        if (w := relation.window(e)) is not None and not (w[0] in clean and w[1] in clean and clean)
    ]
    left, right = border_of(relation, (before, after), size, new_size)
    assert all(e < left or e >= new_size - right for e in dirty)
    low = [e for e in dirty if (w := relation.window(e)) and w[0] < clean.start]
    high = [e for e in dirty if (w := relation.window(e)) and w[1] >= clean.stop]
    if (
        max(left, right) < new_size
    ):  # else nothing is clean, and the count may go on into elements that read nothing
        assert left == (max(low) + 1 if low else 0)
        assert right == (new_size - min(high) if high else 0)


ATOMS = st.lists(st.sampled_from([2, 3, 4, 6]), min_size=1, max_size=3)


@given(ATOMS, ATOMS)
def test_common_factors_keep_the_sizes(first: list[int], second: list[int]) -> None:
    one, two = common_factors(tuple(map(Atom, first)), tuple(map(Atom, second)))
    if one is not None and two is not None:
        assert [a.size for a in one] == [b.size for b in two]
        assert dim_size(one) == np.prod(first) == dim_size(two) == np.prod(second)


def test_what_varies_fixes_the_place_and_what_is_uniform_does_not() -> None:
    image = dim_of(8, Track(2))
    assert combine_dims(image, dim_of(8, uniform=True)) == (image, [])
    dim, notes = combine_dims(image, dim_of(8))
    assert dim == image
    assert [(note.kind, note.axis) for note in notes] == [(Kind.POSITION, 2)]


def test_two_axes_that_meet_have_no_period() -> None:
    _, notes = combine_dims(dim_of(8, Track(2)), dim_of(8, Track(3)))
    assert {note.axis for note in notes} == {2, 3}


def test_branches_of_different_stride_are_a_finding() -> None:
    _, notes = combine_dims(dim_of(8, Track(2)), dim_of(8, Track(2, Relation(2, 1, ((0, 0),)))))
    assert [note.kind for note in notes] == [Kind.STRIDES]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=9))
def test_deviating_ends_leave_only_equal_slices(values: list[int]) -> None:
    ends = deviating_ends(np.asarray(values), 0)
    if ends is not None:
        inner = values[ends[0] : len(values) - ends[1]]
        assert len(set(inner)) == 1
        assert len(inner) * 2 > len(values)


def test_a_mask_that_differs_at_its_end_is_border() -> None:
    image = Tensor((dim_of(6, Track(2)),), from_image=True)
    result = broadcast(image, constant([0, 0, 0, 0, 7, 9]))
    (track,) = result.tracks()
    assert track.border == (0, 2)
    assert not result.notes


def test_a_coordinate_along_one_axis_spoils_only_this_one() -> None:
    image = Tensor((dim_of(6, Track(2)), dim_of(5, Track(3))), from_image=True)
    result = broadcast(image, broadcast(plain(1, 5), plain(6, 1)))
    assert {note.axis for note in result.notes} == {2, 3}
    assert {
        note.axis
        for note in broadcast(image, broadcast(plain(1, 5), plain(6, 5, uniform=True))).notes
    } == {3}
    assert image.tracks()[0].relation == IDENTITY
