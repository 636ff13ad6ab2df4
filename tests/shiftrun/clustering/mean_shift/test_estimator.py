"""The estimator follows scikit-learn's conventions and finds what scikit-learn's own finds."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import MeanShift as Reference
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from shiftlint.errors import InputError
from shiftrun import MeanShift
from tests.shiftrun.points import blobs

PARAMETERS: list[dict[str, Any]] = [
    {},
    {"bandwidth": 1.0},
    {"bandwidth": 0.7, "min_support": 3, "cluster_all": False},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_it_is_an_estimator(parameters: dict[str, Any]) -> None:
    results = check_estimator(MeanShift(**parameters), on_skip=None)
    assert len(results) > 30
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimensions", [2, 3, 6])
def test_separated_blobs_are_those_of_scikit_learn(dimensions: int, dtype: Any) -> None:
    points, truth, _ = blobs(800, dimensions, 5)
    found = MeanShift(bandwidth=1.0).fit(points.astype(dtype))
    reference = Reference(bandwidth=1.0, bin_seeding=False).fit(points.astype(dtype))
    assert adjusted_rand_score(found.labels_, reference.labels_) == 1
    assert adjusted_rand_score(found.labels_, truth) == 1
    assert found.cluster_centers_.dtype == dtype
    assert len(found.cluster_centers_) == len(reference.cluster_centers_)
    distance = np.linalg.norm(
        found.cluster_centers_[:, None] - reference.cluster_centers_, axis=-1
    ).min(axis=1)
    np.testing.assert_array_less(distance, 2e-3)  # STILL bandwidths, each


def test_orphans_are_those_of_scikit_learn() -> None:
    """Points alone: with bin seeding scikit-learn drops bins of few points, so that nothing is near
    these.
    """
    points = np.concatenate([blobs(500, 2, 3)[0], [[30, 30], [-20, 5]]])
    found = MeanShift(bandwidth=1.0, min_support=10, cluster_all=False).fit(points)
    reference = Reference(bandwidth=1.0, bin_seeding=True, min_bin_freq=10, cluster_all=False).fit(
        points
    )
    np.testing.assert_array_equal(found.labels_ == -1, reference.labels_ == -1)
    np.testing.assert_array_equal(np.flatnonzero(found.labels_ == -1), [500, 501])
    assert MeanShift(bandwidth=1.0, min_support=10).fit(points).labels_.min() == 0, "cluster_all"


@pytest.mark.parametrize("cluster_all", [True, False])
def test_labels_are_predictions(cluster_all: bool) -> None:
    points, _, _ = blobs(3000, 3, 6, 0.3)
    model = MeanShift(bandwidth=1.0, min_support=30, cluster_all=cluster_all)
    labels = model.fit_predict(points)
    np.testing.assert_array_equal(model.predict(points), labels)
    np.testing.assert_array_equal(clone(model).fit(points).labels_, labels, "twice the same")
    assert (labels.min() < 0) != cluster_all
    distances = np.linalg.norm(points[:, None].astype(float) - model.cluster_centers_, axis=-1)
    reached = labels >= 0
    np.testing.assert_array_equal(distances.argmin(axis=1)[reached], labels[reached])
    np.testing.assert_array_equal(distances.min(axis=1)[~reached] > 1, True)


def test_the_order_of_points_does_not_matter() -> None:
    points, _, _ = blobs(3000, 3, 6)
    order = np.random.default_rng(3).permutation(len(points))
    plain, shuffled = (
        MeanShift(bandwidth=1.0).fit(points),
        MeanShift(bandwidth=1.0).fit(points[order]),
    )
    assert adjusted_rand_score(shuffled.labels_, plain.labels_[order]) == 1
    np.testing.assert_allclose(
        np.sort(shuffled.cluster_centers_, axis=0),
        np.sort(plain.cluster_centers_, axis=0),
        atol=1e-5,
    )


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_float64_is_more_than_a_wide_float32(scale: float, offset: float) -> None:
    """Far from zero, and of any unit: the digits that float32 lacks there are those between the
    points.
    """
    points, truth, _ = blobs(600, 2, 4)
    moved = (points.astype(float) + offset) * scale
    found = MeanShift(bandwidth=scale).fit(moved)
    assert adjusted_rand_score(found.labels_, truth) == 1
    np.testing.assert_allclose(
        found.cluster_centers_ / scale - offset,
        MeanShift(bandwidth=1.0).fit(points).cluster_centers_,
        atol=2e-3,
    )


def test_no_mode_has_the_support() -> None:
    found = MeanShift(bandwidth=1.0, min_support=99).fit(np.zeros((5, 2)))
    np.testing.assert_array_equal(found.labels_, np.full(5, -1))
    np.testing.assert_array_equal(found.predict(np.ones((2, 2))), [-1, -1])
    assert found.cluster_centers_.shape == (0, 2)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan, np.inf])
def test_wrong_bandwidths(bandwidth: float) -> None:
    with pytest.raises(InputError, match="expected a positive number"):
        MeanShift(bandwidth=bandwidth).fit(np.zeros((3, 2)))


def test_in_a_pipeline() -> None:
    points: NDArray[np.float32] = blobs(500, 2, 4)[0] * 100
    labels = make_pipeline(StandardScaler(), MeanShift(bandwidth=0.3)).fit_predict(points)
    assert adjusted_rand_score(labels, blobs(500, 2, 4)[1]) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import shiftrun; shiftrun.mean_shift; print('sklearn' in sys.modules)", "False"),
        (
            "sys.modules['sklearn'] = None; import shiftrun; shiftrun.MeanShift",
            'pip install "shiftlint[scikit-learn]"',
        ),
    ],
)
def test_scikit_learn_is_needed_for_it_alone(code: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, check=False
    )
    assert said in done.stdout + done.stderr
