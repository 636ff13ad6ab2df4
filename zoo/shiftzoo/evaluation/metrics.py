"""Instance segmentation metrics: predicted and true objects matched by intersection over union.

Average precision at an IoU threshold is TP / (TP + FP + FN), as in the 2018 Data Science Bowl;
above 0.5 matches are unique. False splits and merges are counted as in Caicedo et al. 2019: a true
object with more than one prediction at IoU > 0.1 is split, a prediction with more than one true
object at IoU > 0.1 is a merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array

from shiftlint.errors import InputError

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
TOUCHING = 0.1  # IoU from which a prediction counts as a part of an object


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one image.

    Attributes
    ----------
    true, predicted : int
        Objects.
    matched : dict of threshold to int
        Pairs at IoU of at least the threshold.
    matched_iou : float
        Sum of the IoU of the pairs at 0.5.
    splits, merges : int
    """

    true: int
    predicted: int
    matched: dict[float, int]
    matched_iou: float
    splits: int
    merges: int

    def average_precision(self, threshold: float) -> float:
        """TP / (TP + FP + FN); 1 if there are neither true nor predicted objects."""
        matched = self.matched[threshold]
        union = self.true + self.predicted - matched
        return matched / union if union else 1.0

    @property
    def panoptic_quality(self) -> float:
        """Sum of the matched IoU / (TP + FP/2 + FN/2) at 0.5 (Kirillov et al. 2019)."""
        objects = (self.true + self.predicted) / 2
        return self.matched_iou / objects if objects else 1.0


def count(truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> Counts:
    """Compare two label images of one shape; 0 is background.

    Raises
    ------
    InputError
        The shapes differ.
    """
    if truth.shape != prediction.shape:
        raise InputError(
            f"shapes differ (evaluation): expected a prediction of {truth.shape} as the truth, "
            f"got {prediction.shape}."
        )
    iou = intersection_over_union(truth, prediction)
    matched = {threshold: _matches(iou, threshold) for threshold in THRESHOLDS}
    parts = iou > TOUCHING
    return Counts(
        iou.shape[0],
        iou.shape[1],
        {threshold: len(pairs) for threshold, pairs in matched.items()},
        float(sum(iou[pair] for pair in matched[0.5])),
        int((parts.sum(1) > 1).sum()),
        int((parts.sum(0) > 1).sum()),
    )


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over a data set."""
    counts = list(counts)
    return Counts(
        sum(c.true for c in counts),
        sum(c.predicted for c in counts),
        {threshold: sum(c.matched[threshold] for c in counts) for threshold in THRESHOLDS},
        sum(c.matched_iou for c in counts),
        sum(c.splits for c in counts),
        sum(c.merges for c in counts),
    )


def intersection_over_union(
    truth: NDArray[np.integer], prediction: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The IoU of every true with every predicted object, (T, P), in order of their labels."""
    true_labels, true_index = np.unique(truth, return_inverse=True)
    labels, index = np.unique(prediction, return_inverse=True)
    ones = np.ones(truth.size)
    overlap = coo_array(
        (ones, (true_index.ravel(), index.ravel())), shape=(len(true_labels), len(labels))
    ).toarray()
    union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
    iou = overlap / union
    return np.asarray(iou[true_labels != 0][:, labels != 0])


def _matches(iou: NDArray[np.float64], threshold: float) -> list[tuple[int, int]]:
    """The largest set of pairs with at least the threshold, each object in at most one pair."""
    rows, columns = linear_sum_assignment(
        -(iou >= threshold).astype(float) - iou / (2 * max(iou.shape, default=1) + 1)
    )
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if iou[r, c] >= threshold]
