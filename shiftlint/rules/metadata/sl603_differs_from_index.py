"""SL603 · the file differs from the index.

An `index.json` next to the model lists the released files with their sha256 and size. Those of this
file differ: it was changed after the release, or the index is stale. Downloads of it will be
rejected as damaged.

Do: release again, or restore the file.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }

File index.json:

    {"models": [{"name": "example", "bytes": 3,
     "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]}

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }

File index.json:

    {"models": [{"name": "another", "bytes": 3,
     "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL603"
LEVEL = Level.ERROR
TITLE = "the file differs from the index"
INDEX = "index.json"


def check(case: Case) -> Iterator[Finding]:
    """One finding if an index next to the file lists it with a different hash or size."""
    row = _row(case.beside(INDEX), Path(case.path))
    if row is None:
        return
    data = Path(case.path).read_bytes()
    actual = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    for key, got in actual.items():
        if key in row and row[key] != got:
            advice = "Release the model again, or restore the file."
            yield Finding(
                CODE,
                LEVEL,
                f"{key} ({INDEX}, {row.get('name', Path(case.path).name)}): expected {row[key]}, "
                f"got {got}.",
                advice,
                fact=((key, got),),
            )
            return


def _row(index: Path, model: Path) -> dict[str, Any] | None:
    """A model's row in an index (a list, or rows by name, optionally under "models"), or None."""
    try:
        document = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    rows = document.get("models", document) if isinstance(document, dict) else document
    if isinstance(rows, dict):
        rows = [{"name": name, **row} for name, row in rows.items() if isinstance(row, dict)]
    if not isinstance(rows, list):
        return None
    named = (
        row
        for row in rows
        if isinstance(row, dict) and model.name in {row.get("file"), f"{row.get('name')}.onnx"}
    )
    return next(named, None)
