"""Every rule's manual is executed: its bad example fires the rule, its good one does not."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from shiftlint.cli import cli
from shiftlint.rules import Level, modules


@dataclass(frozen=True)
class Example:
    """One example of a manual: the rule, whether it must fire, the options, the network."""

    code: str
    bad: bool
    options: list[str]
    network: str
    files: dict[str, str]


BLOCK = r"(?:\n|    .*\n?)*"  # indented lines


def examples(manual: str, code: str) -> list[Example]:
    found: list[Example] = []
    network = ""
    for match in re.finditer(rf"^(Bad|Good):(.*)\n({BLOCK})", manual, re.MULTILINE):
        network = textwrap.dedent(match[3]).strip() or network
        rest = manual[match.end() :].split("\nBad:")[0].split("\nGood:")[0]
        files = {name: textwrap.dedent(text).strip() for name, text in re.findall(rf"^File (\S+):\n({BLOCK})", rest, re.MULTILINE)}
        found.append(Example(code, match[1] == "Bad", shlex.split(match[2]), network, files))
    return found


ALL = [example for code, module in modules().items() for example in examples(module.__doc__ or "", code)]


def findings(example: Example, folder: Path) -> set[str]:
    path = folder / "example.onnx"
    try:
        path.write_bytes(onnx.parser.parse_model(example.network).SerializeToString())
    except onnx.parser.ParseError:
        path.write_text(example.network)
    for name, text in example.files.items():
        (folder / name).write_text(text)
    result = CliRunner().invoke(cli, ["check", str(path), *example.options], standalone_mode=False)
    assert result.exception is None, result.exception
    return set(re.findall(r"^  (SL\d{3}) ", result.output, re.MULTILINE))


@pytest.mark.parametrize("example", ALL, ids=lambda e: f"{e.code}-{'bad' if e.bad else 'good'}")
def test_example(example: Example, tmp_path: Path) -> None:
    assert (example.code in findings(example, tmp_path)) == example.bad


@pytest.mark.parametrize("code", modules())
def test_catalog(code: str) -> None:
    module = modules()[code]
    manual = module.__doc__ or ""
    assert module.__name__.rsplit(".", 1)[1].startswith(f"{code.lower()}_")
    assert isinstance(module.LEVEL, Level)
    assert manual.startswith(f"{code} · {module.TITLE}.\n")
    assert "\nDo: " in manual
    assert {example.bad for example in examples(manual, code)} == {True, False}


@pytest.mark.parametrize("code", modules())
def test_bad_example_fails_without_the_rule(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules()[code], "check", lambda case: ())
    for example in examples(modules()[code].__doc__ or "", code):
        assert code not in findings(example, tmp_path)
