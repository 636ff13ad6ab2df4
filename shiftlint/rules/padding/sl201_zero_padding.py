"""SL201 · zero padding: aware of the border, exact only with a full halo.

A zero-padded network can detect where the image ends. Its output near the border depends on that,
and a tile's border is not the image's border. Tiles must be read with a halo that keeps the padding
out of the written pixels (SL304). With learned weights the effect can reach as far as the receptive
field (Rumberger et al. 2021, supplement). Training at batch size 1 and stitching without a halo
(`--halo 0`) gives wrong seams, so this is an error. If a network must be padded, the paper's remedy
is to train on batches of directly neighboring tiles.

Do: use valid convolutions, or read tiles with the halo that SL304 names.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case, at
from shiftlint.rules.finding import Finding, Level

KINDS = {"zeros", "-inf", "fewer elements", "concatenated"}

CODE = "SL201"
LEVEL = Level.WARNING
TITLE = "zero padding: aware of the border, exact only with a full halo"


def check(case: Case) -> Iterator[Finding]:
    """One finding per border; an error if trained at batch size 1 and stitched without halo."""
    for names, position, axis in case.grouped(_zeros):
        nodes = [p.node for p in axis.padding if p.kind in KINDS]
        bare = at(case.wish.halo, position) == 0 and case.metadata.train_batch in (None, 1)
        yield Finding(
            CODE,
            Level.ERROR if bare else LEVEL,
            f"zero padding (axis {names}): {len(nodes)} node(s), first {nodes[0]!r}, reach "
            f"{axis.border[0]} px at the near and "
            f"{axis.border[1]} px at the far end"
            + (" of every tile stitched without a halo." if bare else "."),
            "Use valid convolutions, or read tiles with a full halo.",
            nodes[0],
            axis=names,
            fact=(("border", axis.border), ("nodes", len(nodes)), ("halo", 0 if bare else None)),
        )


def _zeros(position: int, axis: AxisContract) -> tuple[int, int] | None:
    return axis.border if any(p.kind in KINDS for p in axis.padding) else None
