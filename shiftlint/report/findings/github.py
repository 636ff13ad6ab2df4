"""Findings as GitHub Actions annotations.

Spec: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shiftlint.linting.check import Checked
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level

COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}


def render(files: Sequence[Checked], failing: Collection[Level] = ()) -> str:
    """One line per finding."""
    return "\n".join(_line(file.path, finding) for file in files for finding in file.findings)


def _line(path: str, finding: Finding) -> str:
    title = _property(f"{finding.code} {modules()[finding.code].TITLE}")
    text = "\n".join(line for line in (finding.message, finding.advice) if line)
    return f"::{COMMANDS[finding.level]} file={_property(path)},title={title}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
