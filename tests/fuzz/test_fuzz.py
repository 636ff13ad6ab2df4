"""The fuzzer runs small here, and finds each of three planted faults: it is able to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from shiftlint import analysis, meeting, relation, windows
from shiftlint.contract import AxisContract, Contract
from shiftlint.relation import Relation
from tests.fuzz.campaign import Statistics, campaign

SMALL = 80  # graphs in CI
ENOUGH = 500  # within which a planted fault must be found
PERIODIC, EXACT = 0.8, 0.7  # shares of the graphs without a planned spoiler

Patch = pytest.MonkeyPatch


def narrower_window(patch: Patch) -> None:
    """Sliding windows lose their last tap."""

    def narrower(size: int, *, stride: int = 1, dilation: int = 1, before: int = 0) -> Relation:
        return relation.window(max(size - 1, 1), stride=stride, dilation=dilation, before=before)

    patch.setattr(windows, "window", narrower)


def halved_period(patch: Patch) -> None:
    """Even periods and steps are claimed to be half as large."""
    true = analysis.contract_of

    def halve(a: AxisContract) -> AxisContract:
        if not a.period or not a.step or a.period % 2 or a.step % 2:
            return a
        return replace(a, period=a.period // 2, step=a.step // 2, reads=a.reads and a.reads[: a.step // 2])

    def halved(*args: object, **options: object) -> Contract:
        contract = true(*args, **options)  # type: ignore[arg-type]
        outputs = tuple(replace(o, axes=tuple(halve(a) for a in o.axes)) for o in contract.outputs)
        return replace(contract, outputs=outputs)

    patch.setattr(analysis, "contract_of", halved)


def one_branch_join(patch: Patch) -> None:
    """A join takes the windows of its first branch."""
    true = relation.join

    def first(one: Relation, two: Relation) -> Relation:
        true(one, two)  # slopes that differ are still refused
        return one

    patch.setattr(meeting, "join", first)


@pytest.mark.parametrize("plant", [narrower_window, halved_period, one_branch_join])
def test_planted_fault_is_found(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    assert any(verdict.contradictions for verdict in campaign(0, ENOUGH))


def test_no_contradiction() -> None:
    statistics, found = Statistics(Counter()), []
    for verdict in campaign(1_000_000, SMALL):
        statistics.add(verdict)
        found += [(verdict.seed, sentence) for sentence in verdict.contradictions]
    assert not found
    assert statistics.share("periodic") >= PERIODIC
    assert statistics.share("exact") >= EXACT
