from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shiftlint.errors import InputError
from shiftzoo.evaluation.metrics import count, intersection_over_union, total


def row(*runs: tuple[int, int]) -> np.ndarray:
    """A label image of one row: (label, length) runs."""
    return np.concatenate([np.full(length, label) for label, length in runs])[None]


TABLE = [  # truth, prediction, matched at 0.5, splits, merges
    ("equal", row((1, 10), (0, 2), (2, 10)), row((7, 10), (0, 2), (3, 10)), 2, 0, 0),
    ("nothing found", row((1, 10), (0, 5)), row((0, 15)), 0, 0, 0),
    ("invented", row((0, 15)), row((1, 10), (0, 5)), 0, 0, 0),
    ("split in halves", row((1, 10)), row((1, 5), (2, 5)), 1, 1, 0),
    ("split in thirds", row((1, 9)), row((1, 3), (2, 3), (3, 3)), 0, 1, 0),
    ("merged", row((1, 6), (2, 4)), row((1, 10)), 1, 0, 1),
    ("a crumb is no split", row((1, 20)), row((1, 19), (2, 1)), 1, 0, 0),
]


@pytest.mark.parametrize(
    ("truth", "prediction", "matched", "splits", "merges"),
    [t[1:] for t in TABLE],
    ids=[t[0] for t in TABLE],
)
def test_counts(
    truth: np.ndarray, prediction: np.ndarray, matched: int, splits: int, merges: int
) -> None:
    counts = count(truth, prediction)
    assert (counts.matched[0.5], counts.splits, counts.merges) == (matched, splits, merges)


@pytest.mark.parametrize("px", [1, 10, 1000])
def test_more_than_a_tenth_of_an_object_is_a_part_of_it(px: int) -> None:
    """As Caicedo et al. count: at an IoU of 1/10 it is a crumb, one px more and the object is
    split, or merged the other way.
    """
    objects = row((1, 10 * px), (0, px))
    for part, found in ((px, 0), (px + 1, 1)):
        parts = row((1, 10 * px - part), (2, part), (0, px))
        assert (count(objects, parts).splits, count(parts, objects).merges) == (found, found)
        assert (count(objects, parts).merges, count(parts, objects).splits) == (0, 0)


def test_average_precision_and_quality() -> None:
    counts = count(row((1, 10), (2, 10)), row((1, 10), (0, 10)))
    assert counts.average_precision(0.5) == 0.5
    assert counts.panoptic_quality == pytest.approx(1 / 1.5)


def test_total_is_over_the_objects() -> None:
    good, bad = count(row((1, 10)), row((1, 10))), count(row((1, 5), (2, 5)), row((0, 10)))
    assert total([good, bad]).average_precision(0.5) == pytest.approx(1 / 3)


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="shapes differ"):
        count(np.zeros((3, 3), int), np.zeros((3, 4), int))


labels = arrays(np.int64, (6, 6), elements=st.integers(0, 3))


@given(labels, labels)
def test_iou_against_sets(truth: np.ndarray, prediction: np.ndarray) -> None:
    iou = intersection_over_union(truth, prediction)
    for i, t in enumerate(np.unique(truth[truth > 0])):
        for j, p in enumerate(np.unique(prediction[prediction > 0])):
            a, b = set(np.flatnonzero(truth == t)), set(np.flatnonzero(prediction == p))
            assert iou[i, j] == pytest.approx(len(a & b) / len(a | b))


@given(labels, labels)
def test_splits_one_way_are_merges_the_other_way(truth: np.ndarray, prediction: np.ndarray) -> None:
    there, back = count(truth, prediction), count(prediction, truth)
    assert (there.splits, there.merges) == (back.merges, back.splits)
    assert there.matched == back.matched


@given(labels)
def test_perfect_prediction(truth: np.ndarray) -> None:
    counts = count(truth, truth * 5)
    assert counts.average_precision(0.9) == 1.0
    assert counts.splits == counts.merges == 0
