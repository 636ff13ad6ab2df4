"""`shiftzoo reproduce`: counts and pictures of the paper's figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from shiftlint.errors import InputError
from shiftzoo.cli import cli
from shiftzoo.experiments import reproduce as figures
from shiftzoo.experiments.outcome import Outcome
from shiftzoo.experiments.paper import figure5 as constant_image

PICTURES = {
    "figure2",
    "figure4",
    "figure5",
    "supplementary2",
    "supplementary3",
    "lemma1",
    "figure4d",
}


PAGE_PATH = Path(figures.__file__).with_name("README.md")
PAGE = PAGE_PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize("figure", figures.FIGURES)
def test_every_count_is_that_of_the_paper(figure: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["reproduce", figure, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "NOT" not in result.output
    counted = json.loads((tmp_path / f"{figure}.json").read_text())
    assert counted
    assert all(one["holds"] for one in counted)
    assert (tmp_path / f"{figure}.png").is_file() == (figure in PICTURES)
    if figure != "figure4d":  # its network may be trained anew
        missing = {
            one["statement"]: one["found"]
            for one in counted
            if f"{int(one['found']):,}" not in PAGE
        }
        assert not missing, "counts that the page does not show"
    if figure in PICTURES:
        with Image.open(tmp_path / f"{figure}.png") as picture:
            assert min(picture.size) > 300


def test_a_count_that_is_not_that_of_the_paper_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        constant_image, "run", lambda out: [Outcome("values in a block", "256", 255, holds=False)]
    )
    result = CliRunner().invoke(cli, ["reproduce", "figure5", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "255 (NOT as expected: 256)" in result.output


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*file/figures"):
        figures.reproduce("section5", tmp_path / "file" / "figures")


def test_the_page_shows_every_picture_and_every_experiment() -> None:
    assert set(re.findall(r"\]\(pictures/(\w+)\.png\)", PAGE)) == PICTURES
    assert {path.stem for path in (PAGE_PATH.parent / "pictures").iterdir()} == PICTURES
    assert set(re.findall(r"^### .* · `(\w+)`$", PAGE, re.MULTILINE)) == set(figures.FIGURES)
