"""Sets of paddings obey the laws of sets, and are not copied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shiftlint.calculus.padding_set import NO_PADDING, Paddings
from shiftlint.contract.values import Padding

NAMES = st.lists(st.sampled_from("abcdef"))


def of(names: list[str]) -> Paddings:
    result = NO_PADDING
    for name in names:
        result = result.also("zeros").named(name, "Conv")
    return result


@given(NAMES, NAMES)
def test_a_union_holds_what_either_holds(first: list[str], second: list[str]) -> None:
    assert sorted(p.node for p in of(first) | of(second)) == sorted({*first, *second})
    assert bool(of(first) | of(second)) == bool(first or second)


@given(NAMES)
def test_only_what_is_unnamed_is_named(names: list[str]) -> None:
    before = of(names)
    after = before.also("edge").also("zeros")
    assert after.unnamed
    assert set(after.named("n", "Pad")) == {
        *before,
        Padding("n", "Pad", "edge"),
        Padding("n", "Pad", "zeros"),
    }
    assert not after.named("n", "Pad").unnamed
    assert before.named("n", "Pad") is before


def test_a_set_united_with_itself_stays_what_it_is() -> None:
    """Otherwise ladders of branches would double it at every step."""
    one = of(["a"])
    assert one | one is one
    ladder = one
    for _ in range(10_000):
        ladder = ladder | ladder.also("zeros").named("b", "Conv")
    assert {p.node for p in ladder} == {"a", "b"}
