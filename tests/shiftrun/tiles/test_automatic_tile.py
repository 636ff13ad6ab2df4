"""`--tile auto`: which tiles fit, which is fastest, and how `plan` reports it."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from shiftlint.contract.values import Sizes
from shiftlint.errors import InputError
from shiftrun.cli import cli
from shiftrun.commands.option_types import Memory
from shiftrun.commands.plan import estimate
from shiftrun.memory.network_need import activation_bytes
from shiftrun.model.open_model import open_model
from shiftrun.tiles.automatic_tile import (
    BASE_BYTES,
    LITTLE,
    Budget,
    choices,
    fastest_tile,
    usual_px,
)
from shiftrun.tiles.label_grid import GRIDS, row_edges
from shiftrun.tiles.plan import make_plan
from tests.shiftrun.networks import axes, unet

FREE = Budget(None, 400.0)


@pytest.mark.parametrize("size", [300, 1000, 2048, 2300, 5000])
@pytest.mark.parametrize("megabytes", [250, 400, 1500])
def test_the_choice_fits_and_none_is_faster(size: int, megabytes: int) -> None:
    """Against all combinations of the sizes that a user would try."""
    grid, edges = axes("valid", 2, 4), row_edges((size, size), GRIDS[2])
    budget = Budget(megabytes * 10**6, 400.0)
    tile = fastest_tile((size, size), grid, budget, edges=edges)
    assert tile is not None
    chosen = make_plan((size, size), grid, tile=tile, edges=edges)
    assert budget.peak_bytes(chosen.read_shape) <= megabytes * 10**6
    for other in (144, 256, 272, 496, 512, 768, 1024):
        plan = make_plan((size, size), grid, tile=(other, other), edges=edges)
        if budget.peak_bytes(plan.read_shape) <= megabytes * 10**6:
            best = budget.cost(chosen.tile_count, chosen.read_shape)
            bound = LITTLE if edges else 1.03  # block by block, usual sizes may cost a little more
            assert best <= bound * budget.cost(plan.tile_count, plan.read_shape)


@pytest.mark.parametrize("size", [4096, 8192, 16384, 32768])
def test_tiles_of_large_images_do_not_grow_with_them(size: int) -> None:
    grid, edges = axes("valid", 2, 4), row_edges((size, size), GRIDS[2])
    tile = fastest_tile((size, size), grid, FREE, edges=edges)
    assert tile is not None
    assert (
        usual_px(2) / 2
        < prod(make_plan((size, size), grid, tile=tile, edges=edges).read_shape)
        <= usual_px(2)
    )


def test_workers_share_the_memory() -> None:
    one, four = (
        fastest_tile((4096,) * 2, axes("valid", 2, 4), Budget(600 * 10**6, 400.0, workers=n))
        for n in (1, 4)
    )
    assert one is not None
    assert four is not None
    assert prod(four) < prod(one)


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(InputError, match=r"--memory\): expected at least [0-9]+ MB .* got 151 MB"):
        fastest_tile((1000, 1000), axes("valid", 2, 4), Budget(BASE_BYTES + 10**6, 400.0))


def test_what_cannot_be_tiled_is_left_to_the_plan() -> None:
    axis = replace(axes("valid", 1, 4)[0], reads=None)
    assert fastest_tile((1000,), (axis,), FREE) is None
    static = replace(axes("valid", 1, 4)[0], sizes=Sizes(700, 700, 16, (12,)))
    assert {choice.read_px for choice in choices(static, 3000, "reflect", ())} == {700}


def test_no_choice_below_128() -> None:
    found = choices(axes("valid", 1, 4)[0], 5000, "reflect", ())
    assert min(choice.tile_px for choice in found) in range(128, 160)
    cut = choices(axes("valid", 1, 4)[0], 1064, "reflect", (1024,))
    assert min(choice.tile_px for choice in cut) >= 128
    assert [choice.tile_px for choice in choices(axes("valid", 1, 4)[0], 50, "reflect", ())] == [64]


def test_modeled_memory_is_that_of_the_tensors_alive(tmp_path: Path) -> None:
    """Depth 1, valid, 3 channels, by hand: largest at the second convolution of the last block, or
    at the concatenation.
    """
    path = unet(tmp_path / "net.onnx", depth=1)
    for size in (66, 130):
        inner, below = size - 4, (size - 4) // 2 - 4
        concat = (
            3 * inner**2 + 3 * (2 * below) ** 2 + 3 * (2 * below) ** 2
        )  # the skip, its crop, the upsampled
        assert activation_bytes(path, (size, size)) >= 4 * (
            concat - 3 * inner**2 + 6 * (2 * below) ** 2
        )
        assert activation_bytes(path, (size, size)) <= 4 * 6 * (concat + 6 * (2 * below) ** 2)
    assert activation_bytes(path, (130, 130)) > 3 * activation_bytes(path, (66, 66))


@pytest.mark.parametrize(
    ("text", "size"),
    [("800MB", 800_000_000), ("1.5GiB", 3 << 29), ("2g", 2 * 10**9), ("4096", 4096)],
)
def test_sizes_of_memory(text: str, size: int) -> None:
    assert Memory().convert(text, None, None) == size


def test_plan_says_time_and_memory_and_draws(tmp_path: Path) -> None:
    path, image, picture = (
        unet(tmp_path / "net.onnx", depth=2),
        tmp_path / "a.npy",
        tmp_path / "plan.png",
    )
    np.save(image, np.zeros((500, 700), np.uint8))
    arguments = [
        "plan",
        str(path),
        str(image),
        "--memory",
        "2GB",
        "--picture",
        str(picture),
        "--tile",
        "160",
    ]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "s for the network" in result.output
    assert "MB at the peak" in result.output
    with Pillow.open(picture) as drawn:
        pixels = np.asarray(drawn)
    assert (pixels == (253, 186, 116)).all(-1).sum() > 10000, "the halo"
    zoom = 1024 / 740  # before 20, after 20: the image padded
    height, width = (
        (pixels == (234, 88, 12)).all(-1).any(1).sum(),
        (pixels == (234, 88, 12)).all(-1).any(0).sum(),
    )
    assert abs(height - (160 + 48) * zoom) < 60
    assert abs(width - (160 + 48) * zoom) < 60
    with pytest.raises(InputError, match="exists"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)


def test_3d_and_1d_pictures(tmp_path: Path) -> None:
    for dimensions in (1, 3):
        path = unet(tmp_path / "net.onnx", dimensions=dimensions, depth=1)
        np.save(tmp_path / "a.npy", np.zeros((300,) if dimensions == 1 else (40, 50, 60), np.uint8))
        picture = tmp_path / f"{dimensions}.png"
        arguments = ["plan", str(path), str(tmp_path / "a.npy"), "--picture", str(picture)]
        assert CliRunner().invoke(cli, arguments, catch_exceptions=False).exit_code == 0
        assert picture.stat().st_size > 100


def test_an_output_of_fewer_axes_may_stand_first(tmp_path: Path) -> None:
    """The last axis is for channels; of the image the first output keeps one axis."""
    path = tmp_path / "net.onnx"
    text = """<ir_version: 8, opset_import: ["": 18]>
    g (float[n, h, w, 3] x) => (float[n, h, k] rows, float[n, h, w, 3] y)
        <int64[1] two = {2}> { y = Relu(x)  rows = ReduceMax<keepdims = 0>(x, two) }"""
    onnx.save(onnx.parser.parse_model(text), path)
    image = np.random.default_rng(0).standard_normal((3, 300, 200)).astype(np.float32)
    model = open_model(path, device="cpu")
    assert (model.channels, model.input_axes) == (3, (1, 2))
    assert [len(output.axes) for output in model.contract.outputs] == [1, 2]
    np.testing.assert_array_equal(
        model.predict(image, tile=128, normalize="none")["y"], np.maximum(image, 0)
    )
    assert (
        estimate(model, model.plan((300, 200), tile=128), channels=3, images=1_000_000)["seconds"]
        > 0
    )
