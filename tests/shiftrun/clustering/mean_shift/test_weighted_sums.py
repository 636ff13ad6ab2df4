"""The matrix products of mean shift by onnxruntime, with the CPU provider in place of a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from shiftlint.errors import InputError
from shiftrun import mean_shift
from shiftrun.clustering.mean_shift.weighted_sums import SumsOnDevice, step_network
from tests.shiftrun.points import blobs


@pytest.mark.parametrize(("dimensions", "smeared"), [(2, 0.0), (3, 0.3), (8, 0.1)])
def test_labels_and_modes_are_those_of_numpy(dimensions: int, smeared: float) -> None:
    points, _, _ = blobs(6000, dimensions, 5, smeared)
    calls: list[tuple[int, ...]] = []
    on_device = SumsOnDevice("cpu")

    def counted(left: Any, right: Any, weighted: Any, pool: Any) -> Any:
        calls.append(left.shape)
        return on_device(left, right, weighted, pool)

    labels, modes = mean_shift(points, 1.0, min_support=20, sums=counted)
    expected_labels, expected_modes = mean_shift(points, 1.0, min_support=20)
    assert calls, "the device was not asked"
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_allclose(modes, expected_modes, atol=1e-5)


def test_points_too_wide_for_float32_are_left_to_the_cpu() -> None:
    points = np.concatenate([blobs(500, 2, 3)[0], blobs(500, 2, 3)[0] + 2000])
    labels, modes = mean_shift(points, 1.0, sums=SumsOnDevice("cpu"))
    expected_labels, expected_modes = mean_shift(points, 1.0)
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_array_equal(modes, expected_modes)


def test_the_step_is_valid_onnx() -> None:
    onnx.checker.check_model(onnx.load_from_string(step_network()), full_check=True)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no such device"):
        SumsOnDevice("no device of this name")
