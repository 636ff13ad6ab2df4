from __future__ import annotations

import pickle

import click
import pytest

from shiftlint.console.exit_codes import run
from shiftlint.errors import InputError
from shiftschemas import SchemaError


def ending(error: BaseException | None, result: int | None = None) -> int:
    @click.command()
    def command() -> int | None:
        if error is not None:
            raise error
        return result

    with pytest.raises(SystemExit) as caught:
        run(command, "shiftlint")
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["shiftlint"])


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (None, 0, 0),
        (InputError("no such file (x): expected one."), 2, 1),
        (SchemaError("breaks the schema."), 2, 1),
        (click.BadParameter("expected a number"), 2, 4),
        (MemoryError("8 GB for an array"), 2, 1),
        (OSError(36, "File name too long", "a.tif"), 2, 1),
        (OSError(28, "No space left on device"), 2, 1),
        (KeyboardInterrupt(), 130, 1),
    ],
    ids=["done", "input", "schema", "usage", "memory", "name", "disk", "ctrl-c"],
)
def test_exit_codes(
    error: BaseException | None, code: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == code
    shown = capsys.readouterr().err.strip()
    assert len(shown.splitlines()) <= lines
    assert "Traceback" not in shown


def test_findings_are_the_return_value() -> None:
    assert ending(None, 1) == 1


@pytest.mark.parametrize("error", [RuntimeError("a defect"), OSError("a defect")])
def test_internal_error_asks_for_a_report(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == 3
    shown = capsys.readouterr().err
    assert f"{type(error).__name__}: a defect" in shown
    assert "Please report it" in shown


def test_code_of_an_error() -> None:
    assert InputError("not a model", code="SL001").code == "SL001"
    assert str(InputError("not a model", code="SL001")) == "SL001 not a model"
    assert pickle.loads(pickle.dumps(InputError("not a model", code="SL001"))).code == "SL001"
    assert InputError("not a model").code is None
