"""The shipped model end to end: its contract, and tiles that equal the whole image bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import shiftlint
from shiftlint.cli import cli
from shiftlint.errors import InputError

pytest.importorskip(
    "onnxruntime", reason="running a model needs onnxruntime (the extra [cpu] or [gpu])"
)

from shiftrun.files.reading.images import read_pixels
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, open_model

MODEL = Path(__file__).parent.parent / "zoo" / "dsb2018.onnx"
SAMPLE = MODEL.parent / "samples" / "nuclei.tif"


def check(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["check", str(MODEL), *options], standalone_mode=False)
    return result.return_value, result.output


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--train-window", "20", "--tile", "148"), 1, "Crop the output tiles to 144."),
        (("--train-window", "20", "--tile", "144"), 0, "0 errors"),
        (("--train-window", "16"), 1, "SL101"),
        (("--fail-on", "warning"), 0, "0 warnings"),
    ],
)
def test_check(options: tuple[str, ...], code: int, said: str) -> None:
    got, output = check(*options)
    assert (got, said in output) == (code, True), output


def test_contract() -> None:
    result = CliRunner().invoke(
        cli, ["analyze", str(MODEL), "--output-format", "json"], standalone_mode=False
    )
    (model,) = json.loads(result.stdout)["models"]
    for output in model["contract"]["outputs"]:
        assert (output["capacity"], output["upsampling"], output["location_aware"]) == (
            256,
            "learned",
            True,
        )
        assert [axis["name"] for axis in output["axes"]] == ["y", "x"]
        for axis in output["axes"]:
            assert (axis["period"], axis["step"], axis["padding"], axis["border"]) == (
                16,
                16,
                [],
                [0, 0],
            )
            assert axis["reads"] == [[0, 187]] * 4 + [[0, 203]] * 12
            assert axis["sizes"] == {
                "min": 188,
                "max": None,
                "modulus": 16,
                "residues": [12],
                "misaligned": [],
            }
            assert axis["output_size"] == {"scale": "1", "offset": 184}
            assert axis["origin"] == 92
    assert shiftlint.read_metadata(MODEL).contract == shiftlint.analyze(MODEL)


def test_windows_by_perturbation() -> None:
    """Output 0 reads 0..187 and output 4 reads 0..203: a px outside changes nothing, some px at the
    end does.
    """
    session = open_model(MODEL, device="cpu").session
    image = np.random.default_rng(0).normal(size=(1, 1, 204, 204)).astype(np.float32)
    plain = session.run(image)["embedding"]
    for start, stop, changed in ((188, 204, (4, 20)), (0, 1, (0, 20))):
        other = image.copy()
        other[..., start:stop] += 100.0
        differs = np.flatnonzero((session.run(other)["embedding"] != plain).any((0, 1, 2)))
        assert set(differs) <= set(range(*changed))
        assert len(differs) > 0


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(MODEL, device="cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """The sample three times and an odd number of px more, so that no size fits by chance."""
    sample = read_pixels(SAMPLE)
    return np.pad(sample, ((0, 261), (0, 317)), mode="reflect")


@pytest.fixture(scope="module")
def whole(model: Model, image: np.ndarray) -> dict[str, np.ndarray]:
    return model.predict(image, tile=1024, outputs=INSTANCE_OUTPUTS)


@pytest.mark.parametrize("tile", [144, 160, 272, 496])
def test_tiles_equal_the_whole_image_bit_for_bit(
    model: Model, image: np.ndarray, whole: dict[str, np.ndarray], tile: int
) -> None:
    assert model.plan(image.shape, tile=tile, outputs=INSTANCE_OUTPUTS).tile_count > 1
    stitched = model.predict(image, tile=tile, outputs=INSTANCE_OUTPUTS)
    for name in INSTANCE_OUTPUTS:
        assert stitched[name].shape[1:] == image.shape
        np.testing.assert_array_equal(stitched[name], whole[name])


def test_tile_off_the_grid_is_refused(model: Model, image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"SL301 .* tile 148 .* Crop the output tiles to 144\."):
        model.predict(image, tile=148)


def test_forced_tile_off_the_grid_differs(image: np.ndarray, whole: dict[str, np.ndarray]) -> None:
    forced = open_model(MODEL, device="cpu", force=True)
    assert not forced.plan(image.shape, tile=148).exact
    naive = forced.predict(image, tile=148)["embedding"]
    differs = (naive != whole["embedding"]).any(0)
    assert not differs[:148, :148].any()
    assert differs[148:, 148:].mean() > 0.9


def test_labels_do_not_depend_on_the_tile(model: Model) -> None:
    sample = read_pixels(SAMPLE)
    labels = model.segment(sample, tile=256)
    assert 20 < labels.max() < 80
    np.testing.assert_array_equal(model.segment(sample, tile=144), labels)
