"""Bounded memory: windows read from files, blocks of the result; labels do not depend on them."""

from __future__ import annotations

import errno
import weakref
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.arrays.readers import ArrayReader, FileArray, read_bands
from shiftrun.arrays.views import Framed
from shiftrun.files.reading.images import read_image, read_pixels
from shiftrun.files.reading.tiff import SegmentedTiff
from shiftrun.inference.blocks import ahead, timed
from shiftrun.inference.network_input import Source, padding_index
from shiftrun.inference.normalization import percentile_normalization
from shiftrun.inference.session import OutOfMemory, Session
from shiftrun.memory.allocator import lasting
from shiftrun.model import model as model_module
from shiftrun.model.open_model import INSTANCE_OUTPUTS, open_model
from shiftrun.tiles.label_grid import GRIDS, Grid, row_edges
from shiftrun.tiles.plan import Plan, make_plan
from tests.shiftrun.networks import PROPS, axes, unet
from tests.shiftrun.sessions import Fails

RANDOM = np.random.default_rng(0)
PX = RANDOM.integers(0, 60000, (3, 101, 130)).astype(np.uint16)
TIFFS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "big-endian": {"byteorder": ">"},
    "tiled": {"tile": (32, 48)},
    "tiled, zlib": {"tile": (32, 48), "compression": "zlib", "predictor": True},
    "strips, zlib": {"rowsperstrip": 7, "compression": "zlib"},
    "one strip, LZW": {"compression": "lzw", "rowsperstrip": 101},
    "channels last": {
        "photometric": "rgb",
        "planarconfig": "contig",
        "compression": "zlib",
        "rowsperstrip": 9,
    },
    "planes": {
        "photometric": "rgb",
        "planarconfig": "separate",
        "compression": "zlib",
        "rowsperstrip": 9,
    },
}


@pytest.mark.parametrize("kind", TIFFS)
def test_windows_of_a_tiff(tmp_path: Path, kind: str) -> None:
    """Every window is that of the array; only contiguous files are mapped."""
    last = kind == "channels last"
    options = {
        "photometric": "minisblack",
        "metadata": {"axes": "YXS" if last else "SYX" if kind == "planes" else "CYX"},
    }
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(PX, 0, -1) if last else PX, **(options | TIFFS[kind])
    )
    image = read_image(tmp_path / "a.tif", 2, 3)
    assert image.shape == PX.shape
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, PX)
    for box in (
        (slice(0, 3), slice(5, 90), slice(33, 34)),
        (slice(1, 2), slice(100, 101), slice(0, 130)),
    ):
        np.testing.assert_array_equal(image.read(box), PX[box])
    inner = image.source.source  # type: ignore[attr-defined]
    assert isinstance(inner, FileArray if kind in {"contiguous", "big-endian"} else SegmentedTiff)


def test_damage_in_the_middle_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PX[0], tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[5]
    data = bytearray(path.read_bytes())
    data[offset : offset + 30] = b"\x00" * 30
    path.write_bytes(data)
    image = read_image(path, 2, 1)
    with pytest.raises(InputError, match=r"cannot read image .*a\.tif"):
        _ = image.pixels


def test_want_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", PX[0])
    image = read_image(tmp_path / "a.npy", 2, 1)
    for error, expected in (
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryError),
        (OSError(errno.EIO, "I/O"), InputError),
    ):
        monkeypatch.setattr(FileArray, "read", Mock(side_effect=error))
        with pytest.raises(expected, match=r"a\.npy"):
            _ = image.pixels


def test_npy_in_either_order(tmp_path: Path) -> None:
    for order in ("C", "F"):
        np.save(tmp_path / "a.npy", np.asarray(PX, order=order))
        np.testing.assert_array_equal(
            read_image(tmp_path / "a.npy", 2, 3).read((slice(1, 2), slice(3, 50), slice(7, 9))),
            PX[1:2, 3:50, 7:9],
        )


