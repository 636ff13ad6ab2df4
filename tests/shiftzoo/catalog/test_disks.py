"""The small network of the package: by name, without a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnxruntime", reason="running a model needs onnxruntime (the extra [cpu])")

import shiftlint
from shiftrun.cli import cli
from shiftrun.files.reading.images import read_pixels
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, open_model, resolve
from shiftzoo.data.rendered.render import render
from shiftzoo.evaluation.evaluate import evaluate


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTZOO_OFFLINE", "1")
    monkeypatch.setenv("SHIFTZOO_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SHIFTZOO_INDEX", raising=False)


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("disks", device="cpu")


def test_it_is_small_and_carries_its_contract() -> None:
    path = resolve("disks")
    assert path.stat().st_size < 1_000_000
    contract = shiftlint.analyze(path)
    assert shiftlint.read_metadata(path).contract == contract
    assert [axis.period for axis in contract.outputs[0].axes] == [8, 8]


def test_it_finds_disks(model: Model) -> None:
    (found,) = evaluate(model, render("disks", 4, seed=11))
    assert found.total.average_precision(0.5) > 0.6


def test_tiles_equal_the_whole_image(model: Model) -> None:
    image = np.tile(render("disks", 1, seed=12)[0].image, (2, 2))
    whole, tiled = (
        model.predict(image, tile=tile, outputs=INSTANCE_OUTPUTS) for tile in (512, 136)
    )
    for name in INSTANCE_OUTPUTS:
        np.testing.assert_array_equal(tiled[name], whole[name])


def test_segment_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "disks.npy", render("disks", 1, seed=13)[0].image)
    out = tmp_path / "labels.tif"
    result = CliRunner().invoke(
        cli, ["segment", "disks", str(tmp_path / "disks.npy"), "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert read_pixels(out).max() > 5


def test_a_wrong_name_is_told_the_nearest(tmp_path: Path) -> None:
    np.save(tmp_path / "disks.npy", render("disks", 1, seed=13)[0].image)
    result = CliRunner().invoke(
        cli, ["segment", "disk", str(tmp_path / "disks.npy"), "-o", str(tmp_path / "labels.tif")]
    )
    assert result.exit_code != 0
    assert "Did you mean disks?" in str(result.exception)
