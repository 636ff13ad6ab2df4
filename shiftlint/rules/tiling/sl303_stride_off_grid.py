"""SL303 · tiles start off the grid because of their stride or a last tile that is moved back.

If tiles overlap or are blended, their stride must be a multiple of the step: a tile that starts
elsewhere has different output functions at every pixel. Many runners also move the last tile back
to end where the image ends. It then starts at (image - tile), which is a multiple of the step only
for some images.

Do: choose a stride that is a multiple of the step, and pad the image at its far end to a whole
number of strides.

Bad: --tile 8 --tile-stride 5

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --tile 8 --tile-stride 6

Bad: --tile 8 --image 35

Good: --tile 8 --image 36

Good: --tile 8 --image 40
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL303"
LEVEL = Level.ERROR
TITLE = "tiles start off the grid because of their stride or a last tile that is moved back"


def check(case: Case) -> Iterator[Finding]:
    """One finding per stride off the grid, and per last tile that is moved back off the grid."""

    def stride_off_grid(position: int, axis: AxisContract) -> tuple[int, int] | None:
        stride = at(case.wish.tile_stride, position)
        return (
            (stride, axis.step)
            if stride is not None and axis.step is not None and stride % axis.step
            else None
        )

    for names, position, axis in case.grouped(stride_off_grid):
        stride, step = at(case.wish.tile_stride, position) or 0, axis.step or 1
        advice = f"Use a stride of {max(stride - stride % step, step)}."
        yield Finding(
            CODE,
            LEVEL,
            f"tile stride (axis {names}): expected a multiple of the step {step}, got {stride}.",
            advice,
            axis=names,
            fact=(("stride", stride), ("step", step)),
        )

    def last_off_grid(position: int, axis: AxisContract) -> tuple[int, int] | None:
        origin = last_origin(case, position, axis)
        return (
            (origin, axis.step)
            if origin is not None and axis.step is not None and origin % axis.step
            else None
        )

    for names, position, axis in case.grouped(last_off_grid):
        origin = last_origin(case, position, axis)
        yield Finding(
            CODE,
            LEVEL,
            f"last tile (axis {names}): expected a start at a multiple of the step "
            f"{axis.step}, got {origin} when moved back to the end of an image of "
            f"{at(case.wish.image, position)} px.",
            "Do not move it back: pad the image at the far end to a whole number of tile strides, "
            "and crop the result.",
            axis=names,
            fact=(
                ("origin", origin),
                ("step", axis.step),
                ("image", at(case.wish.image, position)),
            ),
        )


def last_origin(case: Case, position: int, axis: AxisContract) -> int | None:
    """First output px of a last tile moved back to the image's end; None if none is moved."""
    tile, image = at(case.wish.tile, position), at(case.wish.image, position)
    if tile is None or image is None or axis.output_size is None:
        return None
    written = ceil(image * axis.output_size.scale)
    stride = at(case.wish.tile_stride, position) or tile
    return written - tile if written > tile and (written - tile) % stride else None
