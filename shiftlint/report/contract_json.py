"""Contracts for programs (schemas/shiftschemas/analyze_report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from shiftlint.contract.values import Contract
from shiftlint.rules.finding import Finding


def render(models: Sequence[tuple[str, str | None, Contract | Finding]]) -> str:
    """The report of `shiftlint analyze`: file, sha256, and a contract or an error."""
    return json.dumps({"models": [_model(*model) for model in models]})


def _model(path: str, sha256: str | None, result: Contract | Finding) -> dict[str, Any]:
    if isinstance(result, Contract):
        return {"file": path, "sha256": sha256, "contract": result.to_json()}
    return {"file": path, "error": {"code": result.code, "message": result.message}}
