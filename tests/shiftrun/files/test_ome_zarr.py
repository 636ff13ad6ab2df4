"""OME-Zarr in and out: levels read, data written, and validity for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from ome_zarr_models.v04 import Image as Image04
from ome_zarr_models.v05 import Image as Image05
from ome_zarr_models.v05 import ImageLabel
from zarr.storage import LocalStore

from shiftlint.errors import InputError
from shiftrun.arrays.calibration import calibration
from shiftrun.arrays.readers import ArrayReader
from shiftrun.files.reading.images import read_image, read_pixels, read_series
from shiftrun.files.writing.ome_zarr import boxes, chunk_px, create_zarr_array
from shiftrun.files.writing.results import array_file, write_labels

PX = np.random.default_rng(0).integers(0, 60000, (2, 3, 90, 70)).astype(np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def image_zarr(path: Path, version: str, pixels: NDArray[Any] = PX) -> Path:
    """An image of two levels whose names do not tell which is the larger one."""
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    for name, level, chunk in (("full", pixels, 32), ("half", pixels[..., ::2, ::2], 64)):
        keys: Any = {"name": "v2", "separator": "/"} if version == "0.4" else None
        array = group.create_array(
            name,
            shape=level.shape,
            dtype=level.dtype,
            chunks=(1, 1, chunk, chunk),
            dimension_names=None if version == "0.4" else list("tcyx"),
            chunk_key_encoding=keys,
        )
        array[...] = level
    levels = [
        {
            "path": "full",
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 0.5, 0.25]}],
        },
        {
            "path": "half",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 1.0, 0.5]},
                {"type": "translation", "translation": [0, 0, 0.1, 0.1]},
            ],
        },
    ]
    everywhere = [
        {"type": "scale", "scale": [1, 1, 2, 2]},
        {"type": "translation", "translation": [0, 0, 7, 8]},
    ]
    image: Any = {"axes": AXES, "datasets": levels, "coordinateTransformations": everywhere}
    if version == "0.4":
        group.attrs["multiscales"] = [image | {"version": "0.4"}]
        Image04.from_zarr(zarr.open_group(str(path), mode="r"))
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        Image05.from_zarr(zarr.open_group(str(path), mode="r"))
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_full_resolution_is_read(tmp_path: Path, version: str) -> None:
    path = image_zarr(tmp_path / "a.zarr", version)
    np.testing.assert_array_equal(read_pixels(path), PX)
    series = read_series(path, 2, 3)
    assert (series.axes, series.shape) == ("T", (2,))
    found = series.image((1,))
    np.testing.assert_array_equal(
        found.read((slice(1, 2), slice(20, 50), slice(31, 33))), PX[1, 1:2, 20:50, 31:33]
    )
    assert found.calibration == calibration(
        "YX", {"Y": (1.0, "micrometer"), "X": (0.5, "micrometer")}, {"Y": 7.0, "X": 8.0}
    ), "the scale of the level times that of all levels"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_window_reads_its_chunks_only(tmp_path: Path, version: str) -> None:
    """All chunks but one are damaged: a window in that one is read, any other is one line."""
    path = image_zarr(tmp_path / "a.zarr", version)
    kept = path / "full" / ("0/1/1/0" if version == "0.4" else "c/0/1/1/0")
    for chunk in [
        file
        for file in (path / "full").rglob("*")
        if file.is_file() and file.name.isdigit() and file != kept
    ]:
        chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    image = read_series(path, 2, 3).image((0,))
    np.testing.assert_array_equal(
        image.read((slice(1, 2), slice(32, 64), slice(0, 32))), PX[0, 1:2, 32:64, :32]
    )
    with pytest.raises(InputError, match=r"cannot read image .*a\.zarr") as error:
        image.read((slice(1, 2), slice(32, 65), slice(0, 32)))
    assert "\n" not in str(error.value)


def test_a_plain_array(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "named.zarr"), data=PX[0], dimension_names=["c", "y", "x"])
    zarr.create_array(str(tmp_path / "bare.zarr"), data=PX[0, 0], zarr_format=2)
    np.testing.assert_array_equal(read_image(tmp_path / "named.zarr", 2, 3).pixels, PX[0])
    np.testing.assert_array_equal(read_image(tmp_path / "bare.zarr", 2, 1).pixels, PX[0, :1])


def test_folders_without_an_image(tmp_path: Path) -> None:
    plate = zarr.create_group(
        str(tmp_path / "plate.zarr"), attributes={"ome": {"version": "0.5", "plate": {}}}
    )
    plate.create_group("A").create_group("1")
    image_zarr(tmp_path / "plate.zarr" / "A" / "1" / "0", "0.5")
    with pytest.raises(
        InputError, match=r"no image in this group .*Images inside: .*plate\.zarr/A/1/0\."
    ):
        read_pixels(tmp_path / "plate.zarr")
    np.testing.assert_array_equal(read_pixels(tmp_path / "plate.zarr" / "A" / "1" / "0"), PX)
    old = zarr.open_group(str(image_zarr(tmp_path / "old.zarr", "0.4")))
    old.attrs["multiscales"] = [{"version": "0.2", "datasets": [{"path": "full"}]}]
    with pytest.raises(InputError, match=r"expected 0\.4 or 0\.5, got 0\.2"):
        read_pixels(tmp_path / "old.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(InputError, match="a folder without Zarr"):
        read_pixels(tmp_path / "empty.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="cannot read image"):
        read_pixels(tmp_path / "broken.zarr")


@pytest.mark.parametrize(
    ("shape", "axes", "levels"),
    [
        ((2100, 1030), "YX", 3),
        ((3, 1200, 40), "TYX", 2),
        ((130, 20, 30), "ZYX", 2),
        ((40, 50), "YX", 1),
    ],
)
def test_labels_are_a_valid_pyramid(
    tmp_path: Path, shape: tuple[int, ...], axes: str, levels: int
) -> None:
    labels = np.random.default_rng(0).integers(0, 70000, shape).astype(np.int32)
    place = calibration(
        axes.replace("T", ""), {"Y": (0.5, "micrometer"), "X": (0.25, "micrometer")}, {"Y": 3.0}
    )
    write_labels(tmp_path / "l.zarr", labels, place, axes=axes, source=tmp_path / "image.zarr")
    group = zarr.open_group(str(tmp_path / "l.zarr"), mode="r")
    found = ImageLabel.from_zarr(group).attributes.ome
    assert found.image_label is not None
    assert found.image_label.source is not None
    assert found.image_label.source.image == "../image.zarr"
    assert len(found.multiscales[0].datasets) == levels
    for number, dataset in enumerate(found.multiscales[0].datasets):
        step = tuple(slice(None) if name == "T" else slice(None, None, 2**number) for name in axes)
        array = group[dataset.path]
        assert isinstance(array, zarr.Array)
        np.testing.assert_array_equal(array[...], labels[step])
        assert array.dtype == np.uint32
        steps: Any = dataset.coordinateTransformations
        assert steps[0].scale[-2:] == [0.5 * 2**number, 0.25 * 2**number]
        assert steps[1].translation[-2:] == [3.0, 0.0]
    small = (labels % 9).astype(np.int32)
    write_labels(tmp_path / "s.zarr", small, place, axes=axes)
    again = read_series(tmp_path / "s.zarr", 3 if axes == "ZYX" else 2, 1)
    assert again.calibration == place
    np.testing.assert_array_equal(
        again.image((0,) * len(again.axes)).pixels[0], small[0] if axes == "TYX" else small
    )


def test_chunks_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read back of the level that is written, and no chunk is written twice."""
    written: list[str] = []
    original = LocalStore.set

    async def counted(self: LocalStore, key: str, value: Any, *rest: Any) -> None:
        written.append(key)
        await original(self, key, value, *rest)

    monkeypatch.setattr(LocalStore, "set", counted)
    write_labels(tmp_path / "l.zarr", np.ones((2100, 1030), np.int32))
    chunks = [key for key in written if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == 6 + 2 + 1
    written.clear()
    target = create_zarr_array(
        tmp_path / "a.zarr", (2, 300, 200), "CYX", calibration("YX", {}), (144, 144)
    )
    for box in boxes((300, 200), (144, 144)):
        target.write(
            (slice(0, 2), *box), np.ones((2, *(part.stop - part.start for part in box)), np.float32)
        )
    chunks = [key for key in written if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == 2 * 3 * 2


@pytest.mark.parametrize(
    ("tile", "size", "expected"),
    [(144, 300, 144), (2048, 9000, 1024), (1040, 9000, 520), (500, 300, 300)],
)
def test_chunks_fill_tiles(tile: int, size: int, expected: int) -> None:
    assert chunk_px(tile, size, 1024) == expected


def test_arrays_are_valid_images(tmp_path: Path) -> None:
    with array_file(
        tmp_path / "a.zarr", (2, 3, 30, 20), calibration("YX", {}), axes="TCYX", tile=(16, 16)
    ) as target:
        target.write(
            (slice(1, 2), slice(0, 3), slice(0, 16), slice(16, 20)),
            np.ones((1, 3, 16, 4), np.float32),
        )
    Image05.from_zarr(zarr.open_group(str(tmp_path / "a.zarr"), mode="r"))
    found = read_pixels(tmp_path / "a.zarr")
    assert (found.sum(), found[1, :, :16, 16:].min(), str(found.dtype)) == (
        3 * 16 * 4,
        1,
        "float32",
    )


def test_what_ome_zarr_cannot_hold(tmp_path: Path) -> None:
    from shiftrun.files.writing.results import check_axes

    for axes in ("CX", "TQCZYX"):
        with pytest.raises(InputError, match=r"axes of OME-Zarr .*a\.zarr"):
            check_axes(tmp_path / "a.zarr", axes)
    with pytest.raises(InputError, match="axes of OME-TIFF"):
        check_axes(tmp_path / "a.ome.tif", "QYX")
    check_axes(tmp_path / "a.tif", "QYX")


def test_a_pyramid_of_a_reader_is_that_of_the_array(tmp_path: Path) -> None:
    labels = np.arange(1100 * 30, dtype=np.int32).reshape(1100, 30)
    write_labels(tmp_path / "a.zarr", ArrayReader(labels), largest=int(labels.max()))
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    np.testing.assert_array_equal(np.asarray(group["1"]), labels[::2, ::2])
