"""The contributors' pages: worked examples run, rooms match the code, no license is missing."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import pages

PROJECT = tomllib.loads(pages.text_of("pyproject.toml"))
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
LAYERS = {
    (*contract.get("containers", ()),): contract["layers"]
    for contract in CONTRACTS
    if contract["type"] == "layers"
}
COPIED = ("pyproject.toml", "shiftlint", "runtime", "zoo", "schemas", "tests/shiftlint/rules")
UNUSED = shutil.ignore_patterns("__pycache__")
EXAMPLES = [
    (name, part.splitlines()[0], part)
    for name in pages.NAMES
    for part in pages.sections(pages.text_of(name), "Add ")
]
PAGES_WITH_EXAMPLES = list(dict.fromkeys(name for name, _, _ in EXAMPLES))


def test_what_is_often_added_has_an_example() -> None:
    titles = {title for _, title, _ in EXAMPLES}
    wanted = {"an operator", "a rule", "an output format", "a label format", "a model", "a schema"}
    assert titles == {f"Add {one}" for one in wanted}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A writable checkout."""
    for name in COPIED:
        if (pages.ROOT / name).is_dir():
            shutil.copytree(pages.ROOT / name, tmp_path / name, ignore=UNUSED)
        else:
            shutil.copy(pages.ROOT / name, tmp_path / name)
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page on the packages of a copy; `> FILE` at its end takes what it
    prints.
    """
    words, _, target = command.partition(" > ")
    name, *arguments = shlex.split(words)
    start = {
        "python": [sys.executable],
        "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
    }.get(name, [sys.executable, "-c", f"from {name}.cli import main; main()"])
    places = os.pathsep.join(str(folder / place) for place in (".", "runtime", "zoo", "schemas"))
    environment = os.environ | {"PYTHONPATH": places, "COLUMNS": "200"}
    done = subprocess.run(
        [*start, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if target:
        (folder / target.strip()).write_text(done.stdout, encoding="utf-8")
        done.stdout = ""
    return done


def write(block: pages.Block, folder: Path) -> None:
    """Write the file that a block holds, or change the lines of one that a diff names."""
    path = folder / block.file
    if block.kind != "diff":
        path.write_text(block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{block.file}: expected once {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES)
def test_worked_examples_run_as_they_stand(page: str, copy: Path) -> None:
    """One after the other, as a reader of the page would run them."""
    for _, title, part in (example for example in EXAMPLES if example[0] == page):
        ran = 0
        for block in pages.blocks(part):
            if block.file:
                write(block, copy)
            for command in pages.commands(block):
                done = run(command.text, copy)
                said = done.stdout + done.stderr
                assert done.returncode == 0, f"{title}: {command.text}\n{said}"
                if command.output:
                    assert pages.agrees(command.output, said), f"{title}: {command.text}\n{said}"
                ran += 1
        assert ran, f"{title}: nothing to run"


def rooms(page: str, label: str = "rooms") -> list[str]:
    """The first column of a picture: what stands before two spaces."""
    (block,) = [block for block in pages.blocks(pages.text_of(page)) if block.label == label]
    return [re.split(r"\s{2,}", line)[0] for line in block.text.splitlines()]


@pytest.mark.parametrize(
    ("page", "container"),
    [
        ("shiftlint/README.md", ("shiftlint",)),
        ("runtime/README.md", ("shiftrun",)),
        ("zoo/README.md", ("shiftzoo",)),
        (".github/CONTRIBUTING.md", ()),
    ],
)
def test_the_rooms_are_the_layers_that_are_held(page: str, container: tuple[str, ...]) -> None:
    assert rooms(page) == LAYERS[container]


def test_the_rooms_of_the_tests_and_the_schemas_are_there() -> None:
    folders = {
        path.name
        for path in (pages.ROOT / "tests").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert set(rooms("tests/README.md")) == folders
    schemas = (pages.ROOT / "schemas/shiftschemas").glob("*.schema.json")
    assert set(rooms("schemas/README.md", "schemas")) == {
        path.name.removesuffix(".schema.json") for path in schemas
    }


def test_every_dependency_has_its_license() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    declared = [
        *PROJECT["project"]["dependencies"],
        *(one for extra in extras.values() for one in extra),
    ]
    names = {re.split(r"[^\w-]", one)[0] for one in declared} - {PROJECT["project"]["name"]}
    (section,) = pages.sections(pages.text_of("runtime/README.md"), "Licenses")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if line.startswith("|")
    ][2:]
    assert {row[0] for row in rows} == names
    assert all(all(row) for row in rows)


def test_an_ellipsis_stands_for_lines_and_for_beginnings() -> None:
    assert pages.agrees("a\n…\nd\n", "a\nb\nc\nd\n")
    assert pages.agrees("…/x: written\n", "/tmp/x: written\n")
    assert not pages.agrees("a\n…\nd\n", "a\nb\nc\ne\n")
    assert not pages.agrees("a\n", "a\nb\n")
