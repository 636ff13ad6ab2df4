"""Settings: command line over per-model tables over [tool.shiftlint]; bad keys are refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from shiftlint.errors import InputError
from shiftlint.linting.settings import Configuration, Settings, find_configuration
from shiftlint.rules.case import Wish
from shiftlint.rules.finding import Finding, Level
from shiftschemas import load


@pytest.mark.parametrize(
    ("select", "ignore", "code", "wanted"),
    [
        ((), (), "SL301", True),
        ((), ("SL3",), "SL301", False),
        ((), ("SL3",), "SL201", True),
        (("SL3",), (), "SL301", True),
        (("SL3",), (), "SL201", False),
        (("SL3",), ("SL301",), "SL301", False),
        (("SL3",), ("SL301",), "SL304", True),
        (("SL301",), ("SL3",), "SL301", True),
        (("SL301",), ("SL3",), "SL304", False),
        (("SL3",), ("SL3",), "SL301", False),
    ],
)
def test_longest_code_decides(
    select: tuple[str, ...], ignore: tuple[str, ...], code: str, wanted: bool
) -> None:
    assert Settings(select=select, ignore=ignore).wants(code) == wanted


def test_severity_by_the_longest_code() -> None:
    settings = Settings(severity={"SL1": Level.INFO, "SL104": Level.ERROR})
    found = settings.apply(
        [Finding(code, Level.WARNING, "") for code in ("SL104", "SL105", "SL201")]
    )
    assert [f.level for f in found] == [Level.ERROR, Level.INFO, Level.WARNING]


CONFIGURATION = """
[tool.shiftlint]
ignore = ["SL604"]
tile = 64
fail-on = "warning"

[tool.shiftlint.per-model."models/*_3d.onnx"]
tile = [16, 32, 32]

