"""A baseline leaves out what it knows, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shiftlint.errors import InputError
from shiftlint.linting.baseline import read_baseline, without_known, write_baseline
from shiftlint.linting.check import Checked
from shiftlint.rules.finding import Finding, Level, fingerprint

KNOWN = Finding("SL301", Level.ERROR, "tile: expected 16, got 9.", node="conv")
CHANGED = Finding("SL301", Level.ERROR, "tile: expected 16, got 10.", node="conv")
ELSEWHERE = Finding("SL301", Level.ERROR, KNOWN.message, node="pool")


def checked(path: Path, *findings: Finding) -> Checked:
    return Checked(str(path), None, None, findings)


@pytest.mark.parametrize(
    ("file", "finding", "hidden"),
    [("a.onnx", KNOWN, 1), ("a.onnx", CHANGED, 0), ("a.onnx", ELSEWHERE, 0), ("b.onnx", KNOWN, 0)],
)
def test_only_the_same_finding_is_known(file: str, finding: Finding, hidden: int, tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    assert write_baseline(baseline, [checked(tmp_path / "a.onnx", KNOWN)]) == 1
    kept, count = without_known([checked(tmp_path / file, finding)], baseline)
    assert count == hidden
    assert kept[0].findings == (() if hidden else (finding,))


def test_files_are_named_from_the_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = tmp_path / "known.json"
    write_baseline(baseline, [checked(tmp_path / "models" / "a.onnx", KNOWN)])
    assert json.loads(baseline.read_text())["findings"][0]["file"] == "models/a.onnx"
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")
    assert without_known([checked(Path("a.onnx"), KNOWN)], Path("../known.json"))[1] == 1


def test_level_and_advice_do_not_count() -> None:
    assert fingerprint(KNOWN) == fingerprint(Finding("SL301", Level.INFO, KNOWN.message, "Do this.", "conv"))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema_version": 2, "findings": []}', '{"schema_version": 1, "findings": [{}]}', "\xff"]
)
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="no baseline"):
        read_baseline(path)


def test_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--write-baseline"):
        read_baseline(tmp_path / "known.json")
