"""SL202 · reflecting, edge or wrapping padding inside the network.

Mirrored or repeated pixels hide the border from the eye, not from the network: inside the halo the values of a tile
are as wrong as with zeros. A wrapped axis mixes the far end of the tile into the near one.

Do: pad the image once before the network, and use valid convolutions in it.

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

from shiftlint.contract import AxisContract
from shiftlint.rules import Case, Finding, Level

KINDS = {"reflect", "edge", "wrap"}

CODE = "SL202"
LEVEL = Level.WARNING
TITLE = "reflecting, edge or wrapping padding inside the network"


def check(case: Case) -> Iterator[Finding]:
    """One finding per border."""
    for names, _, axis in case.grouped(_mirrored):
        padding = next(p for p in axis.padding if p.kind in KINDS)
        yield Finding(
            CODE,
            LEVEL,
            f"{padding.kind} padding (axis {names}): {padding.node!r} and what follows reach {axis.border[0]} px at the near and "
            f"{axis.border[1]} px at the far end.",
            "Pad the image once before the network instead, or read tiles with a full halo.",
            padding.node,
        )


def _mirrored(position: int, axis: AxisContract) -> tuple[int, int] | None:
    return axis.border if any(p.kind in KINDS for p in axis.padding) else None
