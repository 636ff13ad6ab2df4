"""A few test cases of the ONNX standard hold here, and the oracle finds a planted fault."""

from __future__ import annotations

import pytest

from shiftlint.calculus import relation
from shiftlint.calculus import sliding_windows as windows
from shiftlint.calculus.relation import Relation
from tests.fuzz.claims import hold
from tests.fuzz.standard import Summary, chosen
from tests.fuzz.standard_cases import Case, node_cases

MODULES = ("convtranspose", "depthtospace", "maxpool", "topk", "transpose")
EVERY = 20  # one in so many of their variants
LEAST_ANSWERED = 0.5  # of those that onnxruntime loads
POOLING = "test_maxpool_2d_default/x/first-batch/constants"

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return sorted(node_cases(MODULES), key=lambda case: case.name)


def test_no_contradiction(cases: list[Case]) -> None:
    summary = Summary()
    for variant in chosen(cases, "test_[cdmt]*", EVERY):
        summary.add(hold(variant))
    assert dict(summary.examples) == {}
    assert summary.counts["answered"] >= LEAST_ANSWERED * summary.loaded


def test_planted_fault_is_found(cases: list[Case], monkeypatch: Patch) -> None:
    """Sliding windows lose their last tap."""
    (variant,) = chosen(cases, POOLING)
    assert not hold(variant).contradictions

    def narrower(size: int, *, stride: int = 1, dilation: int = 1, before: int = 0) -> Relation:
        return relation.window(max(size - 1, 1), stride=stride, dilation=dilation, before=before)

    monkeypatch.setattr(windows, "window", narrower)
    assert hold(variant).contradictions
