from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="running a model needs onnxruntime (the extra [cpu])")

from shiftrun.files.reading.images import read_pixels
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, open_model
from shiftzoo.data.labeled_images import Sample
from shiftzoo.evaluation.evaluate import evaluate, figure_tiles
from shiftzoo.evaluation.mistakes import seam_splits
from shiftzoo.evaluation.naive_tiles import outputs_by_tile
from shiftzoo.evaluation.tables import draw_tile_figure, precision_table, tile_table

ZOO = Path(__file__).parents[3] / "zoo"


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(ZOO / "dsb2018.onnx", device="cpu", force=True)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return read_pixels(ZOO / "samples" / "nuclei.tif")[:, :201]


@pytest.mark.parametrize("tile", [132, 148, 150])
def test_phases_give_what_naive_tiles_give(model: Model, image: np.ndarray, tile: int) -> None:
    """Up to the last bits: a run of another size may sum in another order."""
    found = outputs_by_tile(model, image, (tile, 148))[tile]
    assert not model.plan(image.shape, tile=tile, outputs=INSTANCE_OUTPUTS).exact
    for name, values in model.predict(image, tile=tile, outputs=INSTANCE_OUTPUTS).items():
        np.testing.assert_allclose(found[name], values, atol=1e-4 * values.std())


def test_figure_tiles_are_sizes_of_the_network_and_their_crops(model: Model) -> None:
    assert figure_tiles(model)[:4] == (20, 16, 36, 32)
    assert figure_tiles(model)[-4:] == (148, 144, 196, 192)


def test_tables(model: Model, image: np.ndarray, tmp_path: Path) -> None:
    labels = model.segment(image)
    perfect, naive = evaluate(model, [Sample("sample", image, labels)], tiles=(144, 148))
    assert (perfect.exact, naive.exact) == (True, False)
    assert perfect.total.average_precision(0.9) == 1.0
    assert naive.total.panoptic_quality < perfect.total.panoptic_quality == 1.0
    assert (sum(perfect.seam_splits), sum(naive.seamless_splits)) == (0, 0)
    assert "| 144 | yes | 1.000 | 0 | 0 | 0 | 0 |" in tile_table([perfect, naive])
    assert "| 148 | **no** |" in tile_table([perfect, naive])
    assert precision_table(perfect).count("1.000 | 1.000") == 5
    assert precision_table(perfect, naive.counts).count("|") == 7 * 6
    draw_tile_figure([perfect, naive], "sample", tmp_path / "tiles.png")
    assert (tmp_path / "tiles.png").read_bytes().startswith(b"\x89PNG")


def test_seams_are_looked_for_before_parts_join(model: Model, image: np.ndarray) -> None:
    (naive,) = evaluate(model, [Sample("sample", image, model.segment(image))], tiles=(52,))
    joined = model.labels(outputs_by_tile(model, image, (52,))[52])
    assert sum(naive.seam_splits) > seam_splits(model.segment(image), joined, (52, 52)) == 0


@pytest.mark.parametrize("tile", [16, 48])
def test_small_tiles_on_the_grid_are_cut_out_of_one_run(
    model: Model, image: np.ndarray, tile: int
) -> None:
    crop = image[:100, :90]
    found = outputs_by_tile(model, crop, (tile,))[tile]
    for name, values in model.predict(crop, tile=tile, outputs=INSTANCE_OUTPUTS).items():
        np.testing.assert_allclose(found[name], values, atol=1e-4 * values.std())
