from __future__ import annotations

import numpy as np
import pytest

from shiftzoo.data.rendered.nuclei3d import MIN_VOXELS
from shiftzoo.data.rendered.render import RENDERERS, render


@pytest.mark.parametrize("kind", sorted(RENDERERS))
def test_samples_depend_on_seed_and_number_alone(kind: str) -> None:
    first, second = render(kind, 2, seed=3)
    (again,) = render(kind, 1, seed=3)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.label, again.label)
    assert not np.array_equal(first.image, second.image)


@pytest.mark.parametrize("kind", sorted(RENDERERS))
def test_labels_are_numbered_without_gaps_and_lie_on_brighter_px(kind: str) -> None:
    for sample in render(kind, 2, seed=0):
        assert sample.label.dtype == np.int32
        np.testing.assert_array_equal(np.unique(sample.label), np.arange(sample.label.max() + 1))
        assert sample.label.max() >= 3
        assert sample.image[sample.label > 0].mean() > 1.2 * sample.image[sample.label == 0].mean()


@pytest.mark.parametrize("kind", sorted(RENDERERS))
def test_objects_touch(kind: str) -> None:
    touching = 0
    for sample in render(kind, 3, seed=0):
        left, right = sample.label[..., :-1], sample.label[..., 1:]
        touching += int(((left != right) & (left > 0) & (right > 0)).sum())
    assert touching > 20


def test_nuclei_of_a_few_voxels_carry_no_label() -> None:
    for sample in render("nuclei3d", 3, seed=1):
        assert np.bincount(sample.label.ravel())[1:].min() >= MIN_VOXELS
