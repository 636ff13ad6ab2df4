"""SL005 · no image-like input, or several.

The contract relates outputs to one image: an input of shape (batch, channels, space…). With none or
several, the image input is ambiguous.

Do: name the image with --input.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image, float[n,1,h,w] mask) => (float[n,1,h,w] out) {
      out = Mul(image, mask)
    }

Good: --input image
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import failed
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL005"
LEVEL = Level.ERROR
TITLE = "no image-like input, or several"


def check(case: Case) -> Iterator[Finding]:
    """One finding if the image input is ambiguous."""
    yield from failed(case, CODE, LEVEL)
