"""SL901 · measured shifts and windows contradict the contract.

The contract was derived from the graph and measured with onnxruntime on random images. It does not
hold: a shift by the period changes the output, or a pixel outside a window does. Either the
analyzer is wrong (please report it), or the network amplifies rounding: the contract holds for real
numbers, and a function as steep as below makes the last bit of a float visible.

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

CODE = "SL901"
LEVEL = Level.ERROR
TITLE = "measured shifts and windows contradict the contract"


def check(case: Case) -> Iterator[Finding]:
    """One finding per shift or window measurement that contradicts the contract."""
    yield from contradicted(case, CODE, LEVEL)
