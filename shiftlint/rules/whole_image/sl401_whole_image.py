"""SL401 · the output depends on the whole image.

Instance, group or layer normalization over space, global pooling, squeeze-and-excitation, attention
and softmax over space make every output pixel depend on every input pixel. The network may still be
equivariant to shifts, but no finite halo makes a tile equal to the whole image.

Do: replace the layer with a local one (batch normalization with stored statistics), or run whole
images.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float[1] scale = {1}, float[1] b = {0}> {
      out = InstanceNormalization(image, scale, b)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float[1] scale = {1}, float[1] b = {0}, float[1] mean = {0}, float[1] var = {1}> {
      out = BatchNormalization(image, scale, b, mean, var)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.calculus.note import Kind
from shiftlint.rules.as_findings import each
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level
from shiftlint.rules.note_codes import code_of

CODE = "SL401"
LEVEL = Level.ERROR
TITLE = "the output depends on the whole image"


def check(case: Case) -> Iterator[Finding]:
    """One finding per node that depends on a whole axis."""
    advice = (
        "Replace it with a local layer (batch normalization with stored statistics), or run whole "
        "images."
    )
    yield from each(
        case,
        (note for note in case.noted(Kind.GLOBAL) if code_of(note) == CODE),
        CODE,
        LEVEL,
        advice,
    )
