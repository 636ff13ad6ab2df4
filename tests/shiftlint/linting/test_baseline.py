"""A baseline suppresses exactly the findings that it lists."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copy, copytree

import pytest
from click.testing import CliRunner, Result

from shiftlint.cli import cli
from shiftlint.errors import InputError
from shiftlint.linting.baseline import read_baseline, without_known, write_baseline
from shiftlint.linting.check import Checked, check_all
from shiftlint.linting.settings import Configuration
from shiftlint.rules.finding import Finding, Level, fingerprint

KNOWN = Finding(
    "SL301", Level.ERROR, "tile: expected 16, got 9.", node="conv", axis="y", fact=(("tile", 9),)
)
REWORDED = replace(
    KNOWN, message="tiles of 9 px are no multiple of 16.", advice="Do this.", level=Level.INFO
)
CHANGED = replace(KNOWN, fact=(("tile", 10),))
ELSEWHERE = replace(KNOWN, node="pool")
ALONG_X = replace(KNOWN, axis="x")
ANOTHER_OUTPUT = replace(KNOWN, tensor="mask")
DATA = Path(__file__).parents[2] / "data"
OPTIONS = ["--train-window", "20", "--tile", "148", "--halo", "8"]


def checked(path: Path, *findings: Finding) -> Checked:
    return Checked(str(path), None, None, findings)


@pytest.mark.parametrize(
    ("file", "finding", "hidden"),
    [
        ("a.onnx", KNOWN, 1),
        ("a.onnx", REWORDED, 1),
        ("a.onnx", CHANGED, 0),
        ("a.onnx", ELSEWHERE, 0),
        ("a.onnx", ALONG_X, 0),
        ("a.onnx", ANOTHER_OUTPUT, 0),
        ("b.onnx", KNOWN, 0),
    ],
)
def test_only_the_same_finding_is_known(
    file: str, finding: Finding, hidden: int, tmp_path: Path
) -> None:
    baseline = tmp_path / "known.json"
    assert write_baseline(baseline, [checked(tmp_path / "a.onnx", KNOWN)]) == 1
    left = without_known([checked(tmp_path / file, finding)], baseline)
    assert left.count == hidden
    assert left.files[0].findings == (() if hidden else (finding,))


def test_files_are_named_from_the_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = tmp_path / "known.json"
    write_baseline(baseline, [checked(tmp_path / "models" / "a.onnx", KNOWN)])
    assert json.loads(baseline.read_text())["findings"][0]["file"] == "models/a.onnx"
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")
    assert without_known([checked(Path("a.onnx"), KNOWN)], Path("../known.json")).count == 1


def old_baseline(folder: Path) -> tuple[Path, list[str]]:
    """A baseline of version 1, written with hashes of messages that have changed since, beside its
    networks.
    """
    copytree(DATA / "networks", folder / "networks")
    copy(DATA / "baseline_1.json", folder)
    return folder / "baseline_1.json", sorted(
        str(path) for path in (folder / "networks").glob("*.onnx")
    )


def run(files: list[str], baseline: Path) -> Result:
    return CliRunner().invoke(cli, ["check", *files, *OPTIONS, "--baseline", str(baseline)])


def test_a_baseline_of_version_1_is_read_and_rewritten(tmp_path: Path) -> None:
    baseline, files = old_baseline(tmp_path)
    count = len(json.loads(baseline.read_text())["findings"])
    first = run(files, baseline)
    assert (
        first.exit_code,
        f"hidden: {count} " in first.stderr,
        "rewritten" in first.stderr,
    ) == (0, True, True)
    assert not any(row.old for row in read_baseline(baseline))
    second = run(files, baseline)
    assert (
        second.exit_code,
        f"hidden: {count} " in second.stderr,
        "rewritten" in second.stderr,
    ) == (0, True, False)


def test_a_baseline_of_version_1_hides_no_more_than_it_lists(tmp_path: Path) -> None:
    baseline, files = old_baseline(tmp_path)
    document = json.loads(baseline.read_text())
    gone = next(row for row in document["findings"] if row["code"] == "SL201")
    document["findings"].remove(gone)
    baseline.write_text(json.dumps(document))
    result = run(files, baseline)
    assert [line for line in result.stdout.splitlines() if " SL201 " in line] != []


def test_old_rows_stay_until_their_findings_occur(tmp_path: Path) -> None:
    """A check of fewer files, rules or sizes drops nothing that a full one knows."""
    baseline, files = old_baseline(tmp_path)
    count = len(read_baseline(baseline))
    for options in (["--select", "SL1"], ["--ignore", "SL2"]):
        arguments = ["check", *files[:3], *OPTIONS, *options, "--baseline", str(baseline)]
        assert CliRunner().invoke(cli, arguments).exit_code == 0
        assert len(read_baseline(baseline)) == count
    result = run(files, baseline)
    assert (result.exit_code, f"hidden: {count} " in result.stderr) == (0, True)


def test_other_sizes_are_new_findings(tmp_path: Path) -> None:
    """An old row of a rule with the same wording stands for its own message alone."""
    baseline, files = old_baseline(tmp_path)
    arguments = ["check", *files, "--tile", "149", "--baseline", str(baseline)]
    assert " SL301 " in CliRunner().invoke(cli, arguments).stdout


def test_a_baseline_that_cannot_be_rewritten_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline, files = old_baseline(tmp_path)
    before = baseline.read_bytes()

    def refuse(path: Path, data: bytes) -> None:
        raise InputError(f"cannot write ({path})")

    monkeypatch.setattr("shiftlint.linting.baseline.write_atomically", refuse)
    result = run(files, baseline)
    assert (result.exit_code, "still of an old version" in result.stderr) == (0, True)
    assert baseline.read_bytes() == before


def test_what_is_not_analyzed_stays_known_by_its_former_code(tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    row = {"file": "a.onnx", "code": "SL002", "node": "pick", "hash": "0" * 16}
    baseline.write_text(json.dumps({"schema_version": 1, "findings": [row]}))
    now = Finding("SL003", Level.ERROR, "an index that is computed from the image.", node="pick")
    assert without_known([checked(tmp_path / "a.onnx", now)], baseline).count == 1


def test_words_change_no_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reasons of notes, the claims that are measured and what sizes say are called."""

    def known() -> list[str]:
        files = check_all(map(str, sorted((DATA / "networks").glob("*.onnx"))), Configuration(), {})
        return [fingerprint(finding) for file in files for finding in file.findings]

    def messages() -> list[str]:
        files = check_all(map(str, sorted((DATA / "networks").glob("*.onnx"))), Configuration(), {})
        return [finding.message for file in files for finding in file.findings]

    before, said = known(), messages()
    monkeypatch.setattr(
        "shiftlint.calculus.note.text_of", lambda reason, facts: f"{reason.name} in other words"
    )
    monkeypatch.setattr("shiftlint.analysis.causes.predicate", lambda *_: "computes another thing")
    assert messages() != said
    assert known() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema_version": 3, "findings": []}',
        '{"schema_version": 1, "findings": [{}]}',
        "\xff",
    ],
)
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="not a baseline"):
        read_baseline(path)


def test_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--write-baseline"):
        read_baseline(tmp_path / "known.json")
