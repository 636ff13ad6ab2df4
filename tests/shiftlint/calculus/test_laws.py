"""The laws on shiftlint's page that compare relations by containment."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shiftlint.calculus.relation import Relation, SlopeMismatch, join
from shiftlint.contract.values import Window
from tests.shiftlint.relations import LOCAL

ELEMENTS = range(-30, 30)


def below(a: Relation, b: Relation) -> bool:
    """Whether b reads all that a reads, element by element, at the same scale."""
    return a.scale == b.scale and all(_within(a.window(e), b.window(e)) for e in ELEMENTS)


def _within(inner: Window | None, outer: Window | None) -> bool:
    return inner is None or (outer is not None and outer[0] <= inner[0] and inner[1] <= outer[1])


def widened(relation: Relation, before: int, after: int) -> Relation:
    """The relation with every window longer at either end."""
    reads = tuple(window and (window[0] - before, window[1] + after) for window in relation.reads)
    return Relation(relation.period, relation.step, reads)


def shifted(relation: Relation, by: int) -> Relation:
    """The relation with every window elsewhere."""
    reads = tuple(window and (window[0] + by, window[1] + by) for window in relation.reads)
    return Relation(relation.period, relation.step, reads)


WIDER = st.builds(
    lambda a, before, after: (a, widened(a, before, after)),
    LOCAL,
    st.integers(0, 3),
    st.integers(0, 3),
)


@given(WIDER, WIDER)
def test_then_is_monotone(
    outer: tuple[Relation, Relation], inner: tuple[Relation, Relation]
) -> None:
    assert below(outer[0].then(inner[0]), outer[1].then(inner[1]))


@given(WIDER, WIDER)
def test_join_is_monotone(one: tuple[Relation, Relation], two: tuple[Relation, Relation]) -> None:
    if one[0].scale != two[0].scale:
        with pytest.raises(SlopeMismatch, match="meets scale"):
            join(one[1], two[1])
        return
    assert below(join(one[0], two[0]), join(one[1], two[1]))


@given(LOCAL, LOCAL, LOCAL, st.integers(0, 3))
def test_join_is_associative(a: Relation, b: Relation, c: Relation, shift: int) -> None:
    b, c = (other if other.scale == a.scale else shifted(a, shift) for other in (b, c))
    assume(a != b or b != c)
    one, two = join(join(a, b), c), join(a, join(b, c))
    assert below(one, two)
    assert below(two, one)


@given(LOCAL, LOCAL)
def test_what_is_joined_lies_below_the_join(a: Relation, b: Relation) -> None:
    if a.scale == b.scale:
        assert below(a, join(a, b))
        assert below(b, join(a, b))
