"""What README.md shows: every flag exists, every printed line is what the command prints, every path in its table is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shiftlint.linting.settings import find_configuration

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line[2:].split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
SHOWN = [
    (match["command"].split("  #")[0].strip(), match["output"])
    for block in BLOCKS
    for match in re.finditer(r"^\$ (?P<command>[^\n]+)\n(?P<output>(?:(?!\$ )[^\n]*\n)+)", block, re.MULTILINE)
]


def _run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"from {arguments[0]}.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments[1:]], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the zoo and an image, as the examples have it."""
    (tmp_path / "zoo").symlink_to(ROOT / "zoo")
    shutil.copy(ROOT / "zoo/samples/nuclei.tif", tmp_path / "image.tif")
    return tmp_path


def test_there_are_examples() -> None:
    assert len(COMMANDS) > 15
    assert len(SHOWN) == 2


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_output_is_what_the_command_prints(command: str, output: str, clone: Path) -> None:
    done = _run(shlex.split(command), clone)
    assert done.stdout + done.stderr == output


@pytest.mark.parametrize("tool", ["shiftlint", "shiftrun", "shiftzoo"])
def test_every_flag_exists(tool: str, tmp_path: Path) -> None:
    used: dict[str, set[str]] = {}
    for words in map(shlex.split, COMMANDS):
        if words[0] == tool:
            used.setdefault(words[1], set()).update(found[0] for word in words if (found := re.match(r"--?[a-z][a-z-]*", word)))
    assert used
    for command, flags in used.items():
        known = set(re.findall(r"--?[a-z][a-z-]*", _run([tool, command, "--help"], tmp_path).stdout))
        assert flags <= known, command


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    (found,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(found)
    assert find_configuration(tmp_path).settings(str(tmp_path / "models/a_3d.onnx"), {}).wish.tile == (64, 128, 128)


def test_every_path_is_there() -> None:
    table = TEXT[TEXT.index("## Where does it go?") : TEXT.index("## References")]
    for row in (line for line in table.splitlines() if line.startswith("|")):
        folder = ROOT
        for name in re.findall(r"`([\w./]+(?:/|\.py))`", row):
            path = ROOT / name if (ROOT / name).exists() else folder / name
            assert path.exists(), name
            folder = path.parent if path.is_file() else path
