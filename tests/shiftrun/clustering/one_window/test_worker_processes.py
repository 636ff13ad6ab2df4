"""Label windows in separate processes."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.clustering.label_image import label_blocks, label_instances
from shiftrun.clustering.one_window import worker_processes as processes
from shiftrun.clustering.one_window.label_window import Clustering, Foreground, label_window
from shiftrun.clustering.one_window.worker_processes import labeling_processes, process_count, serve
from shiftrun.files.reading.images import read_pixels
from shiftrun.inference.blocks import Block
from shiftrun.tiles.label_grid import GRIDS, Grid, windows_of
from tests.shiftrun.command_line import shiftrun_

GRID = Grid(64, 16, 64)
CLUSTERING = Clustering(bandwidth=1.0, min_size=3, fragment_border=0.85)
ZOO = Path(__file__).parents[4] / "zoo"


def outputs(size: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    cells = (
        random.normal(0, 5, (4, size // 8 + 1, size // 8 + 1))
        .repeat(8, 1)
        .repeat(8, 2)[:, :size, :size]
    )
    return (cells + random.normal(0, 0.1, cells.shape)).astype(np.float32), random.normal(
        1, 1, (size, size)
    ).astype(np.float32)


def labels_by(count: int, embedding: Any, foreground: Any) -> Any:
    block, windows = (
        Block(everything(foreground.shape), embedding, foreground),
        windows_of(foreground.shape, GRID),
    )
    with (
        labeling_processes(count) as labeling,
        label_blocks([block], foreground.shape, CLUSTERING, windows, labeling=labeling) as store,
    ):
        return store.read(everything(foreground.shape))


@pytest.mark.parametrize("count", [1, 3])
def test_labels_are_the_same(count: int) -> None:
    embedding, foreground = outputs(200)
    expected = label_instances(
        embedding, foreground, bandwidth=1.0, min_size=3, fragment_border=0.85, grid=GRID
    )
    assert expected.max() > 100
    np.testing.assert_array_equal(labels_by(count, embedding, foreground), expected)


def test_an_error_of_a_window_is_the_callers() -> None:
    embedding, foreground = outputs(200)
    embedding[0, 150, 150], foreground[150, 150] = np.nan, 1.0
    with pytest.raises(InputError, match="expected finite values, got NaN"):
        labels_by(2, embedding, foreground)


def test_a_process_that_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = processes._start

    def start() -> subprocess.Popen[bytes]:
        started.append(original())
        started[-1].kill()
        return started[-1]

    monkeypatch.setattr(processes, "_start", start)
    with pytest.raises(
        InputError, match=r"clustering process ended \(exit code -9\).* of 64x64 px"
    ):
        labels_by(2, *outputs(200))
    assert [process.returncode for process in started] == [-9, -9]


def test_processes_end_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = processes._start

    def start() -> subprocess.Popen[bytes]:
        started.append(original())
        return started[-1]

    monkeypatch.setattr(processes, "_start", start)
    labels_by(2, *outputs(100))
    assert [process.poll() is not None for process in started] == [True, True]


def test_what_a_process_does() -> None:
    embedding, foreground = outputs(60)
    mask = foreground > 0
    window = Foreground(7, embedding[:, mask], mask)
    tasks = io.BytesIO(
        b"".join(
            pickle.dumps((task, CLUSTERING))
            for task in (window, Foreground(8, window.points[:0], mask))
        )
    )
    answers = io.BytesIO()
    serve(tasks, answers)
    answers.seek(0)
    np.testing.assert_array_equal(pickle.load(answers), label_window(window, CLUSTERING))
    assert isinstance(pickle.load(answers), Exception), "embeddings that do not fit the mask"


def test_a_caller_that_is_gone_is_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    embedding, foreground = outputs(60)
    mask = foreground > 0
    task = pickle.dumps((Foreground(0, embedding[:, mask], mask), CLUSTERING))
    for sent in (
        task,
        task[: len(task) // 2],
    ):  # a whole window that nobody waits for, and a half one
        process = processes._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.write(sent)
        process.stdin.close()
        assert process.wait(60) == (sent is task)
    assert capfd.readouterr().err == ""


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for cores, here, beside in ((1, 0, 0), (2, 0, 1), (16, 2, 15), (128, 16, 16)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert (process_count(on_device=False), process_count(on_device=True)) == (here, beside)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert process_count(on_device=True) == 0


def test_segment_with_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File to file on several windows; the report has the time of clustering."""
    np.save(tmp_path / "image.npy", np.tile(read_pixels(ZOO / "samples" / "nuclei.tif"), (2, 2)))
    monkeypatch.setitem(GRIDS, 2, Grid(256, 32, 256))
    monkeypatch.setattr("shiftrun.model.model_file.GRIDS", {2: Grid(256, 32, 256)})
    monkeypatch.setitem(GRIDS, 2, Grid(256, 32, 256))
    for count in (0, 2):
        monkeypatch.setattr(
            "shiftrun.commands.segment.process_count", lambda on_device, count=count: count
        )
        arguments = (
            "segment",
            str(ZOO / "dsb2018.onnx"),
            str(tmp_path / "image.npy"),
            "-o",
            str(tmp_path / f"{count}.tif"),
        )
        assert shiftrun_(monkeypatch, *arguments, "--device", "cpu", "--quiet") == 0
        report = json.loads((tmp_path / f"{count}.report.json").read_text(encoding="utf-8"))
        assert report["settings"]["processes"] == count
        assert report["seconds"]["cluster"] > 0
        assert report["peak_memory_bytes"] > (1 + count) * 30e6
    np.testing.assert_array_equal(read_pixels(tmp_path / "0.tif"), read_pixels(tmp_path / "2.tif"))
    assert (
        shiftrun_(
            monkeypatch, *arguments, "--device", "cpu", "--quiet", "--overwrite", "--memory", "2GB"
        )
        == 0
    )
    assert (
        json.loads((tmp_path / "2.report.json").read_text(encoding="utf-8"))["settings"][
            "processes"
        ]
        == 0
    ), "they take memory"
    assert read_pixels(tmp_path / "0.tif").max() > 10
