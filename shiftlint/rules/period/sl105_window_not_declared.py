"""SL105 · the training window is not declared.

Whether a metric-learning network may be stitched depends on the size of the output crop that its
loss compared (SL101). Neither the command line nor the model's metadata states it.

Do: pass --train-window, or store `train_window` in the model's metadata.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --train-window 20
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL105"
LEVEL = Level.WARNING
TITLE = "the training window is not declared"


def check(case: Case) -> Iterator[Finding]:
    """One finding if no window is declared and a step is larger than 1."""
    if case.train_window is None and any((axis.step or 1) > 1 for _, axis in case.axes()):
        yield Finding(
            CODE,
            LEVEL,
            "training window: expected the output crop that the loss compared, got none.",
            "Pass --train-window N, or store train_window in the metadata.",
        )
