from __future__ import annotations

import numpy as np

from shiftzoo.data.labeled_images import Sample
from shiftzoo.evaluation.held_out_data.nuclei3d_crops import halved
from shiftzoo.evaluation.worst_images import mistakes


def test_half_the_resolution() -> None:
    image = np.arange(5 * 4 * 4, dtype=np.uint16).reshape(5, 4, 4)
    half = halved(Sample("x", image, (image > 40).astype(np.int32)))
    assert half.image.shape == half.label.shape == (2, 2, 2)
    assert half.image[0, 0, 0] == np.rint(image[:2, :2, :2].mean())
    np.testing.assert_array_equal(half.label, (image[:4:2, ::2, ::2] > 40))


def test_mistakes_are_told_apart() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 0, 0]], np.int32)
    prediction = np.array([[5, 5, 0, 0, 0, 0, 7]], np.int32)
    found = {kind: labels.tolist() for kind, labels in mistakes(truth, prediction).items()}
    assert found == {
        "found": [[1, 1, 0, 0, 0, 0, 0]],
        "missed": [[0, 0, 0, 2, 2, 0, 0]],
        "wrong": [[0, 0, 0, 0, 0, 0, 7]],
    }
