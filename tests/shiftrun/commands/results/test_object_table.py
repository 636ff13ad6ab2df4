"""The table of objects against counting one label at a time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from shiftrun.arrays.readers import ArrayReader
from shiftrun.commands.results import object_table as objects
from shiftrun.commands.results.object_table import measure_objects, write_objects


@pytest.mark.parametrize("shape", [(57,), (23, 31), (7, 9, 11)])
def test_every_object_is_measured(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        objects, "BAND_PX", 3 * int(np.prod(shape[1:]))
    )  # bands of three rows: objects are cut by them
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, shape).astype(np.int32)
    image = random.integers(0, 60000, (2, *shape)).astype(np.uint16)
    table = measure_objects(ArrayReader(labels), ArrayReader(image), 5)
    for label in range(1, 6):
        where = np.nonzero(labels == label)
        row = {name: column[label - 1] for name, column in table.items()}
        assert (row["label"], row["area_px"]) == (label, len(where[0]))
        for axis, places in zip("zyx"[-len(shape) :], where, strict=True):
            assert (row[f"first_{axis}"], row[f"last_{axis}"]) == (places.min(), places.max())
            assert row[f"centroid_{axis}"] == pytest.approx(places.mean(), abs=1e-3)
        for channel in range(2):
            assert row[f"mean_{channel}"] == pytest.approx(image[channel][where].mean(), abs=1e-3)
    write_objects(tmp_path / "a.csv", table)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["area_px"]) for row in rows] == table["area_px"].tolist()


def test_no_objects(tmp_path: Path) -> None:
    table = measure_objects(
        ArrayReader(np.zeros((4, 5), np.int32)), ArrayReader(np.zeros((1, 4, 5))), 0
    )
    write_objects(tmp_path / "a.csv", table)
    assert (
        (tmp_path / "a.csv").read_text().startswith("label,area_px,centroid_y,centroid_x,first_y")
    )
