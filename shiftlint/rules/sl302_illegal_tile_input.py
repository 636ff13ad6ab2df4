"""SL302 · no legal input gives the tile.

A tile is written from a network run whose input must be of a legal size. Where the size is fixed in the file, or tile
and halo add up to a size that the graph refuses, the tile cannot be run at all.

Do: take the tile that the finding names, or export with dynamic sizes.

Bad: --tile 128

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,64,64] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }

Good: --tile 62
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from shiftlint.contract import AxisContract
from shiftlint.rules import Case, Finding, Level, at, failed

CODE = "SL302"
LEVEL = Level.ERROR
TITLE = "no legal input gives the tile"


def check(case: Case) -> Iterator[Finding]:
    """One finding per tile that no legal input gives, or if the network runs at no size at all."""
    yield from failed(case, CODE, LEVEL)

    def impossible(position: int, axis: AxisContract) -> tuple[int, int | None] | None:
        tile = at(case.wish.tile, position)
        if tile is None or axis.sizes is None or axis.output_size is None:
            return None
        need = ceil((tile + axis.output_size.offset) / axis.output_size.scale)
        halo = at(case.wish.halo, position)
        if halo is not None and axis.padding:
            return None if axis.sizes.legal(need + 2 * halo) else (tile, halo)
        return None if axis.sizes.next_legal(need) is not None else (tile, None)

    for names, position, axis in case.grouped(impossible):
        tile, halo, sizes = at(case.wish.tile, position), at(case.wish.halo, position), axis.sizes
        assert sizes is not None
        most = f" up to {sizes.max}" if sizes.max else ""
        yield Finding(
            CODE,
            LEVEL,
            f"tile {tile}{f' with halo {halo}' if halo is not None else ''} (axis {names}): expected an input of a legal size "
            f"(from {sizes.min}{most}, remainder {', '.join(map(str, sizes.residues))} modulo {sizes.modulus}), "
            "got none that gives it.",
            "Choose a tile and halo that add up to a legal size, or export with dynamic sizes.",
        )
