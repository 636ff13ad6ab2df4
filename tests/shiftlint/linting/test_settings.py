"""Settings: the command line over per-model tables over [tool.shiftlint]; what is misspelled is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiftlint.errors import InputError
from shiftlint.linting.settings import Configuration, Settings, find_configuration
from shiftlint.rules.finding import Finding, Level


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
def test_longest_code_decides(select: tuple[str, ...], ignore: tuple[str, ...], code: str, wanted: bool) -> None:
    assert Settings(select=select, ignore=ignore).wants(code) == wanted


def test_severity_by_the_longest_code() -> None:
    settings = Settings(severity={"SL1": Level.INFO, "SL104": Level.ERROR})
    found = settings.apply([Finding(code, Level.WARNING, "") for code in ("SL104", "SL105", "SL201")])
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
    model = configuration.settings(str(tmp_path / "models" / "cells_3d.onnx"), {"ignore": ["SL1"], "tile": None})
    assert (model.wish.tile, model.wish.halo, model.ignore) == ((16, 32, 32), (8,), ("SL1",))
    assert configuration.settings(str(tmp_path / "models" / "cells_3d.onnx"), {"tile": (8,)}).wish.tile == (8,)


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
    *("[tool]\nshiftlint.tile = 64", ' [ "tool" ]\nshiftlint = { tile = 64 }', "tool = { shiftlint = { tile = 64 } }"),
    *('"tool"."shiftlint".tile = 64', "['tool'.shiftlint]\ntile = 64"),
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_the_table_is_found_however_it_is_spelled(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"title = 'tools'\n{text}\n")
    assert find_configuration(tmp_path).table == {"tile": 64}


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
    ("key", "value"), [("select", ["SL9X"]), ("ignore", ["X"]), ("severity", {"SL3": "bad"}), ("severity", {"Q": "info"})]
)
def test_wrong_codes_are_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        Configuration().settings("model.onnx", {key: value})
