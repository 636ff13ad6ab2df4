"""SL101 · the training output window is not larger than the step.

A network of period f^l has f^l output functions per axis. The loss only compares pixels inside one
training window. If the window is smaller than the step, some output functions never enter the loss.
If it equals the step, some pairs of neighboring functions never do, and nothing makes their outputs
agree across a block border. The window must be larger (Rumberger et al. 2021, section 3.2).

Do: train with a larger output crop.

Bad: --train-window 2

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --train-window 3
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL101"
LEVEL = Level.ERROR
TITLE = "the training output window is not larger than the step"


def check(case: Case) -> Iterator[Finding]:
    """One finding per step that is not smaller than the window."""

    def too_small(position: int, axis: AxisContract) -> tuple[int, int] | None:
        window = at(case.train_window, position)
        return (
            (window, axis.step)
            if window is not None and axis.step is not None and window <= axis.step != 1
            else None
        )

    for names, position, axis in case.grouped(too_small):
        window = at(case.train_window, position)
        unseen = (
            "some pairs of neighboring output functions never meet in"
            if window == axis.step
            else "some output functions never see"
        )
        yield Finding(
            CODE,
            LEVEL,
            f"training window (axis {names}): expected more than the step {axis.step}, got "
            f"{window}: {unseen} the loss.",
            f"Train with an output window of at least {(axis.step or 0) + 1} px.",
            axis=names,
            fact=(("window", window), ("step", axis.step)),
        )
