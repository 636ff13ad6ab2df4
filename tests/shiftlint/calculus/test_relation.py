"""Laws of the calculus, against brute force over elements."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shiftlint.calculus import relation as r
from shiftlint.calculus.relation import IDENTITY, Relation, SlopeMismatch, join
from shiftlint.contract.values import Window
from tests.shiftlint.relations import LOCAL

ELEMENTS = range(-30, 30)


def _same(a: Relation, b: Relation) -> bool:
    return a.scale == b.scale and all(a.window(e) == b.window(e) for e in ELEMENTS)


def _contains(outer: Window | None, inner: Window | None) -> bool:
    return inner is None or (outer is not None and outer[0] <= inner[0] and inner[1] <= outer[1])


def _rising(a: Relation) -> bool:
    """Whether later elements read no earlier: then the hull over a range of elements is that of its
    two ends.
    """
    windows = [a.window(e) for e in ELEMENTS]
    return all(
        p is not None and q is not None and p[0] <= q[0] and p[1] <= q[1]
        for p, q in pairwise(windows)
    )


@given(LOCAL, LOCAL, LOCAL)
@example(
    r.blocks(2),
    r.transposed_window(4, stride=4, dilation=3, before=0),
    r.transposed_window(2, stride=2, dilation=3, before=0),
)
def test_then_is_associative_in_period_and_sound_in_windows(
    a: Relation, b: Relation, c: Relation
) -> None:
    one, two = a.then(b).then(c), a.then(b.then(c))
    assert one.scale == two.scale
    # a hull may bridge elements that are not read, in one order only; where nothing is bridged both
    # agree
    if _rising(a) and _rising(b) and _rising(c):
        assert _same(one, two)


@given(LOCAL, LOCAL)
def test_then_reads_exactly_the_hull_of_what_the_middle_reads(a: Relation, b: Relation) -> None:
    both = a.then(b)
    for element in ELEMENTS:
        middle = a.window(element)
        read = [w for m in range(middle[0], middle[1] + 1) if (w := b.window(m))] if middle else []
        expected = (min(w[0] for w in read), max(w[1] for w in read)) if read else None
        assert both.window(element) == expected


@given(LOCAL)
def test_identity_is_neutral(a: Relation) -> None:
    assert _same(a.then(IDENTITY), a)
    assert _same(IDENTITY.then(a), a)


@given(LOCAL, LOCAL)
def test_join_is_commutative_and_contains_both(a: Relation, b: Relation) -> None:
    if a.scale != b.scale:
        with pytest.raises(SlopeMismatch, match="meets scale"):
            join(a, b)
        return
    both = join(a, b)
    assert _same(both, join(b, a))
    assert both.period % a.period == 0
    for element in ELEMENTS:
        assert _contains(both.window(element), a.window(element))
        assert _contains(both.window(element), b.window(element))


@given(LOCAL, LOCAL)
def test_join_of_equals_changes_nothing(a: Relation, b: Relation) -> None:
    assert _same(join(a, a), a)
    if a.scale == b.scale:
        assert _same(join(join(a, b), b), join(a, b))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 4))
def test_window_and_transposed_window_are_each_others_mirror(
    size: int, stride: int, dilation: int, before: int
) -> None:
    forward = r.window(size, stride=stride, dilation=dilation, before=before)
    backward = r.transposed_window(size, stride=stride, dilation=dilation, before=before)
    taps = {k: {stride * k - before + dilation * t for t in range(size)} for k in range(-40, 40)}
    for j in range(-20, 20):
        reading = [k for k, elements in taps.items() if j in elements]
        assert backward.window(j) == ((min(reading), max(reading)) if reading else None)
    assert forward.scale == 1 / backward.scale


@given(LOCAL, st.integers(1, 4))
def test_unrolling_changes_no_window(a: Relation, factor: int) -> None:
    assert _same(a.unroll(factor), a)
    assert r.at_least(a, factor).period % factor == 0


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(2, 3))
def test_a_u_net_has_the_period_of_its_poolings(depth: int, factor: int) -> None:
    """Rumberger et al. 2021, section 3.1: f^l, whatever the convolutions."""
    conv, down, up = r.window(3), r.window(factor, stride=factor), r.repeat(factor)

    def level(inner: Relation, deeper: int) -> Relation:
        inner = conv.then(inner)
        if not deeper:
            return inner
        return conv.then(join(inner, up.then(level(down.then(inner), deeper - 1))))

    net = level(IDENTITY, depth)
    assert (net.period, net.step, net.scale) == (factor**depth, factor**depth, Fraction(1))


def test_a_grid_that_no_network_has_is_refused() -> None:
    with pytest.raises(r.PeriodTooLong, match="phases"):
        r.repeat(1 << 30)
    with pytest.raises(r.PeriodTooLong, match="phases"):
        r.transposed_window(3, stride=1 << 30)
    with pytest.raises(r.PeriodTooLong, match="phases"):
        join(r.repeat(2039).then(r.strided(2039)), r.repeat(2029).then(r.strided(2029)))
