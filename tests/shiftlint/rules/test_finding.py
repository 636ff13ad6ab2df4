"""The identity of findings: it consists of values, and is unique within a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shiftlint.linting.check import check_all
from shiftlint.linting.settings import Configuration
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, fingerprint
from tests.shiftlint.rules.manuals import Example, examples_of, save

BAD = [
    example
    for code in modules()
    for example in examples_of(code)
    if example.bad and "onnx" not in example.network
]
MOST_WORDS = 3  # spaces: "a multiple of 4" is an expected value


def found(example: Example, folder: Path) -> tuple[Finding, ...]:
    path = save(example, folder)
    options = dict(zip(example.options[::2], example.options[1::2], strict=False))
    given: dict[str, Any] = {
        name.removeprefix("--"): int(value) if name == "--objects" else (int(value),)
        for name, value in options.items()
        if value.isdigit()
    }
    return check_all(
        [str(path)], Configuration(), given | {"verify": "--verify" in example.options}
    )[0].findings


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    else:
        yield value


@pytest.mark.parametrize("example", BAD, ids=lambda e: e.code)
def test_facts_are_values(example: Example, tmp_path: Path) -> None:
    """No finding is known by a sentence, and no two of one file by the same."""
    findings = found(example, tmp_path)
    for finding in findings:
        texts = [leaf for leaf in leaves(finding.fact) if isinstance(leaf, str)]
        assert [text for text in texts if text.count(" ") > MOST_WORDS] == [], finding
    assert len({fingerprint(finding) for finding in findings}) == len(findings), findings
