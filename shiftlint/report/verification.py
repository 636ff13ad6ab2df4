"""Measurements as a table or as JSON (schemas/verify_report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

import click

from shiftlint.contract.measurement import Measurement

VERDICTS = {True: ("holds", "green"), False: ("WRONG", "red"), None: ("", "blue")}


def render(path: str, measurements: Sequence[Measurement]) -> str:
    """One row per measurement, and a summary line."""
    lines = [
        click.style(path, bold=True),
        f"  {'output':<16} {'axis':<4} {'claim':<28} {'difference':>10}        ",
    ]
    for m in measurements:
        word, color = VERDICTS[m.holds]
        gap = f"{m.difference:.2g}" if isfinite(m.difference) else "-"
        verdict = click.style(f"{word:<5}", fg=color)
        lines.append(
            f"  {m.output:<16} {m.axis:<4} {m.what:<28} {gap:>10}  {verdict}  {m.detail}".rstrip()
        )
    claims = [m for m in measurements if m.holds is not None]
    wrong = sum(not m.holds for m in claims)
    largest = max((m.difference for m in claims if m.holds), default=0.0)
    summary = (
        f"{len(claims)} claims measured, {wrong} wrong; largest difference where they hold: "
        f"{largest:.2g} standard deviations"
    )
    return "\n".join(
        [*lines, summary if claims else "this network has no claims that can be measured"]
    )


def render_json(path: str, measurements: Sequence[Measurement]) -> str:
    """The report for programs; a difference that is not finite is null."""
    return json.dumps({"file": path, "measurements": [_row(m) for m in measurements]}, indent=1)


def _row(m: Measurement) -> dict[str, Any]:
    return {
        "code": m.code,
        "output": m.output,
        "axis": m.axis,
        "what": m.what,
        "difference": m.difference if isfinite(m.difference) else None,
        "holds": m.holds,
        "detail": m.detail,
    }
