"""SL003 · shape arithmetic is not resolved.

A crop, a reshape or a resize takes its bounds from values that the analyzer cannot compute from the
input's sizes: they depend on pixels, or on an operator that it does not evaluate. The position of
the output on the image is then unknown.

Do: export with bounds that depend only on sizes (constant folding, a simplifier), or remove the
data-dependent crop.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <int64[1] zero = {0}, int64[1] axis = {2}> {
      brightest = ReduceMax<keepdims = 0>(image)
      number = Cast<to = 7>(brightest)
      end = Unsqueeze(number, zero)
      out = Slice(image, zero, end, axis)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <int64[1] start = {1}, int64[1] axis = {2}> {
      end = Shape<start = 2, end = 3>(image)
      out = Slice(image, start, end, axis)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import each
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL003"
LEVEL = Level.ERROR
TITLE = "shape arithmetic is not resolved"


def check(case: Case) -> Iterator[Finding]:
    """One finding per node whose bounds are unknown."""
    yield from each(
        case,
        case.unanalyzed(CODE),
        CODE,
        LEVEL,
        "Export with bounds that depend only on the input's sizes.",
    )
