"""Published networks with measured truth: always a few, the whole set where it is installed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shiftlint import analyze
from tests.shared import SHARED

NETWORKS = Path(__file__).parents[2] / "data" / "networks"
TRUTH: dict[str, list[dict[str, Any]]] = json.loads(
    (NETWORKS / "truth.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", TRUTH)
def test_periods_windows_and_sizes_are_those_measured(name: str) -> None:
    contract = analyze(NETWORKS / f"{name}.onnx")
    axes = {axis.input_axis: axis for axis in contract.outputs[0].axes}
    for truth in TRUTH[name]:
        axis = axes[truth["axis"]]
        assert axis.period == truth["period"]
        if axis.period is None:
            continue
        assert axis.step is not None
        assert axis.output_size is not None
        assert axis.sizes is not None
        scale = Fraction(axis.step, axis.period)
        assert scale == Fraction(truth["scale"])
        assert axis.is_global == truth["global"]
        assert bool(axis.padding) or not truth["padded"]
        for size, length in truth["sizes"]:
            assert not axis.sizes.legal(size) or axis.output_size.of(size) == length
        for phase in range(axis.step if truth["reads"] else 0):
            low, high = truth["reads"][phase % len(truth["reads"])]
            reads = axis.reads and axis.reads[phase]
            assert reads
            origin = int(phase / scale)
            assert reads[0] - origin <= low
            assert reads[1] - origin >= high


@pytest.mark.shared("tools/conformance.py", "conformance")
def test_the_conformance_set_holds() -> None:
    program = "import sys; sys.argv[0] = 'shiftlint'; from shiftlint.cli import main; main()"
    environment = os.environ | {
        "SHIFTLINT": shlex.join([sys.executable, "-c", program]),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, str(SHARED / "tools" / "conformance.py"), "--exact", "0.95"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 UNSOUND" in done.stdout
