"""SL902 · tiles stitched by the contract differ from the whole image.

The network was run on a whole image and on tiles of it, cut and stitched as the contract says, and
the results differ. Or the first tiled run of `shiftrun` compared its tiles with other windows of
the image, and these differ. Either the analyzer is wrong (please report it), or the network
amplifies rounding: interpolation by a factor that is not a power of two rounds its coordinates
differently at each position, and a function as steep as below makes the last bit of a float
visible.

Do: run whole images; report the model unless it amplifies rounding.

Bad: --verify

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 3, 3}, float steep = {1000000000}> {
      large = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(
        image, , scales)
      steeper = Mul(large, steep)
      out = Sin(steeper)
    }

Good: --verify

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 3, 3}> {
      large = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(
        image, , scales)
      out = Sin(large)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import contradicted
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL902"
LEVEL = Level.ERROR
TITLE = "tiles stitched by the contract differ from the whole image"


def check(case: Case) -> Iterator[Finding]:
    """One finding per tile measurement that contradicts the contract."""
    yield from contradicted(case, CODE, LEVEL)
