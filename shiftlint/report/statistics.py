"""The number of findings per rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shiftlint.linting.check import Checked
from shiftlint.rules.catalog import modules


def render(files: Sequence[Checked]) -> str:
    """One line per code, most frequent first: findings, files, code, title."""
    findings = Counter(finding.code for file in files for finding in file.findings)
    affected = Counter(
        code for file in files for code in {finding.code for finding in file.findings}
    )
    rows = sorted(findings.items(), key=lambda row: (-row[1], row[0]))
    lines = [
        f"{count:6} in {affected[code]:4} files  {code}  {modules()[code].TITLE}"
        for code, count in rows
    ]
    return "\n".join([*lines, f"{sum(findings.values()):6} in {len(files):4} files"])
