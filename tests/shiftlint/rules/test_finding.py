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


TWINS = """<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] x) => (float[n,1,h,w] y) {
  [n] r = RandomNormalLike(x)
  [n] q = RandomNormalLike(x)
  a = Add(r, x)
  y = Add(q, a)
}"""
ALONG = """<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] x) => (float[n,1,h,w] y) {{
  [n] r = ReduceMean<axes = [{axes}]>(x)
  y = Add(x, r)
}}"""


def findings_of(network: str, folder: Path) -> tuple[Finding, ...]:
    return found(Example("", True, [], network, {}), folder)


def test_nodes_of_one_name_are_two_findings(tmp_path: Path) -> None:
    random = [one for one in findings_of(TWINS, tmp_path) if one.code == "SL403"]
    assert len({fingerprint(one) for one in random}) == 2


def test_a_finding_of_a_note_is_known_by_its_axes(tmp_path: Path) -> None:
    known = {}
    for axes in ("2", "3", "2, 3"):
        whole = [
            one for one in findings_of(ALONG.format(axes=axes), tmp_path) if one.code == "SL401"
        ]
        known[axes] = {fingerprint(one) for one in whole}
        assert len(whole) == 1
    assert len(set.union(*known.values())) == 3


def test_two_descriptions_are_two_findings(tmp_path: Path) -> None:
    example = next(one for one in BAD if one.code == "SL605")
    (text,) = example.files.values()
    files = {"rdf.yaml": text, "bioimageio.yaml": text}
    both = found(Example("SL605", True, [], example.network, files), tmp_path)
    assert len({fingerprint(one) for one in both if one.code == "SL605"}) == 2


def test_an_unreadable_file_is_known_by_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hi")
    (tmp_path / "empty.onnx").write_bytes(b"")
    names = ["text.onnx", "empty.onnx", "missing.onnx"]
    files = check_all([str(tmp_path / name) for name in names], Configuration(), {})
    assert len({fingerprint(one) for file in files for one in file.findings}) == 3
