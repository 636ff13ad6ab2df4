"""A region is the crop of the full run: arrays bit for bit, labels up to object numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.clustering import label_region as region_labels
from shiftrun.clustering.label_image import label_blocks
from shiftrun.clustering.label_region import label_region
from shiftrun.clustering.one_window.label_window import Clustering
from shiftrun.inference.blocks import Block
from shiftrun.model import model as model_module
from shiftrun.model.open_model import Model, open_model
from shiftrun.tiles.label_grid import GRIDS, Grid, windows_of
from shiftrun.tiles.plan import make_plan
from shiftrun.tiles.regions import cut_plan, resolve_region
from tests.shiftrun.networks import PROPS, axes, unet
from tests.shiftrun.pictures import renumbered
from tests.shiftrun.sessions import Fails

GRID = Grid(48, 16, 64)
STRIP = (slice(150, 260), slice(40, 200))


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint16]:
    y, x = np.mgrid[:411, :365]
    image = (
        1000
        + 900 * np.sin(y / 9) * np.sin(x / 7)
        + np.random.default_rng(0).normal(0, 50, (411, 365))
    )
    pixels: NDArray[np.uint16] = image.astype(np.uint16)
    return pixels


@pytest.fixture(scope="module", params=["valid", "padded"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    return open_model(
        unet(path, depth=2, padded=request.param == "padded", props=PROPS), device="cpu"
    )


@pytest.mark.parametrize("tile", [16, 48, 1024, "auto"])
@pytest.mark.parametrize(
    "region", [STRIP, (slice(None), slice(364, 365)), (slice(0, 3), slice(None))]
)
def test_arrays_are_the_crop(
    model: Model, picture: NDArray[np.uint16], tile: Any, region: tuple[slice, ...]
) -> None:
    """Even for tiles so small that onnxruntime may sum in another order: the tiles are those of the
    full run.
    """
    whole = model.predict(picture, tile=tile)["embedding"]
    found = model.predict(picture, tile=tile, region=region)["embedding"]
    np.testing.assert_array_equal(found, whole[(slice(None), *region)])


def test_a_region_of_a_naive_run(tmp_path: Path, picture: NDArray[np.uint16]) -> None:
    """A region of a wrong, forced stitching is equally wrong."""
    model = open_model(unet(tmp_path / "net.onnx", depth=2, props=PROPS), device="cpu", force=True)
    whole = model.predict(picture, tile=50)["embedding"]
    np.testing.assert_array_equal(
        model.predict(picture, tile=50, region=STRIP)["embedding"], whole[(slice(None), *STRIP)]
    )
    assert (whole != model.predict(picture, tile=48)["embedding"]).any()


def test_arrays_without_padding(tmp_path: Path, picture: NDArray[np.uint16]) -> None:
    model = open_model(unet(tmp_path / "net.onnx", depth=2, props=PROPS), device="cpu")
    whole = model.predict(picture, tile=128, pad="none")["embedding"]
    np.testing.assert_array_equal(
        model.predict(picture, tile=128, pad="none", region=STRIP)["embedding"],
        whole[(slice(None), *STRIP)],
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(30, 400), st.integers(1, 12), st.booleans())
def test_a_cut_plan_writes_the_region_once(
    data: st.DataObject, size: int, steps: int, padded: bool
) -> None:
    plan = make_plan(
        (size, 90), axes("padded" if padded else "valid", 2, 2), tile=(4 * steps, 4 * steps)
    )
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    box = (slice(start, stop), slice(10, 50))
    cut = cut_plan(plan, box, (Fraction(1), Fraction(1)))
    written = np.zeros(cut.output_shape, dtype=int)
    whole = {(tile.read[0].start, tile.read[1].start) for tile in plan.tiles()}
    for tile in cut.tiles():
        written[tile.write] += 1
        assert (tile.read[0].start, tile.read[1].start) in whole
        assert all(
            k.stop - k.start == w.stop - w.start for k, w in zip(tile.keep, tile.write, strict=True)
        )
    np.testing.assert_array_equal(written, 1)
    assert [axis.origin_px for axis in cut.axes] == [start, 10]


def test_out_of_memory_in_a_region(
    picture: NDArray[np.uint16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    model = open_model(path, device="cpu")
    expected, labels = (
        model.predict(picture, tile=320)["embedding"][:, 150:260, 40:200],
        model.segment(picture, region=STRIP),
    )
    monkeypatch.setattr(model_module, "Session", Fails)
    small = open_model(path, device="cpu")
    np.testing.assert_array_equal(
        small.predict(picture, tile=320, region=STRIP)["embedding"], expected
    )
    np.testing.assert_array_equal(small.segment(picture, tile=320, region=STRIP), labels)


@pytest.mark.parametrize("pad", ["reflect", "none"])
@pytest.mark.parametrize("min_size", [0, 25])
@pytest.mark.parametrize(
    "region",
    [
        STRIP,
        (slice(0, 10), slice(0, 10)),
        (slice(None), slice(100, 101)),
        (slice(None), slice(None)),
    ],
)
def test_labels_are_the_crop(
    picture: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    region: tuple[slice, ...],
    min_size: int,
    pad: str,
) -> None:
    monkeypatch.setitem(GRIDS, 2, GRID)
    model = open_model(unet(tmp_path / "net.onnx", depth=2, props=PROPS), device="cpu")
    whole = model.segment(picture, tile=128, min_size=min_size, pad=pad)
    found = model.segment(picture, tile=128, min_size=min_size, region=region, pad=pad)
    np.testing.assert_array_equal(found, renumbered(whole[region]))
    assert whole.max() > 100


def snake(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """One object that goes back and forth through the image, and many dots between its turns."""
    mask = np.zeros(shape, dtype=bool)
    rows = list(range(10, shape[0] - 10, 40))
    for number, row in enumerate(rows):
        mask[row : row + 12, 5 : shape[1] - 5] = True
        if number + 1 < len(rows):
            column = shape[1] - 17 if number % 2 == 0 else 5
            mask[row : row + 52, column : column + 12] = True
        for column in range(30, shape[1] - 30, 6):
            mask[row + 20 : row + 23, column : column + 3] = True
    return mask


BACK = [((20, 60), (100, 130), 1), ((20, 110), (100, 130), 2), ((132, 134), (20, 30), 0)]


@pytest.mark.parametrize(("rows", "columns", "torn"), BACK)
def test_an_object_that_leaves_the_region_and_comes_back(
    rows: tuple[int, int], columns: tuple[int, int], torn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two turns of a snake in the region are one object only through windows far away from it; dots
    need none of these.
    """
    shape, region = (260, 230), (slice(*rows), slice(*columns))
    foreground = np.where(snake(shape), 1.0, -1.0).astype(np.float32)
    block = Block(everything(shape), np.zeros((1, *shape), np.float32), foreground)
    windows = windows_of(shape, GRID)
    clustering = Clustering(bandwidth=1.0, min_size=3)
    with label_blocks([block], shape, clustering, windows) as store:
        whole = store.read(everything(shape))
    asked = []

    def blocks_of(box: Any) -> list[Block]:
        asked.append(box)
        part = block.foreground[box]
        return [Block(everything(part.shape), block.embedding[(slice(None), *box)], part)]

    with label_region(blocks_of, shape, region, clustering, windows) as store:
        found = store.read(region)
    np.testing.assert_array_equal(found, renumbered(whole[region]))
    assert len(asked) > 5
    monkeypatch.setattr(region_labels, "_next", lambda *_: set())
    with label_region(blocks_of, shape, region, clustering, windows) as store:
        alone = store.read(region)
    assert alone.max() == found.max() + torn, (
        "without the windows that carry the object on it is torn"
    )


