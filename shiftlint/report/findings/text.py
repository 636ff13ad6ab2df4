"""Findings as text: file by file, with advice under each finding; color only on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import click

from shiftlint.linting.check import Checked
from shiftlint.rules.finding import Finding, Level

COLORS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "blue"}


def render(files: Sequence[Checked], failing: Collection[Level] = ()) -> str:
    """All findings and a summary line."""
    blocks = []
    for file in files:
        lines = [click.style(file.path, bold=True)]
        lines += [line for finding in file.findings for line in _finding(finding)]
        if not file.findings:
            lines.append("  nothing found")
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, summary(files)])


def summary(files: Sequence[Checked]) -> str:
    """ "2 files: 1 error, 0 warnings, 3 notes"."""
    counts = Counter(finding.level for file in files for finding in file.findings)
    kinds = ((Level.ERROR, "error"), (Level.WARNING, "warning"), (Level.INFO, "note"))
    listed = ", ".join(
        f"{counts[level]} {word}{'' if counts[level] == 1 else 's'}" for level, word in kinds
    )
    return f"{len(files)} file{'' if len(files) == 1 else 's'}: {listed}"


def _finding(finding: Finding) -> list[str]:
    level = click.style(f"{finding.level:<7}", fg=COLORS[finding.level])
    lines = [f"  {finding.code} {level} {finding.message}"]
    if finding.node and finding.node not in finding.message:
        lines.append(f"{'':16} at node {finding.node!r}")
    if finding.advice:
        lines.append(f"{'':16} {finding.advice}")
    return lines
