"""SL104 · other sizes also run, on a different grid.

The network accepts input sizes that place its crops or its grid differently than the aligned sizes
of its contract do. Tiles of such a size give wrong pixels without any error.

Do: use only sizes of the contract; pad the image at its far end to the next one.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
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

from shiftlint.contract.values import AxisContract, Sizes
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL104"
LEVEL = Level.WARNING
TITLE = "other sizes also run, on a different grid"


def check(case: Case) -> Iterator[Finding]:
    """One finding per set of misaligned residues."""

    def misaligned(position: int, axis: AxisContract) -> Sizes | None:
        return axis.sizes if axis.sizes and axis.sizes.misaligned else None

    for names, _, axis in case.grouped(misaligned):
        sizes = axis.sizes
        assert sizes is not None
        yield Finding(
            CODE,
            LEVEL,
            f"input sizes (axis {names}): expected remainder {_residues(sizes.residues)} modulo "
            f"{sizes.modulus}; sizes with remainder {_residues(sizes.misaligned)} also run, but "
            "their output has a different grid or size.",
            f"Use sizes with remainder {_residues(sizes.residues)}, from {sizes.min} on.",
            axis=names,
            fact=(
                ("modulus", sizes.modulus),
                ("residues", sizes.residues),
                ("misaligned", sizes.misaligned),
            ),
        )


def _residues(values: tuple[int, ...]) -> str:
    """Up to four values in full; more are abbreviated."""
    return (
        ", ".join(map(str, values))
        if len(values) <= 4
        else f"{values[0]}, {values[1]} … {values[-1]}"
    )
