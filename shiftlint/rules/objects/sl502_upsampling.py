"""SL502 · what the kind of upsampling means.

With valid convolutions, learned upsampling (transposed convolution, pixel shuffle) can give each
pixel of a step its own value even on a constant image: the network can count pixels. Fixed
upsampling (nearest, linear) cannot (Rumberger et al. 2021, Corollary 5); it needs a pattern in the
image, or padding, to tell positions apart.

Do: nothing; just know which kind your network uses.

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

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL502"
LEVEL = Level.INFO
TITLE = "what the kind of upsampling means"


def check(case: Case) -> Iterator[Finding]:
    """One finding per kind of upsampling."""
    for kind in sorted({output.upsampling for output in case.contract.outputs} - {"none"}):
        meaning = (
            "cannot tell positions apart on a constant image"
            if kind == "fixed"
            else "can tell the pixels of a step apart on a constant image"
        )
        yield Finding(
            CODE,
            LEVEL,
            f"upsampling is {kind}: with valid padding the network {meaning}.",
            fact=(("upsampling", kind),),
        )
