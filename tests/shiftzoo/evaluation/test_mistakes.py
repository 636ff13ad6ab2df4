from __future__ import annotations

import numpy as np
import pytest

from shiftzoo.data.rendered.render import render
from shiftzoo.evaluation.baseline import watershed
from shiftzoo.evaluation.mistakes import distant_merges, seam_splits

TRUTH = np.zeros((40, 40), np.int32)
TRUTH[10:30, 10:30] = 1


def cut(row: int) -> np.ndarray:
    """The object cut in two above `row`."""
    labels = TRUTH.copy()
    labels[row:][TRUTH[row:] > 0] = 2
    return labels


@pytest.mark.parametrize(("row", "found"), [(20, 1), (19, 1), (21, 1), (18, 0), (22, 0)])
def test_a_split_counts_within_one_px_of_a_seam(row: int, found: int) -> None:
    assert seam_splits(TRUTH, cut(row), (20, 20)) == found
    assert seam_splits(TRUTH, cut(row).T, (20, 20)) == found


def test_a_split_across_a_seam_does_not_count() -> None:
    assert seam_splits(TRUTH, cut(20), (16, 20)) == 0


def test_no_split_no_seam() -> None:
    assert seam_splits(TRUTH, TRUTH, (20, 20)) == 0
    assert seam_splits(TRUTH, cut(12), (12, 12)) == 0  # a sliver of IoU 0.1: not a part


@pytest.mark.parametrize(("px", "found"), [(40, 0), (41, 1)])
def test_a_seam_splits_off_more_than_a_tenth(px: int, found: int) -> None:
    """Of 400 px: a part of an IoU of 1/10 is a crumb. It lies along the seam at row 12, the 41st px
    a row below.
    """
    labels = TRUTH.copy()
    rest = labels[12:]
    rest[TRUTH[12:] > 0] = 2
    labels[12, 10 : 10 + px - 40] = 1
    assert [int((labels == name).sum()) for name in (1, 2)] == [px, 400 - px]
    assert seam_splits(TRUTH, labels, (12, 400)) == found


def test_a_border_of_which_less_than_half_lies_on_the_seam() -> None:
    labels = cut(20)
    labels[20:23, 10:22] = np.where(TRUTH[20:23, 10:22] > 0, 1, 0)
    assert seam_splits(TRUTH, labels, (20, 200)) == 0


def test_the_border_of_the_image_is_no_seam() -> None:
    truth = np.ones((12, 12), np.int32)
    labels = truth.copy()
    labels[:, 1:] = 2
    labels[:7, 1:3] = 1
    assert seam_splits(truth, labels, (6, 400)) == 0


def test_distant_merges() -> None:
    truth = np.zeros((20, 60), np.int32)
    for number, column in enumerate((5, 25, 45), start=1):
        truth[5:15, column : column + 10] = number
    embedding = np.zeros((2, 20, 60), np.float32)
    embedding[0, truth == 2] = 9.0
    assert (
        distant_merges(truth, embedding, truth > 0, bandwidth=1.0, min_size=5) == 1
    )  # 1 and 3 share a cluster
    embedding[0, truth == 3] = 18.0
    assert distant_merges(truth, embedding, truth > 0, bandwidth=1.0, min_size=5) == 0


def test_a_merge_of_neighbors_is_not_distant() -> None:
    truth = np.zeros((20, 40), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    assert (
        distant_merges(
            truth, np.zeros((2, 20, 40), np.float32), truth > 0, bandwidth=1.0, min_size=5
        )
        == 0
    )


def test_watershed_tells_touching_disks_apart() -> None:
    pytest.importorskip("skimage", reason="the baseline needs scikit-image (the extra [train])")
    from shiftzoo.evaluation.metrics import count

    for sample in render("disks", 3, seed=5):
        assert count(sample.label, watershed(sample.image)).average_precision(0.5) > 0.7


def test_watershed_of_a_constant_image_is_empty() -> None:
    pytest.importorskip("skimage", reason="the baseline needs scikit-image (the extra [train])")
    assert not watershed(np.full((30, 30), 7, np.uint8)).any()
