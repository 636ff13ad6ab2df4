"""SL302 · no legal input size gives the tile.

A tile comes from a network run whose input must have a legal size. If the file fixes the size, or
tile and halo add up to a size that the graph rejects, the tile cannot be run. Without `--halo`, a
tile is read with the input that exactness needs: all pixels that its outputs read, and enough more
to keep padding out of them. A network without an image output cannot be tiled at all.

Do: choose a tile and halo that add up to a legal size, or export with dynamic sizes.

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
from math import ceil, floor

from shiftlint.contract.values import AxisContract
from shiftlint.rules.as_findings import failed
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

CODE = "SL302"
LEVEL = Level.ERROR
TITLE = "no legal input size gives the tile"


def check(case: Case) -> Iterator[Finding]:
    """One finding per tile without a legal input, or if the network runs at no size at all."""
    yield from failed(case, CODE, LEVEL)

    def impossible(position: int, axis: AxisContract) -> tuple[int, int | None] | None:
        tile = at(case.wish.tile, position)
        if tile is None or axis.sizes is None or axis.output_size is None:
            return None
        halo = at(case.wish.halo, position)
        if halo is not None and axis.padding:
            need = ceil((tile + axis.output_size.offset) / axis.output_size.scale)
            return None if axis.sizes.legal(need + 2 * halo) else (tile, halo)
        return None if axis.sizes.next_legal(needed_input(axis, tile)) is not None else (tile, None)

    if (
        case.wish.tile is not None
        and case.contract.outputs
        and not any(output.axes for output in case.contract.outputs)
    ):
        names = ", ".join(repr(output.name) for output in case.contract.outputs)
        yield Finding(
            CODE,
            LEVEL,
            f"output {names}: expected an image that can be tiled, got none.",
            "Run whole images.",
            fact=(("axes", 0),),
        )
    for names, position, axis in case.grouped(impossible):
        tile, halo, sizes = at(case.wish.tile, position), at(case.wish.halo, position), axis.sizes
        assert sizes is not None
        most = f" up to {sizes.max}" if sizes.max else ""
        yield Finding(
            CODE,
            LEVEL,
            f"tile {tile}{f' with halo {halo}' if halo is not None else ''} (axis {names}): "
            "expected an input of legal size "
            f"(from {sizes.min}{most}, remainder {', '.join(map(str, sizes.residues))} modulo "
            f"{sizes.modulus}), "
            "got none for this tile.",
            "Choose a tile and halo that add up to a legal size, or export with dynamic sizes.",
            axis=names,
            fact=(
                ("tile", tile),
                ("halo", halo),
                ("sizes", (sizes.min, sizes.max, sizes.modulus, sizes.residues)),
            ),
        )


def needed_input(axis: AxisContract, tile: int) -> int:
    """Input px, from first to last needed, of an exact tile inside a large image.

    The input starts at a multiple of the period. For a valid network, the image is padded by whole
    periods first, so the first output written need not be the first of a step.
    """
    size, step, period = axis.output_size, axis.step, axis.period
    assert size is not None
    if axis.reads is None or step is None or period is None:
        return ceil((tile + size.offset) / size.scale)
    valid = not axis.padding and axis.border == (0, 0)
    first = floor((-axis.origin % period) * size.scale) if valid else 0
    outputs = range(first, first + tile)
    windows = [
        (element // step * period + reads[0], element // step * period + reads[1])
        for element in {*outputs[:step], *outputs[-step:]}
        if (reads := axis.reads[element % step]) is not None
    ]
    start: int = min(
        [(first - axis.border[0]) // step * period, *(low // period * period for low, _ in windows)]
    )
    end: int = max(
        [
            ceil((first + tile + axis.border[1] + size.offset) / size.scale),
            *(high + 1 for _, high in windows),
        ]
    )
    return end - start
