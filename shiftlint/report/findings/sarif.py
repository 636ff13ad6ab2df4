"""Findings in SARIF 2.1.0, for code scanning.

Spec: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shiftlint.linting.check import Checked
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level, fingerprint

HASHED = True
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def render(files: Sequence[Checked], failing: Collection[Level] = ()) -> str:
    """One run: all rules, the files as artifacts, and one result per finding."""
    codes = list(modules())
    run = {
        "tool": {
            "driver": {
                "name": "shiftlint",
                "semanticVersion": version("shiftlint"),
                "rules": [_rule(code) for code in codes],
            }
        },
        "invocations": [{"executionSuccessful": not any(file.unreadable for file in files)}],
        "artifacts": [_artifact(file) for file in files],
        "results": [
            _result(index, file, f, codes)
            for index, file in enumerate(files)
            for f in file.findings
        ],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(code: str) -> dict[str, Any]:
    module = modules()[code]
    manual = (module.__doc__ or "").strip()
    return {
        "id": code,
        "shortDescription": {"text": module.TITLE},
        "fullDescription": {"text": " ".join(manual.split("\n\n")[1].split())},
        "help": {"text": manual},
        "defaultConfiguration": {"level": LEVELS[module.LEVEL]},
    }


def _artifact(file: Checked) -> dict[str, Any]:
    artifact: dict[str, Any] = {"location": {"uri": uri(file.path)}}
    return artifact | ({"hashes": {"sha-256": file.sha256}} if file.sha256 else {})


def _result(index: int, file: Checked, finding: Finding, codes: list[str]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri(file.path), "index": index}}
    }
    known = fingerprint(finding)
    if finding.node:
        location["logicalLocations"] = [
            {"name": finding.node, "fullyQualifiedName": finding.node, "kind": "element"}
        ]
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": LEVELS[finding.level],
        "message": {"text": f"{finding.message} {finding.advice}".strip()},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": known, "shiftlint/v2": known},
    }


def uri(path: str) -> str:
    """A relative path unchanged, an absolute path as file://; both quoted."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())
