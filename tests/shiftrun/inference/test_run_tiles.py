"""Stitched equals whole, bit for bit, through onnxruntime and the production loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shiftrun.inference.session import Session
from shiftrun.tiles.plan import Plan, make_plan, whole_plan
from tests.shiftrun.networks import axes, contract, unet
from tests.shiftrun.stitching import stitched


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


def image(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, (1, *shape)).astype(np.float32)


def by_plan(
    folder: Path, kind: str, depth: int, pixels: NDArray[np.float32], plan: Plan
) -> dict[str, NDArray[np.float32]]:
    dimensions = pixels.ndim - 1
    path = folder / f"{kind}{dimensions}{depth}.onnx"
    if not path.exists():
        unet(path, dimensions=dimensions, depth=depth, padded=kind == "padded")
    return stitched(Session(path, "cpu"), pixels, plan, contract(kind, dimensions, depth).outputs)


CASES = [
    pytest.param("valid", 4, (531, 417), (tile, tile), "reflect", id=f"valid, depth 4, tile {tile}")
    for tile in (144, 160, 272, 496)
] + [
    pytest.param("padded", 4, (531, 417), (144, 144), "reflect", id="padded, depth 4, tile 144"),
    pytest.param("padded", 2, (533, 301), (132, 260), "edge", id="padded, anisotropic tiles"),
    pytest.param("valid", 2, (533, 301), (132, 260), "edge", id="valid, anisotropic tiles, edge"),
    pytest.param("valid", 2, (533, 301), (128, 128), "constant", id="valid, constant"),
    pytest.param("valid", 2, (533, 301), (128, 128), "none", id="valid, none"),
    pytest.param("valid", 3, (1003,), (128,), "reflect", id="valid, 1d"),
    pytest.param("padded", 3, (1003,), (136,), "reflect", id="padded, 1d"),
    pytest.param("valid", 1, (141, 131, 70), (128, 128, 128), "reflect", id="valid, 3d"),
    pytest.param("padded", 1, (141, 131, 70), (128, 128, 128), "reflect", id="padded, 3d"),
]


@pytest.mark.parametrize(("kind", "depth", "shape", "tile", "pad"), CASES)
def test_stitched_is_whole(
    folder: Path, kind: str, depth: int, shape: tuple[int, ...], tile: tuple[int, ...], pad: str
) -> None:
    pixels, grid = image(*shape), axes(kind, len(shape), depth)
    plan = make_plan(shape, grid, tile=tile, pad=pad)
    assert plan.exact
    assert plan.tile_count > 1
    whole = by_plan(folder, kind, depth, pixels, whole_plan(shape, grid, pad=pad))
    for name, values in by_plan(folder, kind, depth, pixels, plan).items():
        np.testing.assert_array_equal(values, whole[name])


def test_a_wrong_tile_differs_by_force(folder: Path) -> None:
    """Tile 148 is stitched by force: tiles at multiples of the period agree, the others do not."""
    grid, pixels = axes("valid", 2, 4), image(531, 150)
    plan = make_plan((531, 150), grid, tile=(148, 496), force=True)
    whole = by_plan(folder, "valid", 4, pixels, whole_plan((531, 150), grid))["embedding"]
    naive = by_plan(folder, "valid", 4, pixels, plan)["embedding"]
    np.testing.assert_array_equal(naive[:, :148], whole[:, :148])
    assert (naive[:, 148:] != whole[:, 148:]).mean() > 0.5


def test_padded_network_by_force_differs_at_every_seam(folder: Path) -> None:
    grid, pixels = axes("padded", 2, 2), image(300, 128)
    plan = make_plan((300, 128), grid, tile=(130, 128), force=True)
    assert [tile.read for tile in plan.axes[0].tiles] == [(0, 132), (130, 262), (260, 392)]
    whole = by_plan(folder, "padded", 2, pixels, whole_plan((300, 128), grid))["embedding"]
    assert (
        by_plan(folder, "padded", 2, pixels, plan)["embedding"][:, 125:130] != whole[:, 125:130]
    ).any()


def test_unpadded_result_is_the_interior_of_the_padded_one(folder: Path) -> None:
    pixels, grid = image(301, 203), axes("valid", 2, 2)
    inner = make_plan((301, 203), grid, tile=(128, 128), pad="none")
    full = make_plan((301, 203), grid, tile=(128, 128), pad="reflect")
    none = by_plan(folder, "valid", 2, pixels, inner)["embedding"]
    box = tuple(slice(axis.origin_px, axis.origin_px + axis.output_px) for axis in inner.axes)
    np.testing.assert_array_equal(
        by_plan(folder, "valid", 2, pixels, full)["embedding"][(slice(None), *box)], none
    )


def test_progress_counts_tiles(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    grid = axes("valid", 1, 2)
    plan = make_plan((300,), grid, tile=(128,))
    path = unet(folder / "progress.onnx", dimensions=1)
    stitched(
        Session(path, "cpu"),
        image(300),
        plan,
        contract("valid", 1).outputs,
        progress=lambda *at: seen.append(at),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
