"""Mean shift against scikit-learn, and its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import MeanShift
from sklearn.metrics import adjusted_rand_score

from shiftlint.errors import InputError
from shiftrun import mean_shift
from shiftrun.clustering.mean_shift.cells import merge, refine, sort_points
from tests.shiftrun.points import blobs


@pytest.mark.parametrize(
    ("dimensions", "smeared"), [(2, 0.0), (3, 0.0), (3, 0.1), (6, 0.0), (6, 0.1)]
)
def test_agrees_with_scikit_learn(dimensions: int, smeared: float) -> None:
    points, truth, defined = blobs(4000, dimensions, 5, smeared)
    labels, modes = mean_shift(points, 1.0)
    oracle = MeanShift(bandwidth=1.0, bin_seeding=True).fit(points)
    assert adjusted_rand_score(labels[defined], oracle.labels_[defined]) >= 0.99
    assert adjusted_rand_score(labels[defined], truth[defined]) >= 0.99
    if not smeared:
        assert len(modes) == len(oracle.cluster_centers_)
        distance = np.linalg.norm(modes[:, None] - oracle.cluster_centers_, axis=-1).min(axis=1)
        np.testing.assert_array_less(distance, 0.02)


@pytest.mark.parametrize("smeared", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("min_support", [1, 50])
def test_modes_are_fixed_points_of_the_flat_kernel(smeared: float, min_support: int) -> None:
    """By the points themselves, not by cells: each mode is the mean of those within the bandwidth,
    which are enough.
    """
    points, _, _ = blobs(6000, 3, 8, smeared)
    _, modes = mean_shift(points, 1.0, min_support=min_support)
    near = np.linalg.norm(points[:, None].astype(float) - modes, axis=-1) <= 1
    np.testing.assert_array_less(
        np.linalg.norm(near.T @ points / near.sum(0)[:, None] - modes, axis=1), 2e-3
    )
    assert near.sum(0).min() >= min_support - 1  # a px on the sphere may fall to either side
    assert (np.diff(near.sum(0)) <= 1).all(), "by falling support"


@pytest.mark.parametrize("offset", [0.0, 0.125, 0.25, 0.5])
@pytest.mark.parametrize("dimensions", [2, 6])
def test_clusters_on_the_walls_of_the_grid_stay_whole(dimensions: int, offset: float) -> None:
    """Centers on multiples of the cell width, wherever: a bin for each."""
    random = np.random.default_rng(0)
    centers = (
        random.permutation(
            np.stack(np.meshgrid(*[np.arange(4)] * dimensions), -1).reshape(-1, dimensions)
        )[:12]
        * 3.0
        + offset
    )
    truth = random.integers(0, 12, 6000)
    points = (centers[truth] + random.normal(0, 0.1, (6000, dimensions))).astype(np.float32)
    assert np.sort(merge(points, 1.0).weights)[-12:].sum() >= 0.95 * len(points)
    labels, modes = mean_shift(points, 1.0)
    assert len(modes) == 12
    assert adjusted_rand_score(labels, truth) == 1


def test_cells_are_a_partition() -> None:
    points, _, _ = blobs(4000, 4, 9, 0.4)
    bins = merge(points, 1.0)
    cells = refine(points, bins, 1.0)
    inside = sort_points(points, cells)
    assert len(cells.weights) > len(bins.weights)
    assert cells.weights.sum() == len(points)
    for number in (0, 7, len(cells.weights) - 1):
        own = points[cells.of_point == number]
        away = np.linalg.norm(own - cells.means[number], axis=1)
        np.testing.assert_allclose(cells.means[number], own.mean(0), atol=1e-5)
        np.testing.assert_allclose(cells.spread[number], np.sqrt((away**2).mean()), atol=1e-3)
        assert inside.radius[number] >= away.max() - 1e-6
        np.testing.assert_array_equal(
            inside.points[inside.starts[number] : inside.starts[number + 1]], own
        )
    np.testing.assert_array_equal(inside.points, points[inside.order])


def test_the_order_of_points_does_not_matter() -> None:
    points, _, _ = blobs(3000, 3, 6, 0.1)
    order = np.random.default_rng(3).permutation(len(points))
    labels, modes = mean_shift(points, 1.0)
    shuffled, same = mean_shift(points[order], 1.0)
    np.testing.assert_allclose(same, modes, atol=1e-5)
    assert (shuffled == labels[order]).mean() > 0.999


def test_labels_are_the_nearest_modes() -> None:
    """The shortcut by cells gives what all distances give."""
    points, _, _ = blobs(5000, 3, 8, 0.3)
    labels, modes = mean_shift(points, 1.0, min_support=100)
    distances = np.linalg.norm(points[:, None] - modes, axis=-1)
    reached = distances.min(axis=1) <= 1
    expected = np.where(reached, distances.argmin(axis=1), -1)
    assert (labels != expected).sum() <= 2  # ties, up to rounding
    np.testing.assert_array_equal(
        mean_shift(points, 1.0, min_support=100, cluster_all=True)[0][reached], expected[reached]
    )


@pytest.mark.parametrize("cluster_all", [True, False])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_no_point_has_a_nearer_mode_than_its_own(dimensions: int, cluster_all: bool) -> None:
    """Points everywhere, so that many cells lie across the middle between two modes: a cell's
    answer is that of all its points only if none of them is farther from its mean than *half* of
    how much nearer the nearest mode is than the next one.
    """
    points = np.random.default_rng(0).uniform(0, 6, (20000, dimensions)).astype(np.float32)
    labels, modes = mean_shift(
        points, 1.0, min_support=len(points) // 10**dimensions, cluster_all=cluster_all
    )
    assert len(modes) > 1
    distances = np.linalg.norm(points[:, None].astype(float) - modes, axis=-1)
    nearest = distances.min(axis=1)
    own = np.where(labels >= 0, distances[np.arange(len(points)), labels], np.inf)
    rounding = 1e-4
    reached = labels >= 0
    np.testing.assert_array_less(own[reached], nearest[reached] + rounding)
    assert reached.all() or not cluster_all
    if not cluster_all:
        np.testing.assert_array_less(nearest[reached], 1 + rounding)
        np.testing.assert_array_less(1 - rounding, nearest[~reached])


def test_weak_modes_are_dropped() -> None:
    points = np.concatenate([np.zeros((50, 2)), np.full((3, 2), 9.0)]).astype(np.float32)
    labels, modes = mean_shift(points, 1.0, min_support=4)
    np.testing.assert_array_equal(labels, [0] * 50 + [-1] * 3)
    np.testing.assert_allclose(modes, [[0, 0]], atol=1e-6)
    assert mean_shift(points, 1.0)[0][-1] == 1
    assert (mean_shift(points, 1.0, min_support=4, cluster_all=True)[0] == 0).all()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_equal_points(count: int) -> None:
    labels, modes = mean_shift(np.full((count, 3), 2.5, np.float32), 0.5)
    np.testing.assert_array_equal(labels, np.zeros(count))
    np.testing.assert_array_equal(modes, np.full((min(count, 1), 3), 2.5))


def test_keys_of_many_dimensions_do_not_overflow() -> None:
    """2^16 cells in each of 20 dimensions: 2^320 keys. Points that differ in the first dimension
    alone stay apart.
    """
    points = np.random.default_rng(0).choice([0, 65535], (20, 20)).astype(np.float32)
    points = np.concatenate([points, points])
    points[:, 0] = np.repeat([0, 65535], 20)
    assert len(merge(points, 1.0).weights) == 40


def test_embeddings_far_apart_keep_their_precision() -> None:
    """A spread of 10,000 bandwidths: |c - x|^2 by a matrix product in float32 would be off by more
    than the bandwidth.
    """
    random = np.random.default_rng(0)
    centers = random.choice([0, 1e4], (500, 6))
    points = (centers + random.normal(0, 0.1, centers.shape)).astype(np.float32)
    labels, modes = mean_shift(points, 1.0)
    values, inverse = np.unique(centers, axis=0, return_inverse=True)
    assert adjusted_rand_score(labels, inverse) == 1
    assert len(modes) == len(values)


@pytest.mark.parametrize(
    ("points", "bandwidth", "message"),
    [
        (np.zeros(3), 1.0, r"array \(N, E\)"),
        (np.array([[np.nan]]), 1.0, "finite"),
        (np.zeros((2, 2)), 0.0, "positive"),
        (np.zeros((2, 2)), np.nan, "positive"),
    ],
)
def test_wrong_input(points: NDArray[np.float32], bandwidth: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mean_shift(points, bandwidth)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("distance", [0.0, 1e5])
def test_points_are_overwritten_only_where_that_is_asked_for(order: Any, distance: float) -> None:
    points = np.array(blobs(2000, 3, 5)[0] + 3.7, order=order)
    points[0] += distance  # far away the arithmetic is in float64
    before = points.copy()
    labels, modes = mean_shift(points, 1.0)
    np.testing.assert_array_equal(points, before)
    again, same = mean_shift(points, 1.0, overwrite_points=True)
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_array_equal(same, modes)
