"""The Python interface: numpy and Zarr arrays, readers, progress, cancel; the examples run."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

import shiftrun
from shiftlint.errors import InputError
from shiftrun.arrays.readers import ArrayReader, FileArray, as_reader
from shiftrun.clustering.mean_shift import estimator
from shiftrun.files.reading.images import read_image
from shiftrun.model import model as model_module
from shiftrun.model.open_model import Model, open_model
from tests.shiftrun.networks import PROPS, unet
from tests.shiftrun.pictures import blobs

REPOSITORY = Path(__file__).parents[2]
PICTURE = blobs(1, (150, 140))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(
        unet(tmp_path_factory.mktemp("net") / "net.onnx", depth=2, props=PROPS), device="cpu"
    )


@pytest.mark.parametrize("module", [model_module, estimator, shiftrun])
def test_examples(module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(REPOSITORY)
    image = np.tile(tifffile.imread("zoo/samples/nuclei.tif"), (2, 2))
    names = {"shiftrun": shiftrun, "np": np, "image": image, "folder": tmp_path}
    found = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 3
    assert found.failed == 0


class Counted:
    """An array of Zarr that counts the px that are read."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __getitem__(self, box: Any) -> Any:
        values = self.array[box]
        self.largest = max(self.largest, values.size)
        return values


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_in_is_read_by_windows(model: Model, tmp_path: Path, zarr_format: Any) -> None:
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), data=PICTURE, chunks=(32, 32), zarr_format=zarr_format
    )
    expected = model.predict(PICTURE, tile=16, normalize="none")["embedding"]
    counted = Counted(array)
    np.testing.assert_array_equal(
        model.predict(counted, tile=16, normalize="none")["embedding"], expected
    )
    assert counted.largest <= 80 * 80 < PICTURE.size
    np.testing.assert_array_equal(model.segment(array), model.segment(PICTURE))


def test_readers_and_channels_first(model: Model, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, tile=(32, 32))
    expected = model.segment(PICTURE)
    np.testing.assert_array_equal(model.segment(read_image(tmp_path / "a.tif", 2, 1)), expected)
    np.testing.assert_array_equal(model.segment(PICTURE[None]), expected)
    np.testing.assert_array_equal(model.segment(PICTURE.astype(">u2")), expected)


def test_zarr_out(model: Model, tmp_path: Path) -> None:
    out = zarr.create_array(
        str(tmp_path / "e.zarr"), shape=(2, 150, 140), dtype="float32", chunks=(1, 48, 48)
    )
    found = model.predict(PICTURE, tile=48, out={"embedding": out})
    assert found["embedding"] is out
    np.testing.assert_array_equal(np.asarray(out), model.predict(PICTURE, tile=48)["embedding"])
    labels = zarr.create_array(
        str(tmp_path / "l.zarr"), shape=(150, 140), dtype="int32", chunks=(64, 64)
    )
    assert model.segment(PICTURE, out=labels) is labels
    np.testing.assert_array_equal(np.asarray(labels), model.segment(PICTURE))
    with pytest.raises(
        InputError,
        match=r"wrong size \(out, embedding\): expected an array of shape \(2, 150, 140\)",
    ):
        model.predict(PICTURE, out={"embedding": labels})
    with pytest.raises(InputError, match=r"wrong size \(out, labels\)"):
        model.segment(PICTURE, out=out)


class Enough(Exception):
    pass


@pytest.mark.parametrize("what", ["predict", "segment"])
def test_progress_and_cancel(model: Model, what: str) -> None:
    """Every tile is counted; what the callback raises comes out, and the model can be used
    again.
    """
    seen: list[tuple[int, int]] = []
    getattr(model, what)(PICTURE, tile=48, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 12) for number in range(1, 13)]

    def enough(done: int, total: int) -> None:
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        getattr(model, what)(PICTURE, tile=48, progress=enough)
    assert model.segment(PICTURE).max() > 10


def test_what_is_no_array(model: Model) -> None:
    for wrong in ([[1, 2], [3, 4]], "image.tif", None):
        with pytest.raises(
            InputError, match=r"not an array \(image\): expected a numpy or zarr array, or a Reader"
        ):
            model.predict(wrong)
    with pytest.raises(InputError, match=r"wrong axes \(image\)"):
        model.predict(np.zeros((2, 3, 4, 5), np.uint8))


def test_readers_of_arrays(tmp_path: Path) -> None:
    assert isinstance(as_reader(PICTURE), ArrayReader)
    array = zarr.create_array(str(tmp_path / "a.zarr"), data=PICTURE)
    assert isinstance(as_reader(array), ArrayReader)
    reader = ArrayReader(PICTURE)
    assert as_reader(reader) is reader


BOXES: list[tuple[slice, ...]] = [
    (slice(0, 4), slice(0, 5), slice(0, 6)),
    (slice(1, 3), slice(0, 5), slice(0, 6)),
    (slice(1, 3), slice(2, 4), slice(0, 6)),
    (slice(0, 4), slice(2, 3), slice(1, 5)),
    (slice(3, 4), slice(4, 5), slice(5, 6)),
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("dtype", ["<f4", ">u2"])
def test_writing_boxes_of_a_file(tmp_path: Path, box: tuple[slice, ...], dtype: str) -> None:
    expected: NDArray[Any] = np.zeros((4, 5, 6), dtype)
    path = tmp_path / "a"
    path.write_bytes(b"head" + expected.tobytes())
    target = FileArray(path, 4, expected.shape, np.dtype(dtype))
    values = np.random.default_rng(0).integers(1, 99, expected[box].shape)
    target.write(box, values)
    expected[box] = values
    assert path.read_bytes() == b"head" + expected.tobytes()
    np.testing.assert_array_equal(target.read((slice(0, 4), slice(0, 5), slice(0, 6))), expected)
    with pytest.raises(ValueError, match="order F"):
        FileArray(path, 4, expected.shape, np.dtype(dtype), "F").write(box, values)
