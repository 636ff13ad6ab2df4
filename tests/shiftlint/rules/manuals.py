"""The examples of the rules' manuals."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import onnx

from shiftlint.rules.catalog import modules

BLOCK = r"(?:\n|    .*\n?)*"  # indented lines


@dataclass(frozen=True)
class Example:
    """One example of a manual: the rule, whether it must fire, the options, the network."""

    code: str
    bad: bool
    options: list[str]
    network: str
    files: dict[str, str]


def examples(manual: str, code: str) -> list[Example]:
    found: list[Example] = []
    network = ""
    for match in re.finditer(rf"^(Bad|Good):(.*)\n({BLOCK})", manual, re.MULTILINE):
        network = textwrap.dedent(match[3]).strip() or network
        rest = manual[match.end() :].split("\nBad:")[0].split("\nGood:")[0]
        files = {
            name: textwrap.dedent(text).strip()
            for name, text in re.findall(rf"^File (\S+):\n({BLOCK})", rest, re.MULTILINE)
        }
        found.append(Example(code, match[1] == "Bad", shlex.split(match[2]), network, files))
    return found


def examples_of(code: str) -> list[Example]:
    return examples(modules()[code].__doc__ or "", code)


def save(example: Example, folder: Path) -> Path:
    """The network of an example as a file, with the files beside it."""
    path = folder / "example.onnx"
    try:
        path.write_bytes(onnx.parser.parse_model(example.network).SerializeToString())
    except onnx.parser.ParseError:
        path.write_text(example.network)
    for name, text in example.files.items():
        (folder / name).write_text(text)
    return path
