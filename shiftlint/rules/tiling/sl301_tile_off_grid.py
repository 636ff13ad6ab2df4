"""SL301 · the tile is not a multiple of the step.

A network of step s computes the same function at every s-th output pixel. If the tile size is not a
multiple of s, the functions jump at every seam, and the same object is embedded in two ways. No
halo or blending repairs that (Rumberger et al. 2021, section 3.2 and Figure 4b).

Do: crop the output tiles to the multiple stated in the finding.

Bad: --tile 9

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --tile 8
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL301"
LEVEL = Level.ERROR
TITLE = "the tile is not a multiple of the step"


def check(case: Case) -> Iterator[Finding]:
    """One finding per step that does not divide its tile."""

    def off_grid(position: int, axis: AxisContract) -> tuple[int, int] | None:
        tile = at(case.wish.tile, position)
        return (
            (tile, axis.step)
            if tile is not None and axis.step is not None and tile % axis.step
            else None
        )

    for names, position, axis in case.grouped(off_grid):
        tile, step = at(case.wish.tile, position) or 0, axis.step or 1
        crop = tile - tile % step
        yield Finding(
            CODE,
            LEVEL,
            f"tile (axis {names}): expected a multiple of the step {step}, got {tile}.",
            f"Crop the output tiles to {crop}."
            if crop
            else f"Use output tiles of at least {step}.",
            axis=names,
            fact=(("tile", tile), ("step", step)),
        )
