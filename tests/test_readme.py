"""The pages: flags exist, README's commands print the shown output, paths in tables exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from shiftlint.linting.settings import find_configuration
from tests import pages

ROOT = pages.ROOT
README = pages.text_of("README.md")
COMMANDS = [
    one
    for name in pages.NAMES
    for block in pages.blocks(pages.text_of(name))
    for one in pages.commands(block)
]
SHOWN = [one for block in pages.blocks(README) for one in pages.commands(block) if one.output]
TABLES = [name for name in pages.NAMES if "## Where to change what" in pages.text_of(name)]
LINKS = [
    (name, link)
    for name in (*pages.NAMES, ".github/CONTRIBUTING.md")
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", pages.text_of(name))
]


def _run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"from {arguments[0]}.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the zoo and an image, as in the examples."""
    (tmp_path / "zoo").symlink_to(ROOT / "zoo")
    shutil.copy(ROOT / "zoo/samples/nuclei.tif", tmp_path / "image.tif")
    return tmp_path


def test_there_are_examples() -> None:
    assert len(COMMANDS) > 40
    assert len(SHOWN) == 3
    assert len(TABLES) == 5


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.text)
def test_the_output_is_what_the_command_prints(shown: pages.Command, clone: Path) -> None:
    done = _run(shlex.split(shown.text), clone)
    assert pages.agrees(shown.output, done.stdout + done.stderr), done.stdout + done.stderr


def test_python_runs_as_it_is_shown(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    (block,) = [block for block in pages.blocks(README) if block.kind == "python"]
    names: dict[str, Any] = {"image": np.random.default_rng(0).normal(size=(100, 120))}
    exec(block.text, names)
    assert names["labels"].shape == (100, 120)
    assert names["labels"].dtype == np.int32
    assert names["outputs"]["embedding"].shape == (8, 100, 120)


@pytest.mark.parametrize("tool", ["shiftlint", "shiftrun", "shiftzoo"])
def test_every_flag_exists(tool: str, tmp_path: Path) -> None:
    used: dict[str, set[str]] = {}
    for words in (shlex.split(one.text) for one in COMMANDS):
        if words[0] == tool:
            used.setdefault(words[1], set()).update(
                found[0] for word in words if (found := re.match(r"--?[a-z][a-z-]*", word))
            )
    assert used
    for command, flags in used.items():
        known = set(
            re.findall(r"--?[a-z][a-z-]*", _run([tool, command, "--help"], tmp_path).stdout)
        )
        assert flags <= known, command


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    tables = re.findall(
        r"^```toml\n(.*?)^```", pages.text_of("shiftlint/README.md"), re.MULTILINE | re.DOTALL
    )
    (found,) = [text for text in tables if "[tool.shiftlint]" in text]
    (tmp_path / "pyproject.toml").write_text(found)
    assert find_configuration(tmp_path).settings(
        str(tmp_path / "models/a_3d.onnx"), {}
    ).wish.tile == (64, 128, 128)


@pytest.mark.parametrize("page", TABLES)
def test_every_path_is_there(page: str) -> None:
    (table,) = pages.sections(pages.text_of(page), "Where to change what")
    for row in (line for line in table.splitlines() if line.startswith("|")):
        folder = ROOT
        for name in re.findall(r"`([\w./]+(?:/|\.py))`", row):
            path = ROOT / name if (ROOT / name).exists() else folder / name
            assert path.exists(), name
            folder = path.parent if path.is_file() else path


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    name, _, heading = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    assert target.exists()
    if heading:
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {
            re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings
        }


TOOL = re.compile(r"(?:[A-Z_]+=\S+ )*(shiftlint|shiftrun|shiftzoo) ")


def examples_of(command: click.Command) -> list[str]:
    _, mark, block = (command.help or "").partition("\b\n")
    lines = block.split("\n\n")[0].splitlines() if mark else []
    return [line.strip() for line in lines if line.strip() and not line.strip().endswith(":")]


@pytest.mark.parametrize("tool", ["shiftlint", "shiftrun", "shiftzoo"])
def test_examples_of_help_are_on_lines_of_their_own(tool: str) -> None:
    group = import_module(f"{tool}.cli").cli
    examples = [line for one in (group, *group.commands.values()) for line in examples_of(one)]
    assert examples
    for line in examples:
        assert TOOL.match(line), line
        assert len(TOOL.findall(line)) == 1, line


def test_commands_of_cards_exist() -> None:
    cards = sorted((ROOT / "zoo" / "cards").glob("*.toml"))
    text = "\n".join(card.read_text(encoding="utf-8") for card in cards)
    modules = set(re.findall(r"python -m (shift[\w.]+)", text))
    assert modules
    for name in modules:
        assert find_spec(name) is not None, name