[tool.shiftlint.per-model."models/*"]
halo = 8
"""


def test_command_line_over_model_over_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    configuration = find_configuration(deep)
    assert configuration.folder == tmp_path
    plain = configuration.settings(str(tmp_path / "other.onnx"), {"ignore": None})
    assert (plain.wish.tile, plain.wish.halo, plain.ignore) == ((64,), None, ("SL604",))
    model = configuration.settings(
        str(tmp_path / "models" / "cells_3d.onnx"), {"ignore": ["SL1"], "tile": None}
    )
    assert (model.wish.tile, model.wish.halo, model.ignore) == ((16, 32, 32), (8,), ("SL1",))
    assert configuration.settings(
        str(tmp_path / "models" / "cells_3d.onnx"), {"tile": (8,)}
    ).wish.tile == (8,)


def test_nearest_table_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.shiftlint]\ntile = 64\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    assert find_configuration(inner).table == {"tile": 64}
    (inner / "pyproject.toml").write_text("[tool.shiftlint]\n")
    assert find_configuration(inner).table == {}


SPELLINGS = (
    *(
        "[tool.shiftlint]\ntile = 64",
        "[ tool . 'shiftlint' ]\ntile = 64",
        "tool.shiftlint.tile = 64",
        "tool.shiftlint = { tile = 64 }",
    ),
    *(
        "[tool]\nshiftlint.tile = 64",
        ' [ "tool" ]\nshiftlint = { tile = 64 }',
        "tool = { shiftlint = { tile = 64 } }",
    ),
    *('"tool"."shiftlint".tile = 64', "['tool'.shiftlint]\ntile = 64"),
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_the_table_is_found_however_it_is_spelled(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"title = 'tools'\n{text}\n")
    assert find_configuration(tmp_path).table == {"tile": 64}


@pytest.mark.parametrize(
    ("text", "place", "expected", "got"),
    [
        ("tyle = 64", "tyle", "one of baseline, fail-on, halo,", "'tyle'"),
        ("tile = 0", "tile", "an integer of at least 1, or a list of up to three", "0"),
        ("tile = true", "tile", "an integer of at least 1, or a list of up to three", "True"),
        ("tile = '64,64'", "tile", "an integer of at least 1, or a list of up to three", "'64,64'"),
        (
            "tile = [1, 2, 3, 4]",
            "tile",
            "an integer of at least 1, or a list of up to three",
            "[1, 2, 3, 4]",
        ),
        ("tile = [64, 0]", "tile", "an integer of at least 1, or a list of up to three", "[64, 0]"),
        ("tile = []", "tile", "an integer of at least 1, or a list of up to three", "[]"),
        ("select = 'SL1'", "select", "a list of codes", "'SL1'"),
        ("ignore = ['SL1', 2]", "ignore[1]", 'a code or a prefix, such as "SL301" or "SL3"', "2"),
        ("fail-on = 'never'", "fail-on", "error, warning, info", "'never'"),
        ("verify = 1", "verify", "true or false", "1"),
        ("objects = 0", "objects", "an integer of at least 1", "0"),
        ("input = 3", "input", "text", "3"),
        ("severity = 'error'", "severity", 'a table such as {SL104 = "error"}', "'error'"),
        ("severity.SL1 = 'bad'", "severity.SL1", "error, warning, info", "'bad'"),
        ("per-model = 3", "per-model", "a table of globs", "3"),
        ("per-model.a = 3", "per-model.a", "a table of options", "3"),
        (
            "per-model.'*'.baseline = 'x'",
            'per-model."*".baseline',
            "one of halo, ignore,",
            "'baseline'",
        ),
        (
            "per-model.'m/*'.halo = -1",
            'per-model."m/*".halo',
            "an integer of at least 0, or a list of up to three",
            "-1",
        ),
    ],
)
def test_the_message_names_file_key_expected_and_got(
    text: str, place: str, expected: str, got: str, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.shiftlint]\n{text}\n")
    with pytest.raises(InputError) as error:
        find_configuration(tmp_path)
    said = str(error.value)
    assert "\n" not in said
    assert f" ({tmp_path / 'pyproject.toml'}, tool.shiftlint.{place}): expected {expected}" in said
    assert said.endswith(f", got {got}. Correct or remove it.")


def test_whole_numbers_are_integers(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.shiftlint]\ntile = 64.0\nhalo = [8.0, 9]\nobjects = 2.0\n"
    )
    wish = find_configuration(tmp_path).settings("model.onnx", {}).wish
    assert [(n, type(n)) for n in (*(wish.tile or ()), *(wish.halo or ()), wish.objects)] == [
        (n, int) for n in (64, 8, 9, 2)
    ]


def test_the_schema_has_the_options() -> None:
    """Sizes are those of a wish, levels those of a finding, and per model all that is not said once
    for a run.
    """
    schema = load("settings")
    whole, model = set(schema["properties"]), set(schema["$defs"]["model"]["properties"])
    assert {f.name.replace("_", "-") for f in fields(Wish)} <= model
    assert whole - model == {"fail-on", "baseline", "per-model"}
    assert model <= whole
    assert schema["$defs"]["level"]["enum"] == list(Level)
    assert schema["$defs"]["level"]["description"] == ", ".join(Level)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.shiftlint", "expected TOML"),
        ("[tool.shiftlint]\ntyle = 64", "unknown key"),
        ("[tool.shiftlint]\ntile = 0", "tile"),
        ("[tool.shiftlint]\ntile = true", "tile"),
        ("[tool.shiftlint]\ntile = [1, 2, 3, 4]", "tile"),
        ("[tool.shiftlint]\nselect = 'SL1'", "a list of codes"),
        ("[tool.shiftlint]\nfail-on = 'never'", "fail-on"),
        ("[tool.shiftlint]\nverify = 1", "true or false"),
        ("[tool.shiftlint]\nobjects = 0", "objects"),
        ("[tool.shiftlint]\ninput = 3", "text"),
        ("[tool.shiftlint]\nseverity = 'error'", "a table"),
        ("[tool]\nshiftlint = 3", "a table"),
        ("[tool.shiftlint]\nper-model = 3", "per-model"),
        ("[tool.shiftlint.per-model.'*']\nbaseline = 'x'", "per-model"),
        ("[tool.shiftlint.per-model.'*']\nhalo = -1", "halo"),
    ],
)
def test_wrong_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        find_configuration(tmp_path)
    assert "pyproject.toml" in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("select", ["SL9X"]),
        ("ignore", ["X"]),
        ("severity", {"SL3": "bad"}),
        ("severity", {"Q": "info"}),
    ],
)
def test_wrong_codes_are_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        Configuration().settings("model.onnx", {key: value})
