r"""SL604 · no license or data named.

Nobody may use a model without a license, and nobody can judge a model whose training data is not
stated.

Do: store `license` and `data` in the metadata.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }

Good:

    <ir_version: 8, opset_import: ["": 17],
     metadata_props: ["license": "\"MIT\"", "data": "\"own images\""]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL604"
LEVEL = Level.WARNING
TITLE = "no license or data named"


def check(case: Case) -> Iterator[Finding]:
    """One finding that names the missing keys."""
    missing = [key for key in ("license", "data") if getattr(case.metadata, key) is None]
    if missing and not case.metadata_error and case.failure is None:
        yield Finding(
            CODE,
            LEVEL,
            f"metadata: expected license and data, got no {' and no '.join(missing)}.",
            "Store them in the metadata.",
            fact=(("missing", missing),),
        )
