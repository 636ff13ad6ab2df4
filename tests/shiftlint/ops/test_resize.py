"""The px that Resize reads, against onnxruntime on a ramp.

Either the claim holds, or the px that float32 moves are border, or nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shiftlint.analysis.image_layout import open_probe
from shiftlint.calculus.note import SizeError
from shiftlint.calculus.relation import Relation
from shiftlint.calculus.tensor import Tensor, dim_of
from shiftlint.calculus.track import Track
from shiftlint.onnx_file.reader import read_graph
from tests.shiftlint.graphs import node, run, save

FACTORS = (2.0, 3.0, 0.5, 1 / 3, 1.5, 0.75, 1.2, 0.6, 7 / 3, 1 / 7, 5 / 3, 1.4, 0.3)
SIZES = (455, 2100)
NEAREST = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
COORDINATES = (
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "align_corners",
    "half_pixel_symmetric",
    "tf_half_pixel_for_nn",
)
KERNELS: dict[str, dict[str, Any]] = {
    **{f"nearest {how}": {"mode": "nearest", "nearest_mode": how} for how in NEAREST},
    "linear": {"mode": "linear"},
    "cubic": {"mode": "cubic"},
    "linear antialias": {"mode": "linear", "antialias": 1},
    "cubic antialias": {"mode": "cubic", "antialias": 1},
}
CLAIMED = {  # of the factors, at least so many must be claimed at both sizes
    ("nearest", "half_pixel"): 8,
    ("nearest", "asymmetric"): 8,
    ("linear", "half_pixel"): 13,
    ("linear", "asymmetric"): 13,
    ("cubic", "half_pixel"): 13,
}
SLACK = 1e-2  # px by which float32 may miss a coordinate


@dataclass
class Claims:
    """What was claimed and refused of the axes of a Resize, and what is wrong of it."""

    wrong: list[str] = field(default_factory=list)
    claimed: int = 0

    def hold(self, path: Path, shape: tuple[int, int], axis: int, what: str) -> None:
        """One axis, 2 or 3, of an image of this shape."""
        probe = open_probe(read_graph(path), where="test")
        given = np.broadcast_to(
            np.arange(shape[axis - 2], dtype=np.float32).reshape((-1, 1) if axis == 2 else (1, -1)),
            shape,
        )
        found = run(path, np.ascontiguousarray(given)[None, None])
        if found is None:  # onnxruntime refuses it
            return
        try:
            tensor = probe.at(shape).outputs["y"]
        except SizeError:
            self.wrong.append(f"{what}: runs, and is said not to")
            return
        if tensor.opaque:
            return
        if tensor.shape != found.shape:
            self.wrong.append(f"{what}: expected {found.shape}, got {tensor.shape}")
            return
        self.wrong += [
            f"{what}: {said}"
            for said in _wrong(tensor, axis, found.take(0, axis=5 - axis).reshape(-1))
        ]
        self.claimed += any(track.axis == axis for track in tensor.tracks())


def _wrong(tensor: Tensor, axis: int, px: NDArray[np.float32]) -> Iterator[str]:
    """What is claimed of an axis and does not hold for the coordinates `px` that its
    outputs read.
    """
    for track in (atom.track for atom in tensor.dims[axis] if atom.track):
        relation, (before, after) = track.relation, track.border
        clean = np.arange(before, len(px) - after)
        windows = [relation.window(int(j)) for j in clean]
        for j, window in zip(clean, windows, strict=True):
            if window is None or not window[0] - SLACK <= px[j] <= window[1] + SLACK:
                yield f"output {j}: expected a px in {window}, got {px[j]}"
                return
        if len(clean) > relation.step:
            moved = px[clean[relation.step :]] - px[clean[: -relation.step]]
            if np.abs(moved - relation.period).max() > SLACK:
                yield (
                    f"a step of {relation.step}: expected {relation.period} px, got {moved.min()} "
                    f"to {moved.max()}"
                )


def save_resize(path: Path, given: list[float] | list[int], opset: int, **how: Any) -> Path:
    """By factors or to integer sizes."""
    whole = all(isinstance(one, int) for one in given)
    if opset == 10:
        return save(
            path,
            [node("Resize", "x g", "y", **how)],
            {"g": np.asarray(given, np.float32)},
            opset=10,
        )
    inputs, constants = "x r - g" if whole else "x r g", {"r": np.zeros(0, np.float32)}
    if opset < 13 and whole:
        inputs, constants["e"] = "x r e g", np.zeros(0, np.float32)
    value = np.asarray(given, np.int64 if whole else np.float32)
    return save(path, [node("Resize", inputs, "y", **how)], constants | {"g": value}, opset=opset)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_by_factors_and_to_sizes(kernel: str, coordinates: str, tmp_path: Path) -> None:
    how: dict[str, Any] = KERNELS[kernel] | {"coordinate_transformation_mode": coordinates}
    opset = (
        11
        if coordinates == "tf_half_pixel_for_nn"
        else 19
        if coordinates == "half_pixel_symmetric" or "antialias" in how
        else 13
    )
    if opset == 11 and "antialias" in how:
        pytest.skip("antialias began when this ended")
    claims, path = Claims(), tmp_path / "net.onnx"
    for factor in FACTORS:
        save_resize(path, [1.0, 1.0, factor, 1.0], opset, **how)
        for size in SIZES:
            claims.hold(path, (size, 2), 2, f"{size} px by {factor:.3g}")
    by_factors = claims.claimed
    for factor in FACTORS:
        fraction = Fraction(factor).limit_denominator(64)
        for size in (SIZES[0] // fraction.denominator * fraction.denominator, SIZES[0]):
            new_size = size * fraction.numerator // fraction.denominator
            save_resize(path, [1, 1, new_size, 2], opset, **how)
            claims.hold(path, (size, 2), 2, f"{size} to {new_size} px")
    assert claims.wrong == []
    assert by_factors >= len(SIZES) * CLAIMED.get((how["mode"], coordinates), 0)
    if coordinates == "align_corners":
        assert claims.claimed == 0


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_opset_10(mode: str, tmp_path: Path) -> None:
    claims, path = Claims(), tmp_path / "net.onnx"
    for factor in FACTORS:
        save_resize(path, [1.0, 1.0, factor, factor], 10, mode=mode)
        for size in SIZES:
            for axis in (2, 3):
                claims.hold(path, (size, size // 5), axis, f"{size} px by {factor:.3g}")
    save_resize(path, [1.0, 1.0, 0.5, 2.0], 10, mode=mode)
    claims.hold(path, (90, 90), 2, "by a half and by two")
    assert claims.wrong == []
    assert claims.claimed >= 4 * 8


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_a_kept_aspect_ratio(mode: str, policy: str, tmp_path: Path) -> None:
    """For sizes that give different factors along the axes."""
    claims, path = Claims(), tmp_path / "net.onnx"
    pairs = ((2, 3), (3, 2), (1.5, 2), (0.5, 1 / 3), (1.2, 0.6), (5 / 3, 7 / 3))
    for (one, two), shape in product(pairs, ((300, 240), (302, 241))):
        sizes = [round(one * shape[0]), round(two * shape[1])]
        how = {"mode": mode, "axes": [2, 3], "keep_aspect_ratio_policy": policy}
        save_resize(path, sizes, 18, **how)
        for axis in (2, 3):
            claims.hold(path, shape, axis, f"{shape} to {sizes}")
    assert claims.wrong == []
    assert claims.claimed >= 6


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("factor", [3.0, 1.5, 0.75, 5 / 3, 7 / 3, 1.2, 0.6])
def test_tiles_drift_no_farther_than_declared(factor: float, mode: str, tmp_path: Path) -> None:
    """And not by a tenth of it, so that the figure is no formality."""
    path = save_resize(tmp_path / "net.onnx", [1.0, 1.0, factor, 1.0], 18, mode=mode)
    fraction = Fraction(factor).limit_denominator(64)
    whole, tile, margin = (
        1920 // fraction.denominator * fraction.denominator,
        60 * fraction.denominator,
        4 * fraction.numerator,
    )
    image = np.random.default_rng(0).normal(size=(1, 1, whole, 16)).astype(np.float32)
    expected, most = run(path, image), 0.0
    assert expected is not None
    for start in range(0, whole - tile, 7 * fraction.denominator):
        found = run(path, image[:, :, start : start + tile])
        assert found is not None
        first = start * fraction.numerator // fraction.denominator + margin
        inner = found[:, :, margin:-margin]
        most = max(
            most, float(np.abs(inner - expected[:, :, first : first + inner.shape[2]]).max())
        )
    track = open_probe(read_graph(path), where="test").at((whole, 16)).outputs["y"].tracks()[0]
    declared = track.rounding.drift * whole * float(expected.std())
    assert declared / 10 < most <= declared


def test_a_wrong_claim_is_noticed() -> None:
    """The law is able to fail: a px beside the window, and another step."""
    tensor = Tensor(((), (), dim_of(100, Track(2, Relation(1, 2, ((0, 0), (0, 0))))), ()))
    px = np.repeat(np.arange(50, dtype=np.float32), 2)
    assert list(_wrong(tensor, 2, px)) == []
    assert "output 50" in next(_wrong(tensor, 2, np.where(np.arange(100) == 50, px - 1, px)))
    assert list(_wrong(tensor, 2, px * 1.01)) != []
