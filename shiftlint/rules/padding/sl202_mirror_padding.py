"""SL202 · reflecting, edge or wrapping padding inside the network.

Mirrored or repeated pixels hide the border from the eye, not from the network. Values near a tile's
edge are as wrong as with zeros, so tiles must be read with a full halo (SL304). A wrapped axis
mixes the far end of the tile into its near end, where the whole image has its own far end. No halo
contains that, so `--tile` makes it an error.

Do: pad the image once before the network, and use valid convolutions in it. Run a network that
wraps on the whole image, as one tile; or try `shiftlint fix --to-valid`: the network that it writes
gives the interior of the original output.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}> {
      padded = Pad<mode = "reflect">(image, pads)
      out = Conv(padded, w)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

KINDS = {"reflect", "edge", "wrap"}
OPPOSITE = "wrap"  # pads with px from the other end of the image

CODE = "SL202"
LEVEL = Level.WARNING
TITLE = "reflecting, edge or wrapping padding inside the network"


def check(case: Case) -> Iterator[Finding]:
    """One finding per border; an error if a wrapping axis is cut into tiles."""

    def mirrored(position: int, axis: AxisContract) -> tuple[tuple[int, int], bool] | None:
        kinds = {padding.kind for padding in axis.padding}
        return (axis.border, OPPOSITE in kinds) if kinds & KINDS else None

    for names, position, axis in case.grouped(mirrored):
        found = [padding for padding in axis.padding if padding.kind in KINDS]
        wrapping = [padding for padding in found if padding.kind == OPPOSITE]
        first = (wrapping or found)[0]
        cut = bool(wrapping) and cuts(case, position, axis)
        yield Finding(
            CODE,
            Level.ERROR if cut else LEVEL,
            f"{first.kind} padding (axis {names}): {first.node!r} and what follows reach "
            f"{axis.border[0]} px at the near and "
            f"{axis.border[1]} px at the far end"
            + (" of every tile: no tile contains the opposite end of the image." if cut else "."),
            "Run the whole image as one tile."
            if wrapping
            else "Pad the image once before the network instead, or read tiles with a full halo.",
            first.node,
            axis=names,
            fact=(("kind", first.kind), ("border", axis.border), ("cut", cut)),
        )


def cuts(case: Case, position: int, axis: AxisContract) -> bool:
    """Whether tiles are smaller than the image's output; true if the image size is unknown."""
    tile, image = at(case.wish.tile, position), at(case.wish.image, position)
    if tile is None or image is None or axis.output_size is None:
        return tile is not None
    return tile < axis.output_size.scale * image
