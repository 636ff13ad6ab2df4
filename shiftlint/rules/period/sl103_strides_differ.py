"""SL103 · branches of different strides meet.

If a branch of scale 1/2 is added to one of scale 1 (a broadcast or a crop can hide this), their
grids drift apart: no shift of the image moves both by whole pixels of the same output.

Do: resample one branch to the scale of the other.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,64,64] image) => (float[n,1,oh,ow] out)
    <int64[2] starts = {0, 0}, int64[2] ends = {32, 32}, int64[2] axes = {2, 3}> {
      small = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      corner = Slice(image, starts, ends, axes)
      out = Add(small, corner)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,64,64] image) => (float[n,1,oh,ow] out) {
      small = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      mean = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      out = Add(small, mean)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.calculus.note import Kind
from shiftlint.rules.as_findings import each
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL103"
LEVEL = Level.ERROR
TITLE = "branches of different strides meet"


def check(case: Case) -> Iterator[Finding]:
    """One finding per node where scales differ."""
    yield from each(
        case,
        case.noted(Kind.STRIDES),
        CODE,
        LEVEL,
        "Resample one branch to the scale of the other.",
    )
