"""The windows of Resize against onnxruntime's weights for every px."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from shiftlint import analyze
from shiftlint.calculus.interpolation import is_exact
from shiftlint.contract.values import AxisContract
from tests.shiftlint.graphs import node, run, save

SIZE = 240
SCALES = {
    "2": 2,
    "3": 3,
    "1/2": 0.5,
    "3/2": 1.5,
    "4/3": 4 / 3,
    "2/3": 2 / 3,
    "1/3": 1 / 3,
    "1/5": 0.2,
    "3/5": 0.6,
    "3/4": 0.75,
}
KERNELS: dict[str, dict[str, Any]] = {
    "linear": {"mode": "linear"},
    "cubic": {"mode": "cubic"},
    "cubic of a rounded coefficient": {"mode": "cubic", "cubic_coeff_a": -0.6},
}


def _axis(path: Path, scale: float, **attributes: Any) -> AxisContract:
    """Along y only, at opset 18."""
    scales = np.asarray([1, 1, scale, 1], np.float32)
    save(
        path,
        [node("Resize", "x - s", "y", **attributes)],
        {"s": scales},
        shape=("n", 1, "h", 1),
        opset=18,
    )
    return analyze(path).outputs[0].axes[0]


def _weights(path: Path) -> NDArray[np.float32]:
    """(output px, input px)."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    impulses = np.eye(SIZE, dtype=np.float32).reshape(SIZE, 1, 1, SIZE, 1)
    return np.stack([session.run(None, {"x": one})[0][0, 0, :, 0] for one in impulses], axis=1)


def _supports(axis: AxisContract, weights: NDArray[np.float32]) -> dict[int, tuple[int, int]]:
    """By phase, the px that clean outputs read, relative to the period's origin."""
    assert axis.step is not None
    assert axis.period is not None
    found: dict[int, tuple[int, int]] = {}
    for j in range(axis.border[0], len(weights) - axis.border[1]):
        k, phase = divmod(j, axis.step)
        taps = np.flatnonzero(weights[j]) - k * axis.period
        first, last = found.get(phase, (taps[0], taps[-1]))
        found[phase] = (min(first, int(taps[0])), max(last, int(taps[-1])))
    return found


@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", SCALES)
def test_windows_hold_every_weight_and_no_more_where_float32_is_exact(
    scale: str, kernel: str, coordinates: str, tmp_path: Path
) -> None:
    axis = _axis(
        tmp_path / "net.onnx",
        SCALES[scale],
        **KERNELS[kernel],
        coordinate_transformation_mode=coordinates,
    )
    measured = _supports(axis, _weights(tmp_path / "net.onnx"))
    assert axis.reads is not None
    assert set(measured) == set(range(len(axis.reads)))
    for phase, (first, last) in measured.items():
        window = axis.reads[phase]
        assert window is not None
        assert window[0] <= first
        assert last <= window[1]
        if kernel != "cubic of a rounded coefficient" and scale != "3/5":
            assert window == (first, last)


def test_a_scale_that_float32_rounds_too_far_is_not_exact() -> None:
    assert [
        is_exact(Fraction(3, 5), 0.6),
        is_exact(Fraction(1, 7), 1 / 7),
        is_exact(Fraction(2), 2.0000002),
    ] == [False] * 3


def test_exact_scales_find_whole_and_half_coordinates_anywhere() -> None:
    """The bound of the module's docstring, tried for all small scales."""
    j = np.arange(100_000)
    found = 0
    for p, q in ((p, q) for p in range(1, 65) for q in range(1, 65) if gcd(p, q) == 1):
        single = np.float32(p / q)
        if is_exact(Fraction(p, q), float(single)):
            twice = (2 * j + 1) * q  # (j + 1/2)·q/p is half of this over p
            half = (twice % p == 0) & (twice // p < 1 << 24)
            np.testing.assert_array_equal(
                (j[half].astype(np.float32) + np.float32(0.5)) / single, twice[half] / (2 * p)
            )
            found += 1
    assert found > 1500


@pytest.mark.parametrize(
    "scales", [(1, 1, 2, 1), (1, 1, 1, 2), (1, 1, 1, 2, 2), (1, 1, 2, 1, 1), (1, 1, 2, 2)]
)
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_an_axis_beside_one_that_is_interpolated_linearly_is_rounded_at_its_end(
    scales: tuple[int, ...], mode: str, tmp_path: Path
) -> None:
    """onnxruntime weighs the last px of such an axis by 1/2 + 1/2: one unit in the last place from
    what an inner px gets.
    """
    nodes, shape = [node("Resize", "x - s", "y", mode=mode)], ("n", 1, *"dhw"[5 - len(scales) :])
    path = save(tmp_path / "net.onnx", nodes, {"s": np.asarray(scales, np.float32)}, shape=shape)
    found = [axis.bitwise for axis in analyze(path).outputs[0].axes]
    image = (
        np.random.default_rng(0).normal(size=(1, 1, *(24,) * (len(scales) - 2))).astype(np.float32)
    )
    whole = run(path, image)
    assert whole is not None
    for axis, bitwise, scale in zip(range(2, len(scales)), found, scales[2:], strict=True):
        part = run(path, image.take(range(13), axis=axis))
        assert part is not None
        clean = range(24 if scale > 1 else 13)
        assert bitwise == np.array_equal(part.take(clean, axis=axis), whole.take(clean, axis=axis))
