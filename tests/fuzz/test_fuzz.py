"""A small run of the fuzzer, and proof that it can fail: some graphs find planted faults.

All planted faults: `python -m tests.fuzz --planted`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fuzz import faults
from tests.fuzz.campaign import Statistics, campaign
from tests.fuzz.faults import FAULTS, Fault, first_found

SMALL = 80  # graphs in CI
PERIODIC, EXACT = 0.8, 0.7  # shares of the graphs without a planned spoiler

FOUND_BY: dict[Fault, int] = {  # graphs
    faults.narrower_window: 0,
    faults.halved_period: 2,
    faults.one_branch_join: 4,
    faults.pads_exchanged: 7,
    faults.sizes_washed: 10,
    faults.notes_dropped: 28,
    faults.quantization_accepted: 60,
    faults.weights_called_exact: 70,
    faults.chance_in_bodies: 77,
    faults.chance_of_weights: 77,
    faults.whole_not_compared: 94,
    faults.parameters_accepted: 102,
    faults.rounding_not_declared: 114,
    faults.bodies_left_out: 123,
    faults.irregular_ignored: 140,
    faults.operands_left_out: 233,
    faults.batch_not_compared: 326,
    faults.squares_only: 454,
}


@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.__name__)
def test_planted_fault_is_found(fault: Fault) -> None:
    assert first_found(fault, FOUND_BY[fault], 1)


def test_the_graphs_find_nothing_where_nothing_is_planted() -> None:
    found = [
        (seed, verdict.contradictions)
        for seed in set(FOUND_BY.values())
        for verdict in campaign(seed, 1)
    ]
    assert not any(sentences for _, sentences in found), found


def test_faults_are_told_apart() -> None:
    assert set(FOUND_BY) <= set(FAULTS)
    assert len({fault.__doc__ for fault in FAULTS} - {None}) == len(FAULTS)


def test_no_contradiction() -> None:
    """Neither does a contract, nor a plan; and graphs are of the kinds that are asked for."""
    statistics, found = Statistics(Counter()), []
    for verdict in campaign(1_000_000, SMALL):
        statistics.add(verdict)
        found += [(verdict.seed, sentence) for sentence in verdict.contradictions]
    assert not found
    assert statistics.share("periodic") >= PERIODIC
    assert statistics.share("exact") >= EXACT
    for kind in (
        "spoiled, periodic",
        "plans tiled bitwise",
        "plans tiled in batches",
        "plans refused SL602",
    ):
        assert statistics.counts[kind], kind
