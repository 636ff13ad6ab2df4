"""The output of `shiftlint why`: text, or JSON (schemas/why_report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from shiftlint.analysis.causes import sentence, written
from shiftlint.analysis.comparing import Comparison


def render(path: str, comparisons: Sequence[Comparison]) -> str:
    """The file, and one line per group of outputs with the same cause or none."""
    lines: dict[str, list[str]] = {}
    for one in comparisons:
        same = (
            f"computed by the same program at {written(one.first)} px and at "
            f"{written(one.second)} px"
        )
        said = same if one.cause is None else sentence(one.cause, one.first, one.second)
        lines.setdefault(said, []).append(repr(one.output))
    return "\n".join(
        [path, *(f"  output {', '.join(names)}: {said}." for said, names in lines.items())]
    )


def render_json(path: str, comparisons: Sequence[Comparison]) -> str:
    """The report for programs."""
    return json.dumps(
        {"file": path, "outputs": [_comparison(one) for one in comparisons]}, indent=1
    )


def _comparison(one: Comparison) -> dict[str, Any]:
    cause = one.cause
    return {
        "output": one.output,
        "sizes": [list(one.first), list(one.second)],
        "same": cause is None,
        "cause": cause
        and {
            "node": cause.node.name,
            "op": cause.node.op,
            "what": cause.what.value,
            "subject": cause.subject,
            "before": cause.before,
            "after": cause.after,
            "path": [node.name for node in cause.path],
            "message": sentence(cause, one.first, one.second),
        },
    }
