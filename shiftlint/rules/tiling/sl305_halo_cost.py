"""SL305 · the halo takes more work than the tile.

Every tile is run with a halo around it, or with the input that a valid network loses; both are
computed and discarded. For small tiles this is most of the work: with a halo of 96 px, a tile of
256 px costs three times its own area. Larger tiles need more memory instead.

Do: use the tile stated in the finding, if memory allows.

Bad: --tile 4

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good: --tile 64
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level
from shiftlint.rules.tiling.sl304_halo_too_small import needed_halo

CODE = "SL305"
LEVEL = Level.INFO
TITLE = "the halo takes more work than the tile"
MOST_WASTE = 0.5  # of the work
LARGEST_TILE = 1 << 16  # px


def check(case: Case) -> Iterator[Finding]:
    """One finding for all outputs that waste the same share of the work, if more than half."""
    found: dict[tuple[str, str, tuple[int | None, ...]], list[str]] = {}
    for output in case.contract.outputs:
        positions = {id(axis): position for position, axis in case.axes()}
        axes = [(positions[id(axis)], axis) for axis in output.axes]
        tiles = [at(case.wish.tile, position) for position, _ in axes]
        wasted = waste(case, axes, 1)
        if wasted is None or wasted <= MOST_WASTE:
            continue
        factors = (1 << n for n in range(1, 17))
        better = next(
            (f for f in factors if (w := waste(case, axes, f)) is not None and w <= MOST_WASTE),
            None,
        )
        advice = ""
        if better is not None:
            sizes = ", ".join(
                str(_on_grid(tile or 0, axis) * better)
                for tile, (_, axis) in zip(tiles, axes, strict=True)
            )
            advice = f"Tiles of {sizes} waste {waste(case, axes, better):.0%}."
        text = (
            f"{wasted:.0%} of the work for tiles of {', '.join(map(str, tiles))} px goes into the "
            "halo."
        )
        found.setdefault((text, advice, tuple(tiles)), []).append(output.name)
    for (text, advice, tile), outputs in found.items():
        names = ", ".join(outputs)
        yield Finding(
            CODE,
            LEVEL,
            f"output {', '.join(map(repr, outputs))}: {text}",
            advice,
            tensor=names,
            fact=(("tile", tile),),
        )


def waste(case: Case, axes: list[tuple[int, AxisContract]], factor: int) -> float | None:
    """The share of work discarded with tiles `factor` times as large; None if unknown."""
    kept, read = 1, 1
    for position, axis in axes:
        tile, need = at(case.wish.tile, position), needed_halo(axis)
        if (
            tile is None
            or need is None
            or axis.period is None
            or axis.output_size is None
            or tile * factor > LARGEST_TILE
        ):
            return None
        inside = ceil(_on_grid(tile, axis) * factor / axis.output_size.scale)
        wished = at(case.wish.halo, position)
        halo = max(wished if wished is not None else 0, -(-need // axis.period) * axis.period)
        kept *= inside
        read *= inside + (
            2 * halo if axis.padding else ceil(axis.output_size.offset / axis.output_size.scale)
        )
    return 1 - kept / read if axes else None


def _on_grid(tile: int, axis: AxisContract) -> int:
    step = axis.step or 1
    return max(tile - tile % step, step)
