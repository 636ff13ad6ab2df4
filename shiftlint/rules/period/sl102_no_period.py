"""SL102 · no period: the output depends on absolute position or total size.

Causes are interpolation with align_corners, coordinate channels, position embeddings and flips. A
shift of the image, by any number of pixels, does more to the output than shift it. Two tiles of
such a network never agree.

Do: use half_pixel or asymmetric coordinates with a fixed scale, remove coordinate inputs, or run
whole images.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 2, 2}> {
      out = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(
        image, , scales)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 2, 2}> {
      out = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(image, , scales)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.calculus.note import Kind
from shiftlint.rules.as_findings import each
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL102"
LEVEL = Level.ERROR
TITLE = "no period: the output depends on absolute position or total size"


def check(case: Case) -> Iterator[Finding]:
    """One finding per node that depends on position, or on a value that changes with the size."""
    advice = (
        "Resize by a fixed scale with half_pixel coordinates, drop coordinate inputs, or run "
        "whole images."
    )
    yield from each(case, case.noted(Kind.POSITION), CODE, LEVEL, advice)
    if any(axis.period is None for _, axis in case.axes()):
        yield from each(
            case,
            case.noted(Kind.SIZE),
            CODE,
            LEVEL,
            "Replace it by a constant, or run whole images.",
        )
