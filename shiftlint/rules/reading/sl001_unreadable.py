"""SL001 · the file is unreadable or not valid ONNX.

The file is missing, empty, truncated, or in another format, so it cannot be analyzed. The command
exits with 2; the other files of the call are still checked.

Do: fetch or export the file again.

Bad:

    this is not an ONNX file

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.as_findings import failed
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL001"
LEVEL = Level.ERROR
TITLE = "the file is unreadable or not valid ONNX"


def check(case: Case) -> Iterator[Finding]:
    """One finding if the file cannot be read."""
    yield from failed(case, CODE, LEVEL)
