"""SL004 · control flow on the path.

An `If` with an unknown condition, a `Loop` or a `Scan` decides at run time what is computed. The
dependence of the output may differ from image to image, so no tiling is safe.

Do: export the intended branch (constant conditions are folded), or unroll the loop.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float limit = {0}> {
      mean = ReduceMean<keepdims = 0>(image)
      bright = Greater(mean, limit)
      out = If (bright) <
        then_branch = yes () => (float[n,1,h,w] a) { a = Relu(image) },
        else_branch = no () => (float[n,1,h,w] b) { b = GlobalAveragePool(image) }
      >
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

CODE = "SL004"
LEVEL = Level.ERROR
TITLE = "control flow on the path"


def check(case: Case) -> Iterator[Finding]:
    """One finding per unresolved control-flow node."""
    yield from each(
        case, case.unanalyzed(CODE), CODE, LEVEL, "Export the intended branch, or unroll the loop."
    )
