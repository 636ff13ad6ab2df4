"""The px size is read from every format and written to all label formats and the object table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from shiftrun.arrays.calibration import Calibration, calibration, ome_lengths, unit_name
from shiftrun.arrays.readers import ArrayReader
from shiftrun.commands.results.object_table import measure_objects, stack_tables, write_objects
from shiftrun.files.reading.images import read_image
from shiftrun.files.writing.results import write_labels

PX = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
OME = {
    "PhysicalSizeX": 0.5,
    "PhysicalSizeY": 250.0,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 2.0,
    "PhysicalSizeZUnit": "µm",
}
FILES: dict[str, tuple[dict[str, Any], dict[str, tuple[float, str]]]] = {
    "OME-TIFF": (
        {"ome": True, "metadata": {"axes": "ZYX", **OME}},
        {"Z": (2.0, "micrometer"), "Y": (250.0, "nanometer"), "X": (0.5, "micrometer")},
    ),
    "ImageJ": (
        {
            "imagej": True,
            "resolution": (4.0, 2.0),
            "metadata": {"axes": "ZYX", "unit": "um", "spacing": 3.0},
        },
        {"Z": (3.0, "micrometer"), "Y": (0.5, "micrometer"), "X": (0.25, "micrometer")},
    ),
    "ImageJ in px": (
        {"imagej": True, "resolution": (4.0, 2.0), "metadata": {"axes": "ZYX", "unit": "pixel"}},
        {},
    ),
    "tags": (
        {"metadata": {"axes": "ZYX"}, "resolution": (300, 150), "resolutionunit": 2},
        {"Y": (0.00666666667, "inch"), "X": (0.00333333333, "inch")},
    ),
    "tags without unit": (
        {"metadata": {"axes": "ZYX"}, "resolution": (300, 150), "resolutionunit": 1},
        {},
    ),
    "nothing": ({"metadata": {"axes": "ZYX"}}, {}),
    "nonsense": (
        {
            "ome": True,
            "metadata": {"axes": "ZYX", "PhysicalSizeX": -1.0, "PhysicalSizeY": float("nan")},
        },
        {},
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_sizes_are_read(tmp_path: Path, kind: str) -> None:
    options, expected = FILES[kind]
    tifffile.imwrite(tmp_path / "a.tif", PX, photometric="minisblack", **options)
    assert read_image(tmp_path / "a.tif", 3, 1).calibration.lengths == expected


@pytest.mark.parametrize("name", ["l.ome.tif", "l.tif", "l.zarr"])
def test_sizes_are_carried_to_labels(tmp_path: Path, name: str) -> None:
    place = calibration(
        "ZYX", {"Z": (2.0, "micrometer"), "Y": (0.325, "micrometer"), "X": (325.0, "nanometer")}
    )
    write_labels(tmp_path / name, PX.astype(np.int32), place)
    found = read_image(tmp_path / name, 3, 1)
    np.testing.assert_array_equal(found.pixels[0], PX)
    if name == "l.tif":  # the tags of TIFF know a plane, in centimeter
        assert found.calibration.lengths == {
            "Y": (3.25e-5, "centimeter"),
            "X": (3.25e-5, "centimeter"),
        }
    else:
        assert found.calibration == place
    if name == "l.ome.tif":
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.is_ome
            assert 'PhysicalSizeXUnit="nm"' in (file.ome_metadata or "")


def test_units_as_files_spell_them() -> None:
    assert [
        unit_name(text)
        for text in ("µm", "μm", "um", "micron", "\\u00B5m", "nm", "Micrometer", "pixel", "")
    ] == [
        *["micrometer"] * 5,
        "nanometer",
        "micrometer",
        "",
        "",
    ]
    broken = ome_lengths('<OME><Pixels PhysicalSizeX="0,5" PhysicalSizeY="2"/></OME>')
    assert calibration("YX", broken).lengths == {"Y": (2.0, "micrometer")}
    assert ome_lengths("<OME><Image/></OME>") == ome_lengths("<OME") == {}


def test_crops_and_other_scales() -> None:
    place = calibration("YX", {"Y": (2.0, "micrometer"), "X": (0.5, "micrometer")}, {"Y": 1.0})
    assert place.cropped((10, 4)).origin == (21.0, 2.0)
    assert place.resampled((4, 0.5)).sizes == (0.5, 1.0)
    mixed = Calibration(
        "YX", (1000.0, 2.0), ("nanometer", "micrometer"), (500.0, 0.0)
    ).in_one_unit()
    assert mixed is not None
    assert mixed.units == ("micrometer", "micrometer")
    np.testing.assert_allclose((*mixed.sizes, *mixed.origin), (1.0, 2.0, 0.5, 0.0))
    assert calibration("YX", {"Y": (2.0, "micrometer")}).in_one_unit() is None


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_table_has_units(tmp_path: Path, dimensions: int) -> None:
    labels = np.zeros((4, 20, 30)[-dimensions:], np.int32)
    labels[..., 5:9, 10:12] = 1
    sizes = {"Z": (4.0, "micrometer"), "Y": (0.5, "micrometer"), "X": (250.0, "nanometer")}
    axes = "ZYX"[-dimensions:]
    place = calibration(axes, {name: sizes[name] for name in axes}, {"Y": 100.0})
    box = tuple(slice(7, 7 + size) for size in labels.shape)
    table = measure_objects(
        ArrayReader(labels), ArrayReader(np.ones((1, *labels.shape))), 1, place, box
    )
    assert (table["centroid_y"][0], table["first_y"][0], table["last_x"][0]) == (
        6.5 + 7,
        5 + 7,
        11 + 7,
    ), "px of the whole image"
    assert table["centroid_y_nanometer"][0] == pytest.approx((100 + 6.5 * 0.5) * 1000)
    assert table["centroid_x_nanometer"][0] == pytest.approx(10.5 * 250)
    name, value = (
        ("area_nanometer2", 8 * 500 * 250)
        if dimensions == 2
        else ("volume_nanometer3", 32 * 4000 * 500 * 250)
    )
    assert table[name][0] == pytest.approx(value)
    write_objects(tmp_path / "a.csv", stack_tables("TZ", [((0, 3), table), ((2, 1), table)]))
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["t"], row["z"], row["label"]) for row in rows] == [
        ("0", "3", "1"),
        ("2", "1", "1"),
    ]
