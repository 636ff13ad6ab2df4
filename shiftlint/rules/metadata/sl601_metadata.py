"""SL601 · the metadata is incomplete or breaks its schema.

The tools take a model's window, normalization and bandwidth from its metadata. Incomplete metadata
is worse than none. A model without any of this project's metadata gives no finding.

Do: write it again with `shiftzoo export`, or correct the key named in the finding.

Bad:

    <ir_version: 8, opset_import: ["": 17], metadata_props: ["period": "[1, 1"]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
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

from shiftlint.contract.metadata import Metadata
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL601"
LEVEL = Level.ERROR
TITLE = "the metadata is incomplete or breaks its schema"


REQUIRED = ("contract", "period", "padding", "train_window", "license", "data")


def check(case: Case) -> Iterator[Finding]:
    """One finding for unreadable metadata, or for missing keys."""
    advice = "Export the model again with its metadata."
    if case.metadata_error:
        yield Finding(CODE, LEVEL, case.metadata_error, advice, fact=(("invalid", True),))
    elif case.metadata != Metadata():
        missing = [key for key in REQUIRED if getattr(case.metadata, key) is None]
        if missing:
            yield Finding(
                CODE,
                LEVEL,
                f"metadata: expected {', '.join(REQUIRED)}, got none for {', '.join(missing)}.",
                advice,
                fact=(("missing", missing),),
            )
