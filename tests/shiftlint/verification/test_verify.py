"""Measurements agree with true contracts and contradict deliberately wrong ones."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint import analyze
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.verification.subject import difference
from shiftlint.verification.verify import contradictions, verify
from tests.shiftlint.networks import INSTANCE_NORM, OFF_GRID, PADDED_UNET, VALID, save

CUBE = """
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,16,h,w] image) => (float[n,1,d,oh,ow] out) {
  out = AveragePool<kernel_shape = [1, 2, 3], strides = [1, 2, 3]>(image)
}
"""
LINE = """
<ir_version: 8, opset_import: ["": 17]>
g (float[n,2,w] image) => (float[n,2,ow] out)
<float[3] scales = {1, 1, 2}> {
  out = Resize<mode = "linear">(image, , scales)
}
"""
NETWORKS = {
    "valid": VALID,
    "padded": PADDED_UNET,
    "global": INSTANCE_NORM,
    "off grid": OFF_GRID,
    "3d": CUBE,
    "1d": LINE,
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_true_contracts_hold(network: str, tmp_path: Path) -> None:
    measurements = verify(save(network, tmp_path / "model.onnx"))
    assert not contradictions(measurements)
    assert any(m.holds and m.what.startswith("shift by") for m in measurements)


def test_divisors_show_that_a_period_is_minimal(tmp_path: Path) -> None:
    measurements = verify(save(VALID, tmp_path / "model.onnx"))
    by_one = [m for m in measurements if m.what == "shift by 1 px"]
    assert [m.holds for m in by_one] == [None, None]
    assert all(m.difference > 0.1 and m.detail == "differs, as expected" for m in by_one)


def with_axes(contract: Contract, change: Callable[[AxisContract], AxisContract]) -> Contract:
    return replace(
        contract,
        outputs=tuple(replace(o, axes=tuple(change(a) for a in o.axes)) for o in contract.outputs),
    )


def narrower(a: AxisContract) -> AxisContract:
    return replace(a, reads=a.reads and tuple(r and (r[0], r[1] - 1) for r in a.reads))


def later(a: AxisContract) -> AxisContract:
    return replace(a, reads=a.reads and tuple(r and (r[0] + 1, r[1]) for r in a.reads))


def halved(a: AxisContract) -> AxisContract:
    return replace(a, period=1, step=1, reads=a.reads and a.reads[:1])


def bare(a: AxisContract) -> AxisContract:
    return replace(a, border=(0, 0), padding=())


def longer(a: AxisContract) -> AxisContract:
    assert a.output_size is not None
    return replace(a, output_size=replace(a.output_size, offset=a.output_size.offset - 2))


@pytest.mark.parametrize(
    ("network", "wrong", "what"),
    [
        (VALID, narrower, "windows"),
        (VALID, later, "windows"),
        (VALID, halved, "shift by 1 px"),
        (PADDED_UNET, bare, "shift by 2 px"),
        (PADDED_UNET, bare, "tiles against the whole"),
        (VALID, longer, "output size"),
    ],
)
def test_wrong_contracts_are_contradicted(
    network: str, wrong: Callable[[AxisContract], AxisContract], what: str, tmp_path: Path
) -> None:
    path = save(network, tmp_path / "model.onnx")
    found = contradictions(verify(path, contract=with_axes(analyze(path), wrong)))
    assert any(what in m.what for m in found)


def test_sizes_that_do_not_run_are_contradicted(tmp_path: Path) -> None:
    path = save(VALID, tmp_path / "model.onnx")

    def smaller(a: AxisContract) -> AxisContract:
        assert a.sizes is not None
        return replace(a, sizes=replace(a.sizes, min=2))

    assert any(
        "legal sizes" in m.what
        for m in contradictions(verify(path, contract=with_axes(analyze(path), smaller)))
    )


def test_missing_onnxruntime_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(VALID, tmp_path / "model.onnx")
    true_import = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("onnxruntime"):
            raise ImportError(name)
        return true_import(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"shiftlint\[cpu\]"):
        verify(path)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.25),
        ([np.nan], [np.nan], 0),
        ([np.nan], [1.0], np.inf),
        ([np.inf], [np.inf], 0),
        ([1.0], [1.0, 2.0], np.inf),
    ],
)
def test_difference(one: list[float], two: list[float], expected: float) -> None:
    np.testing.assert_equal(difference(np.array(one), np.array(two), 2.0), expected)
