"""SL002 · an operator or domain on the path is not analyzed.

The analyzer has a transfer function for every operator that it supports. If the path from the image
to an output contains any other operator, the dependence of that output is unknown, and no tiling is
safe.

Do: export without custom operators, or request a transfer function.

Bad:

    <ir_version: 8, opset_import: ["": 17, "my.domain": 1]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {
      out = my.domain.Sharpen(image)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {
      out = Relu(image)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import each
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL002"
LEVEL = Level.ERROR
TITLE = "an operator or domain on the path is not analyzed"


def check(case: Case) -> Iterator[Finding]:
    """One finding per node that is not analyzed."""
    yield from each(
        case,
        case.unanalyzed(CODE),
        CODE,
        LEVEL,
        "Export without it, or request a transfer function.",
    )
