"""Findings as JSON (schemas/shiftschemas/check_report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from shiftlint.linting.check import Checked
from shiftlint.rules.finding import Finding, Level, fingerprint

HASHED = True


def render(files: Sequence[Checked], failing: Collection[Level] = ()) -> str:
    """The report of `shiftlint check`."""
    return json.dumps({"models": [_file(file) for file in files]}, indent=1)


def _file(file: Checked) -> dict[str, Any]:
    return {
        "file": file.path,
        "sha256": file.sha256,
        "findings": [_finding(finding) for finding in file.findings],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "level": finding.level.value,
        "message": finding.message,
        "advice": finding.advice,
        "node": finding.node,
        "output": finding.tensor,
        "axis": finding.axis,
        "fingerprint": fingerprint(finding),
    }
