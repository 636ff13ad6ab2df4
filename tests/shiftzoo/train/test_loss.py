"""The terms of the loss, against their formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")

import torch

from shiftzoo.recipe import LossWeights
from shiftzoo.train.loss import (
    discriminative_loss,
    foreground_loss,
    missed_share,
    outlines,
    touching,
)


def apart(a: torch.Tensor, b: torch.Tensor) -> int:
    """Px between the bounding boxes of two objects (P, D), along the axis where they are
    farthest.
    """
    return int(torch.maximum(b.amin(0) - a.amax(0), a.amin(0) - b.amax(0)).max())


def loss_by_loops(
    embedding: torch.Tensor, labels: torch.Tensor, weights: LossWeights
) -> dict[str, float]:
    """The formulas of the module's docstring, instance by instance."""
    sums: dict[str, list[float]] = {"pull": [], "push": [], "length": []}
    for x, y in zip(embedding, labels, strict=True):
        instances = [x[:, y == c].T for c in y.unique() if c > 0]
        if not instances:
            continue
        means = [points.mean(0) for points in instances]
        pull = [
            ((p - m).norm(dim=1) - weights.pull_margin).clamp(min=0).square().mean()
            for p, m in zip(instances, means, strict=True)
        ]
        places = [(y == c).nonzero() for c in y.unique() if c > 0]
        push = [
            (weights.push_distance - (a - b).norm()).clamp(min=0).square()
            for (a, pa), (b, pb) in itertools.permutations(zip(means, places, strict=True), 2)
            if not weights.push_reach or apart(pa, pb) <= weights.push_reach
        ]
        sums["pull"].append(float(sum(pull) / len(pull)))
        sums["push"].append(float(sum(push) / len(push)) if push else 0.0)
        sums["length"].append(float(sum(m.norm() for m in means) / len(means)))
    return {name: sum(values) / max(len(values), 1) for name, values in sums.items()}


LABELS = [
    [[[1, 1, 2], [0, 2, 2]], [[0, 0, 0], [5, 5, 5]]],
    [[[0, 0, 0], [0, 0, 0]], [[3, 4, 7], [3, 4, 7]]],
    [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]],
    [
        [[1, 2, 0, 0, 3, 0, 4], [1, 0, 0, 0, 0, 0, 4]],
        [[6, 0, 0, 7, 0, 0, 8], [0, 0, 0, 0, 0, 0, 0]],
    ],
]


@pytest.mark.parametrize("reach", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("labels", LABELS)
def test_loss_equals_its_formulas(labels: list[list[list[int]]], reach: float) -> None:
    torch.manual_seed(1)
    y = torch.tensor(labels)
    embedding = torch.randn(2, 4, *y.shape[1:])
    weights = LossWeights(push_reach=reach)
    got = discriminative_loss(embedding, y, weights)
    want = loss_by_loops(embedding, y, weights)
    assert {name: float(value) for name, value in got.items()} == pytest.approx(want, abs=1e-5)


def test_samples_do_not_repel_each_other() -> None:
    embedding = torch.zeros(2, 3, 1, 4)
    assert (
        float(
            discriminative_loss(embedding, torch.ones(2, 1, 4, dtype=torch.long), LossWeights())[
                "push"
            ]
        )
        == 0.0
    )


def test_loss_has_a_finite_gradient_where_means_coincide() -> None:
    embedding = torch.zeros(1, 3, 1, 4, requires_grad=True)
    terms = discriminative_loss(embedding, torch.tensor([[[1, 1, 2, 2]]]), LossWeights())
    (terms["pull"] + terms["push"] + terms["length"]).backward()  # type: ignore[no-untyped-call]
    assert embedding.grad is not None
    assert torch.isfinite(embedding.grad).all()


def test_outlines() -> None:
    labels = torch.tensor([[[0, 1, 1, 1, 2]]])
    assert outlines(labels).tolist() == [[[True, True, False, True, True]]]


def test_foreground_loss_weighs_outlines() -> None:
    labels = torch.tensor([[[0, 0, 1, 1, 1, 1]]])
    wrong_inside = torch.tensor([[[[-5.0, -5, 5, 5, 5, -5]]]])
    wrong_outline = torch.tensor([[[[-5.0, -5, -5, 5, 5, 5]]]])
    weights = LossWeights(outline_weight=4.0)
    assert foreground_loss(wrong_outline, labels, weights) > 2 * foreground_loss(
        wrong_inside, labels, weights
    )


def test_touching() -> None:
    assert touching(torch.tensor([[[0, 1, 1, 1, 2, 0, 3]]])).tolist() == [
        [[False, False, False, True, True, False, False]]
    ]


def test_gaps_are_background() -> None:
    labels = torch.tensor([[[0, 1, 1, 2, 2, 0]]])
    with_gap = torch.tensor([[[[-9.0, 9, -9, -9, 9, -9]]]])
    without = torch.tensor([[[[-9.0, 9, 9, 9, 9, -9]]]])
    weights = LossWeights(gap_weight=5.0)
    assert (
        foreground_loss(with_gap, labels, weights)
        < 1e-3
        < foreground_loss(without, labels, weights)
    )
    assert (
        foreground_loss(without, labels, LossWeights())
        < 1e-3
        < foreground_loss(with_gap, labels, LossWeights())
    )


def test_the_share_that_is_missed_is_of_each_sample() -> None:
    labels = torch.zeros(3, 8, 8, dtype=torch.int64)
    labels[0, :4] = 1
    labels[1, :4] = 2
    logits = torch.full((3, 1, 8, 8), -50.0)
    logits[:2, :, :4] = 50.0
    logits[1, :, :2] = -50.0  # half of the second object
    np.testing.assert_allclose(missed_share(logits, labels), [0, 1 - 33 / 49, 0], atol=1e-6)
