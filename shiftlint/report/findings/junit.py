"""Findings as JUnit XML, one suite per file: failures, and the others as output of their case."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from xml.etree import ElementTree

from shiftlint.linting.check import Checked
from shiftlint.rules.finding import Finding, Level

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


def render(files: Sequence[Checked], failing: Collection[Level]) -> str:
    """The XML document; a file without findings has one passing case."""
    root = ElementTree.Element("testsuites", name="shiftlint")
    for file in files:
        failed = [finding for finding in file.findings if finding.level in failing]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_text(file.path),
            tests=str(max(len(file.findings), 1)),
            failures=str(len(failed)),
            errors="0",
        )
        for finding in file.findings:
            _case(suite, file.path, finding, finding in failed)
        if not file.findings:
            ElementTree.SubElement(suite, "testcase", classname=_text(file.path), name="shiftlint")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        root, encoding="unicode"
    )


def _case(suite: ElementTree.Element, path: str, finding: Finding, failed: bool) -> None:
    name = f"{finding.code} {finding.node}".strip()
    case = ElementTree.SubElement(suite, "testcase", classname=_text(path), name=_text(name))
    if failed:
        failure = ElementTree.SubElement(
            case, "failure", type=finding.code, message=_text(finding.message)
        )
        failure.text = _text(finding.advice)
    else:
        ElementTree.SubElement(case, "system-out").text = _text(
            f"{finding.level}: {finding.message} {finding.advice}".strip()
        )


def _text(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
