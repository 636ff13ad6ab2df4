"""SL304 · the halo is smaller than the windows and border require.

The written pixels of a tile must not depend on pixels outside the tile's input, nor on the padding
at the tile's own edge. The required halo is not the sum of all kernels: windows differ from phase
to phase, and an aligned tile needs their hull. The halo must also be a multiple of the period,
because a tile that starts elsewhere moves the grid.

Do: use the halo stated in the finding.

Bad: --tile 64 --halo 1

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --tile 64 --halo 2
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL304"
LEVEL = Level.ERROR
TITLE = "the halo is smaller than the windows and border require"


def check(case: Case) -> Iterator[Finding]:
    """One finding per halo that is too small or off the grid."""

    def wanting(position: int, axis: AxisContract) -> tuple[int, int] | None:
        halo = at(case.wish.halo, position)
        need = needed_halo(axis)
        if halo is None or need is None or axis.period is None or not axis.padding:
            return None
        return (halo, need) if halo < need or halo % axis.period else None

    for names, position, axis in case.grouped(wanting):
        halo, need, period = at(case.wish.halo, position), needed_halo(axis) or 0, axis.period or 1
        yield Finding(
            CODE,
            LEVEL,
            f"halo (axis {names}): expected at least {need} px and a multiple of the period "
            f"{period}, got {halo}.",
            f"Read tiles with a halo of {-(-need // period) * period} px.",
            axis=names,
            fact=(("halo", halo), ("needed", need), ("period", period)),
        )


def needed_halo(axis: AxisContract) -> int | None:
    """Input px needed around an aligned tile, for its windows and border; None if no halo fits."""
    if axis.reads is None or axis.period is None or axis.step is None:
        return None
    reads = [r for r in axis.reads if r is not None]
    before = max((-r[0] for r in reads), default=0)
    after = max((r[1] - axis.period + 1 for r in reads), default=0)
    border = -(-max(axis.border) * axis.period // axis.step)
    return max(before, after, border, 0)
