"""SL901 · measured shifts and windows contradict the contract.

What was derived from the graph was measured with onnxruntime on random images, and does not hold: a
shift by the period changes the output, or a pixel outside a window does. Either the analyzer is
wrong (please report it), or the network amplifies rounding: the contract speaks of real numbers,
and a function as steep as below makes the last bit of a float visible.

Do: run whole images; report the model if it is no such case.

Bad: --verify

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 3, 3}, float steep = {1000000000}> {
      large = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(image, ,
      scales) steeper = Mul(large, steep) out = Sin(steeper)
    }

Good: --verify

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[4] scales = {1, 1, 3, 3}> {
      large = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(image, ,
      scales) out = Sin(large)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import contradicted
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL901"
LEVEL = Level.ERROR
TITLE = "measured shifts and windows contradict the contract"


def check(case: Case) -> Iterator[Finding]:
    """One finding per shift and window measurement that contradicts."""
    yield from contradicted(case, CODE, LEVEL)
