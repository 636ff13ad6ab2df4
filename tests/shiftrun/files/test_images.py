"""Images in and out: how each file is read, and one-line errors for files that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow

from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.arrays.calibration import calibration
from shiftrun.commands.results.overlay import colors, outlines, overlay
from shiftrun.files.reading.images import read_image, read_pixels
from shiftrun.files.reading.tiff import open_tiff
from shiftrun.files.writing.output_path import check_output
from shiftrun.files.writing.results import array_file, write_labels

GRAY = (np.arange(20 * 30, dtype=np.uint16) * 50).reshape(20, 30)


def save(path: Path, pixels: NDArray[Any], axes: str | None = None) -> Path:
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": axes})
    else:
        Pillow.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_images_come_back_as_stored(tmp_path: Path, name: str, dtype: type) -> None:
    path = save(tmp_path / name, GRAY.astype(dtype), "YX")
    image = read_image(path, 2, 1)
    np.testing.assert_array_equal(image.pixels, GRAY.astype(dtype)[None])
    assert (image.pixels.dtype, image.axes) == (np.dtype(dtype), "CYX")
    np.testing.assert_array_equal(read_pixels(path), GRAY.astype(dtype))


AXES = [
    pytest.param("a.tif", (3, 8, 9), "CYX", 2, 3, (3, 8, 9), id="channels first"),
    pytest.param("a.tif", (8, 9, 3), "YXS", 2, 3, (3, 8, 9), id="samples last"),
    pytest.param("a.tif", (5, 8, 9), "ZYX", 3, 1, (1, 5, 8, 9), id="volume"),
    pytest.param(
        "a.tif", (5, 2, 8, 9), "ZCYX", 3, 2, (2, 5, 8, 9), id="volume with channels between"
    ),
    pytest.param("a.tif", (1, 1, 8, 9), "TCYX", 2, 1, (1, 8, 9), id="one time, one channel"),
    pytest.param("a.tif", (5, 8, 9), "QYX", 3, 1, (1, 5, 8, 9), id="unnamed stack"),
    pytest.param("a.npy", (2, 8, 9), None, 2, 2, (2, 8, 9), id="npy with channels"),
    pytest.param("a.npy", (5, 8, 9), None, 3, 1, (1, 5, 8, 9), id="npy volume"),
    pytest.param("a.npy", (9,), None, 1, 1, (1, 9), id="npy line"),
    pytest.param("a.png", (8, 9, 3), None, 2, 3, (3, 8, 9), id="RGB"),
]


@pytest.mark.parametrize(("name", "stored", "axes", "dimensions", "channels", "shape"), AXES)
def test_axes(
    tmp_path: Path,
    name: str,
    stored: tuple[int, ...],
    axes: str,
    dimensions: int,
    channels: int,
    shape: tuple[int, ...],
) -> None:
    pixels = np.arange(np.prod(stored), dtype=np.uint8).reshape(stored)
    image = read_image(save(tmp_path / name, pixels, axes), dimensions, channels)
    assert image.pixels.shape == shape
    assert sorted(image.pixels.ravel()) == sorted(pixels.ravel())


REFUSED = [
    pytest.param(
        "a.png",
        np.zeros((8, 9, 3), np.uint8),
        None,
        r"channels .*expected 1 \(gray\), got 3 \(RGB\)",
        id="RGB for gray",
    ),
    pytest.param(
        "a.npy", np.zeros((4, 8, 9)), None, r"channels .*got 4 \(RGBA\)", id="npy channels"
    ),
    pytest.param(
        "a.tif",
        np.zeros((4, 8, 9), np.uint8),
        "TYX",
        "wrong axes .*got TYX of shape 4x8x9",
        id="time",
    ),
    pytest.param("a.npy", np.zeros((2, 3, 4, 5)), None, "wrong axes", id="too many axes"),
    pytest.param("a.npy", np.zeros(5), None, "wrong axes", id="too few axes"),
    pytest.param("a.npy", np.zeros((0, 5)), None, "empty image", id="no px"),
    pytest.param("a.npy", np.zeros((5, 5), np.int64), None, "pixel type .*got int64", id="64 bit"),
    pytest.param("a.npy", np.zeros((5, 5), bool), None, "pixel type .*got bool", id="bool"),
    pytest.param(
        "a.npy", np.zeros((5, 5), complex), None, "pixel type .*got complex", id="complex"
    ),
]


@pytest.mark.parametrize(("name", "pixels", "axes", "message"), REFUSED)
def test_refused_images(
    tmp_path: Path, name: str, pixels: NDArray[Any], axes: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_image(save(tmp_path / name, pixels, axes), 2, 1)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_files(tmp_path: Path, name: str, share: float) -> None:
    path = save(
        tmp_path / name, np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8), "YX"
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="cannot read image") as error:
        read_image(path, 2, 1)
    assert "\n" not in str(error.value)


def test_files_that_are_no_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such image"):
        read_pixels(tmp_path / "none.tif")
    with pytest.raises(InputError, match="unknown image type"):
        read_pixels(tmp_path / "a.doc")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="empty file"):
        read_pixels(tmp_path / "empty.png")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot read image"):
        read_pixels(tmp_path / "pickle.npy")


@pytest.mark.parametrize(("largest", "dtype"), [(65535, np.uint16), (65536, np.uint32)])
def test_labels_take_the_smallest_type(tmp_path: Path, largest: int, dtype: type) -> None:
    labels = np.array([[0, 1], [2, largest]], dtype=np.int32)
    write_labels(
        tmp_path / "l.tif",
        labels,
        calibration("YX", {"X": (1 / 72, "inch"), "Y": (1 / 144, "inch")}),
    )
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        assert file.pages.first.tags["YResolution"].value == (144, 1)
        stored = file.asarray()
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, labels)


@pytest.mark.parametrize("name", ["a.npy", "a.tif"])
def test_arrays_come_back(tmp_path: Path, name: str) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    with array_file(tmp_path / name, array.shape) as target:
        target.write(everything(array.shape), array)
    np.testing.assert_array_equal(read_image(tmp_path / name, 2, 5).pixels, array)


def test_resolution_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GRAY, resolution=(300, 300), resolutionunit=2)
    found = read_image(tmp_path / "a.tif", 2, 1).calibration
    np.testing.assert_allclose(found.sizes, 1 / 300, rtol=1e-8)
    assert found.units == ("inch", "inch")


def test_outputs_are_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.touch()
    with pytest.raises(InputError, match="--overwrite"):
        check_output(path, (".tif",), overwrite=False)
    with pytest.raises(InputError, match="output is the input"):
        check_output(path, (".tif",), overwrite=True, source=path)
    with pytest.raises(InputError, match=r"expected \.tif, got \.gif"):
        check_output(tmp_path / "a.gif", (".tif",), overwrite=False)
    with pytest.raises(InputError, match="no such folder"):
        check_output(tmp_path / "x" / "a.tif", (".tif",), overwrite=False)
    check_output(path, (".tif",), overwrite=True)
    check_output(
        path, (".tif",), overwrite=True, source=tmp_path / "gone.tif"
    )  # an image that is missing is found out when read


def test_overlay_colors_outlines_only() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[1:5, 1:5], labels[1:5, 5:8] = 1, 2
    line = outlines(labels)
    assert line[2, 4]
    assert line[2, 5]
    assert not line[2, 2]
    assert not line[labels == 0].any()
    drawn = overlay(np.arange(81, dtype=np.uint16).reshape(1, 9, 9), labels)
    colored = (drawn != drawn[..., :1]).any(axis=-1)
    np.testing.assert_array_equal(colored, line)
    distances = np.abs(np.diff(colors(np.arange(1, 50)).astype(int), axis=0)).sum(axis=1)
    assert distances.min() > 100, "labels that follow each other must differ in color"


def test_pages_in_other_files_are_not_taken_from_this_one(tmp_path: Path) -> None:
    """An OME-TIFF may spread its planes over files; px are those of the right file."""
    planes = [GRAY, GRAY[::-1].copy()]
    uuids = ["urn:uuid:00000000-0000-0000-0000-00000000000" + str(i) for i in range(2)]
    blocks = "".join(
        f'<TiffData FirstT="{i}" IFD="0" PlaneCount="1"><UUID '
        f'FileName="p{i}.ome.tif">{uuids[i]}</UUID></TiffData>'
        for i in range(2)
    )
    for i, plane in enumerate(planes):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[i]}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" '
            'SizeZ="1" SizeC="1" SizeT="2">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{blocks}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / f"p{i}.ome.tif", plane, description=xml, metadata=None)
    np.testing.assert_array_equal(read_pixels(tmp_path / "p0.ome.tif"), np.stack(planes))
    assert open_tiff(tmp_path / "p0.ome.tif").axes == "TYX"
