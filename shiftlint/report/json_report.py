"""Findings and contracts for programs (schemas/check_report.schema.json, schemas/analyze_report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from shiftlint.contract.values import Contract
from shiftlint.linting.check import Checked
from shiftlint.rules.finding import Finding, fingerprint


def render(files: Sequence[Checked]) -> str:
    """The report of `shiftlint check`."""
    return json.dumps({"models": [_file(file) for file in files]}, indent=1)


def render_contracts(models: Sequence[tuple[str, str | None, Contract | Finding]]) -> str:
    """The report of `shiftlint analyze`: file, sha256, and a contract or why there is none."""
    return json.dumps({"models": [_model(*model) for model in models]})


def _file(file: Checked) -> dict[str, Any]:
    return {"file": file.path, "sha256": file.sha256, "findings": [_finding(finding) for finding in file.findings]}


def _model(path: str, sha256: str | None, result: Contract | Finding) -> dict[str, Any]:
    if isinstance(result, Contract):
        return {"file": path, "sha256": sha256, "contract": result.to_json()}
    return {"file": path, "error": {"code": result.code, "message": result.message}}


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