@pytest.mark.parametrize("size", [1, 100, 130 * 2 * 5, 1 << 20])
def test_bands_are_the_array(size: int) -> None:
    np.testing.assert_array_equal(
        np.concatenate(list(read_bands(ArrayReader(PX), size))), PX.reshape(-1)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_statistics_by_bands_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    pixels: NDArray[Any] = (
        (PX / 7).astype(dtype) if dtype == np.float32 else (PX >> 8).astype(dtype)
    )
    values = pixels.reshape(-1)[:: 3 if dtype == np.float32 else 1]
    monkeypatch.setattr("shiftrun.inference.normalization.SAMPLE_PIXELS", -(-pixels.size // 3))
    monkeypatch.setattr(
        "shiftrun.inference.normalization.read_bands", lambda reader, *_: read_bands(reader, 1000)
    )
    found = percentile_normalization(ArrayReader(pixels), (1, 99.8))
    np.testing.assert_allclose(
        (found.low, found.high), np.percentile(values.astype(float), (1, 99.8)), rtol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["reflect", "edge", "constant"]))
def test_windows_are_those_of_the_padded_image(height: int, width: int, pad: Any) -> None:
    image = np.random.default_rng(0).normal(size=(1, height, width)).astype(np.float32)
    plan = make_plan((height, width), axes("valid", 2, 2), tile=(8, 12), pad=pad)
    whole = np.pad(image, ((0, 0), *plan.padding), mode=pad)
    source, index = Source(ArrayReader(image)), padding_index(plan)
    for tile in plan.tiles():
        np.testing.assert_array_equal(
            source.window(tile.read, index), whole[(slice(None), *tile.read)]
        )


def test_framed() -> None:
    framed = Framed(ArrayReader(PX[0]), (120, 140), (10, 4))
    expected = np.pad(PX[0], ((10, 9), (4, 6)))
    np.testing.assert_array_equal(framed.read(everything((120, 140))), expected)
    np.testing.assert_array_equal(framed.read((slice(0, 5), slice(0, 140))), expected[:5])
    np.testing.assert_array_equal(framed.read((slice(3, 30), slice(50, 60))), expected[3:30, 50:60])


@settings(max_examples=80, deadline=None)
@given(st.integers(30, 400), st.integers(1, 12), st.booleans())
def test_no_tile_crosses_a_block(size: int, steps: int, padded: bool) -> None:
    grid, edges = (
        axes("padded" if padded else "valid", 2, 2),
        row_edges((size, 90), Grid(48, 16, 64)),
    )
    plan = make_plan((size, 90), grid, tile=(4 * steps, 4 * steps), edges=edges)
    written = np.zeros(plan.output_shape, dtype=int)
    for block in plan.blocks(plan.block_edges(edges)):
        for tile in plan.tiles(block):
            assert all(
                b.start <= t.start and t.stop <= b.stop
                for b, t in zip(block, tile.write, strict=True)
            )
            written[tile.write] += 1
    np.testing.assert_array_equal(written, 1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unet(tmp_path_factory.mktemp("net") / "net.onnx", depth=2, props=PROPS)


@pytest.fixture
def picture() -> NDArray[np.uint16]:
    y, x = np.mgrid[:411, :365]
    image = (
        1000
        + 900 * np.sin(y / 9) * np.sin(x / 7)
        + np.random.default_rng(0).normal(0, 50, (411, 365))
    )
    pixels: NDArray[np.uint16] = image.astype(np.uint16)
    return pixels


@pytest.mark.parametrize("pad", ["reflect", "none"])
@pytest.mark.parametrize(
    ("tile", "workers"), [(128, 1), (128, 2), (160, 1), (1024, 2), ("auto", 1)]
)
def test_labels_block_by_block_are_those_of_the_whole(
    network: Path,
    picture: NDArray[np.uint16],
    monkeypatch: pytest.MonkeyPatch,
    tile: Any,
    workers: int,
    pad: str,
) -> None:
    """However the image is cut, labels are what clustering of the whole result in memory gives."""
    monkeypatch.setitem(GRIDS, 2, Grid(192, 64, 250))
    model = open_model(network, device="cpu", workers=workers)
    whole = model.labels(model.predict(picture, tile=2048, pad=pad, outputs=INSTANCE_OUTPUTS))
    assert whole.max() > 200
    np.testing.assert_array_equal(model.segment(picture, tile=tile, pad=pad), whole)


@pytest.mark.parametrize("error", [OutOfMemory, MemoryError], ids=["of onnxruntime", "of an array"])
def test_out_of_memory_goes_on_with_half_the_tile(
    network: Path,
    picture: NDArray[np.uint16],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(Fails, "error", error)
    monkeypatch.setattr(Fails, "sizes", ())
    model = open_model(network, device="cpu")
    expected, labels = (
        model.predict(picture, tile=320)["embedding"],
        model.segment(picture, tile=320),
    )
    monkeypatch.setattr(model_module, "Session", Fails)
    small = open_model(network, device="cpu")
    np.testing.assert_array_equal(small.predict(picture, tile=320)["embedding"], expected)
    np.testing.assert_array_equal(small.segment(picture, tile=320), labels)
    assert Fails.sizes[0] > Fails.limit >= Fails.sizes[-1]
    monkeypatch.setattr(Fails, "limit", 100)
    with pytest.raises(error, match="out of memory"):
        small.predict(picture, tile=320)


def test_onnxruntimes_allocation_error_is_known(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(network, "cpu")

    def refuse(*_: Any) -> None:
        raise RuntimeError(
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested "
            "buffer of size 8"
        )

    session._session = type("Fake", (), {"run": refuse})()
    with pytest.raises(OutOfMemory, match="smaller --tile"):
        session.run(np.zeros((1, 1, 64, 64), np.float32))


def test_what_is_worked_on_is_held_by_the_caller_alone() -> None:
    class Item:
        pass

    alive: list[weakref.ref[Item]] = []

    def make() -> Item:
        item = Item()
        alive.append(weakref.ref(item))
        return item

    seen = 0
    for item in timed(ahead(make() for _ in range(4)), nullcontext):
        assert alive[seen]() is item
        del item
        assert alive[seen]() is None
        seen += 1
    assert seen == 4


def test_work_ahead_passes_errors_on_and_stops() -> None:
    made: list[int] = []

    def numbers() -> Any:
        for number in range(100):
            made.append(number)
            yield number
        raise AssertionError("never reached")

    items = ahead(numbers())
    assert [next(items), next(items)] == [0, 1]
    items.close()  # type: ignore[attr-defined]
    assert made == [0, 1, 2]  # one that is worked on, one ahead

    def broken() -> Any:
        yield 1
        raise InputError("broken")

    with pytest.raises(InputError, match="broken"):
        list(ahead(broken()))


def test_a_plan_keeps_its_blocks_when_it_is_one_tile() -> None:
    edges = ((100,), ())
    plan: Plan = make_plan((160, 90), axes("valid", 2, 2), tile=(400, 400), edges=edges)
    assert list(plan.blocks(plan.block_edges(edges))) == [(slice(0, 160), slice(0, 90))]


def test_read_pixels_reads_windows_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PX, tile=(32, 32), photometric="minisblack")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif"), PX)


@pytest.mark.parametrize("shape", [(8, 0), (8, 3), (8, 100_000)])
def test_lasting_arrays_are_like_others(shape: tuple[int, ...]) -> None:
    array = lasting(*shape)
    assert array.shape == shape
    assert array.dtype == np.float32
    assert not array.any()
    array += 1
    assert array.sum() == array.size


def test_a_lasting_array_beyond_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match="8x"):
        lasting(8, 1 << 56)
