from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.shared import SHARED
from tests.shiftzoo import tiny

MODEL = Path("zoo/dsb2018.onnx")


def shiftzoo(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from shiftzoo.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_train_export_evaluate(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")
    (tmp_path / "tiny.toml").write_text(tiny.RECIPE)
    tiny.write_archive(tmp_path / "train.npz", tiny.disks())
    run, model = tmp_path / "run", tmp_path / "tiny.onnx"
    for arguments in (
        ("train", tmp_path / "tiny.toml", "--data", tmp_path, "--out", run, "--device", "cpu"),
        ("export", run, "-o", model),
    ):
        result = shiftzoo(*arguments)
        assert result.returncode == 0, result.stderr
    again = shiftzoo("export", run, "-o", model)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)

    result = shiftzoo(
        "evaluate",
        model,
        tmp_path,
        "--split",
        "train",
        "--tile",
        "4",
        "--tile",
        "5",
        "--output-format",
        "json",
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["images"] == 3
    assert [one["exact"] for one in found["evaluations"]] == [True, False]
    assert all(one["true"] == 12 for one in found["evaluations"])


def test_unsafe_recipe_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")
    (tmp_path / "tiny.toml").write_text(tiny.RECIPE.replace("window = [4, 4]", "window = [2, 2]"))
    result = shiftzoo("train", tmp_path / "tiny.toml", "--data", tmp_path / "nothing")
    assert result.returncode == 2
    assert "rule SL101" in result.stderr
    assert result.stderr.count("\n") == 1


def test_evaluate_names_what_is_missing(tmp_path: Path) -> None:
    result = shiftzoo("evaluate", tmp_path / "none.onnx", tmp_path)
    assert (result.returncode, "no such model" in result.stderr) == (2, True)


@pytest.mark.shared("data/dsb2018/val.npz")
def test_shipped_model_finds_nuclei() -> None:
    result = shiftzoo(
        "evaluate", MODEL, SHARED / "data" / "dsb2018", "--limit", "6", "--output-format", "json"
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["evaluations"][0]["ap"]["0.5"] > 0.5


def test_sample_image() -> None:
    from shiftrun.files.reading.images import read_pixels

    sample = read_pixels(Path("zoo/samples/nuclei.tif"))
    assert sample.shape == (256, 256)
    assert sample.dtype == np.dtype(np.uint16)


def test_render(tmp_path: Path) -> None:
    out = tmp_path / "disks.npz"
    result = shiftzoo("render", "disks", "--count", 2, "--seed", 7, "-o", out)
    assert (result.returncode, "2 images" in result.stdout) == (0, True), result.stderr
    again = shiftzoo("render", "disks", "-o", out)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    wrong = shiftzoo("render", "disks", "-o", tmp_path / "disks.tif")
    assert (wrong.returncode, "ending in .npz" in wrong.stderr) == (2, True)


def test_from_and_resume_exclude_each_other(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")
    result = shiftzoo("train", "r.toml", "--data", tmp_path, "--resume", "--from", MODEL)
    assert (result.returncode, "expected one of them" in result.stderr) == (2, True)
