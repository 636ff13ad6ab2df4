"""SL106 · the periods differ between axes.

Anisotropic pooling gives each axis its own period. Tiles, halos and training windows are then
multiples of different numbers per axis.

Do: give one size per axis, in array order.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out) {
      out = MaxPool<kernel_shape = [1, 2], strides = [1, 2]>(image)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out) {
      out = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL106"
LEVEL = Level.INFO
TITLE = "the periods differ between axes"


def check(case: Case) -> Iterator[Finding]:
    """One finding per output whose periods differ."""
    for output in case.contract.outputs:
        periods = [axis.period for axis in output.axes]
        if None not in periods and len(set(periods)) > 1:
            listed = ", ".join(f"{axis.name} {axis.period}" for axis in output.axes)
            yield Finding(
                CODE,
                LEVEL,
                f"periods of output {output.name!r} differ: {listed}.",
                "Give one size per axis, in array order.",
                tensor=output.name,
                fact=(("periods", periods),),
            )