WRONG = [
    ((slice(0, 5),), "expected 2 ranges START:STOP"),
    ((slice(0, 5), slice(3, 3)), "expected ranges inside 20x30 px, got 3:3"),
    ((slice(0, 21), slice(0, 3)), "got 0:21"),
    ((slice(-1, 21), slice(0, 3)), "got -1:21"),
    ((slice(0, 10, 2), slice(0, 3)), "expected ranges"),
]


@pytest.mark.parametrize(("region", "message"), WRONG)
def test_wrong_regions(region: tuple[slice, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_region(region, (20, 30))


def test_labels_of_a_volume_are_the_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GRIDS, 3, Grid(16, 6, 20))
    model = open_model(
        unet(tmp_path / "net.onnx", dimensions=3, depth=1, props=PROPS), device="cpu"
    )
    z, y, x = np.mgrid[:40, :34, :30]
    volume = (np.sin(z / 3) * np.sin(y / 3) * np.sin(x / 2) * 900 + 1000).astype(np.uint16)
    foreground = model.predict(volume, outputs=("foreground",))["foreground"]
    settings: dict[str, Any] = {
        "tile": 24,
        "threshold": float(np.percentile(foreground, 80)),
        "min_size": 4,
    }
    whole = model.segment(volume, **settings)
    assert whole.max() > 20
    region = (slice(9, 31), slice(0, 20), slice(11, 30))
    np.testing.assert_array_equal(
        model.segment(volume, region=region, **settings), renumbered(whole[region])
    )
