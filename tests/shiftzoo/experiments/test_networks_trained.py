"""The small networks of the package, and the counts in their images of disks."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from shiftlint.cli import cli as lint
from shiftrun.model.open_model import open_model
from shiftzoo.cli import cli
from shiftzoo.experiments import reproduce as figures
from shiftzoo.experiments.counting import (
    Seen,
    apart,
    changed_px,
    clusters_of,
    look,
    neighbors_alike,
    scene,
    torn,
)
from shiftzoo.experiments.disk_images import disk_grid
from shiftzoo.experiments.networks_trained import CARRIED, Case, network
from shiftzoo.experiments.paper import figure2, figure4

CASES: dict[str, Case] = {
    case.name: case
    for module in figures.FIGURES
    for case in getattr(import_module(f"shiftzoo.experiments.paper.{module}"), "CASES", ())
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_every_network_is_carried_and_none_else() -> None:
    assert {path.name for path in CARRIED.iterdir()} == {f"{name}.onnx" for name in CASES}
    assert sum(path.stat().st_size for path in CARRIED.iterdir()) < 8e6


def test_a_carried_network_is_that_of_its_recipe(case: Case) -> None:
    model, recipe = open_model(CARRIED / f"{case.name}.onnx", device="cpu"), case.recipe
    assert model.metadata.contract is not None
    assert (model.metadata.name, model.metadata.bandwidth) == (case.name, case.bandwidth)
    assert model.metadata.train_window == recipe.training.window
    assert model.metadata.train_batch == recipe.training.batch_size
    assert model.metadata.unsafe_window == (case.window == case.period)
    assert model.metadata.pooling_factor == recipe.architecture.pooling
    assert [axis.period for axis in model.axes()] == [case.period] * 2
    assert model.contract.outputs[0].upsampling == case.upsampling
    assert not any(axis.padding for axis in model.axes())
    assert len(model.contract.outputs) == 1


@pytest.mark.parametrize(
    ("name", "tile", "codes"),
    [("figure4a", 16, {"SL101"}), ("figure4b", 20, {"SL301"}), ("figure4b", 16, set())],
)
def test_the_linter_names_what_breaks(name: str, tile: int, codes: set[str]) -> None:
    result = CliRunner().invoke(
        lint, ["check", str(CARRIED / f"{name}.onnx"), "--tile", str(tile)], standalone_mode=False
    )
    assert set(re.findall(r"(SL\d+) (?:error|warning)", result.output)) == codes
    assert result.return_value == bool(codes)


@pytest.mark.parametrize(
    "case", [figure2.LEARNED[0], figure2.FIXED[0], figure2.DEEPER], ids=lambda case: case.name
)
def test_an_image_that_begins_elsewhere_shows_the_same_embeddings_in_another_order(
    case: Case,
) -> None:
    """All places on the grid are there in any image: none is new to the network."""
    model = network(case)
    origin, px = model.axes()[0].origin, case.torus_px
    image = scene(case, model, px + 3 * case.spacing).image

    def centers(top: int, left: int) -> NDArray[np.float32]:
        """Embeddings (disks, E) of the central px of f^l x f^l disks."""
        found = model.predict(image[top:, left:], tile=px, pad="none", normalize="none")[
            "embedding"
        ]
        y, x = (
            np.arange(-(start + origin) % case.spacing, px, case.spacing)[: case.period]
            for start in (top, left)
        )
        return np.asarray(found[:, y][:, :, x].reshape(3, -1).T)

    first, second = centers(0, 0), centers(3, 7)
    assert len(np.unique(first, axis=0)) == case.period**2
    assert (first != second).any()
    np.testing.assert_array_equal(np.unique(first, axis=0), np.unique(second, axis=0))


def _seen(clusters: list[list[int]], truth: list[list[int]]) -> Seen:
    shown, disks = np.array(clusters, np.int32), np.array(truth, np.int32)
    return Seen(disks, np.unique(disks[disks > 0])[None], shown[None].astype(np.float32), shown)


@pytest.mark.parametrize(
    ("clusters", "alone", "in_parts", "count"),
    [
        ([[1, 1, 0, 2, 2, 0, 3, 3]], 3, 0, 3),
        ([[1, 1, 0, 1, 1, 0, 3, 3]], 1, 0, 2),  # two alike
        ([[1, 2, 0, 3, 3, 0, 4, 4]], 2, 1, 4),  # one torn
        ([[1, 2, 0, 2, 2, 0, 4, 4]], 1, 1, 3),  # a part of the torn one is like another
        ([[0, 0, 0, 2, 2, 0, 3, 3]], 2, 0, 2),  # one not seen
    ],
)
def test_counts(clusters: list[list[int]], alone: int, in_parts: int, count: int) -> None:
    seen = _seen(clusters, [[1, 1, 0, 2, 2, 0, 3, 3]])
    assert (apart(seen, seen.whole), torn(seen), clusters_of(seen, seen.whole)) == (
        alone,
        in_parts,
        count,
    )


def test_neighbors_alike_are_counted_along_both_axes() -> None:
    """Of four disks those below each other are alike, and one of them is in parts."""
    seen = _seen(
        [[1, 1, 1, 0, 2, 2], [0, 0, 0, 0, 0, 0], [1, 1, 3, 0, 2, 2]],
        [[1, 1, 1, 0, 2, 2], [0] * 6, [3, 3, 3, 0, 4, 4]],
    )
    assert neighbors_alike(replace(seen, whole=seen.whole.reshape(2, 2))) == 2
    assert neighbors_alike(replace(seen, whole=seen.whole.reshape(2, 2).T)) == 2
    assert neighbors_alike(replace(seen, whole=np.array([[1, 2], [4, 3]], np.int32))) == 0


@pytest.mark.parametrize(("other", "parts"), [(5, 0), (6, 1)])
def test_a_disk_is_torn_when_fewer_than_95_percent_of_its_px_share_a_cluster(
    other: int, parts: int
) -> None:
    seen = _seen([[1] * (100 - other) + [2] * other], [[1] * 100])
    assert torn(seen) == parts
    assert apart(seen, seen.whole) == 1 - parts


@pytest.mark.parametrize(("seams_px", "parts"), [(None, 2), (2, 2), (3, 0), (4, 1), (6, 0)])
def test_torn_disks_on_a_line_of_a_grid(seams_px: int | None, parts: int) -> None:
    """One over px 0 to 2, one over px 3 to 4; a third one is whole."""
    seen = _seen([[1, 1, 2, 3, 4, 5]], [[1, 1, 1, 2, 2, 3]])
    assert torn(seen, seams_px=seams_px) == parts


def test_changed_px_are_counted_once() -> None:
    seen = _seen([[1, 1, 0, 2]], [[1, 1, 0, 2]])
    embedding: NDArray[np.float32] = np.concatenate([seen.embedding, seen.embedding])
    reference = replace(seen, embedding=embedding)
    changed = embedding.copy()
    changed[:, 0, 0] += 1
    changed[1, 0, 2] += 1e-6
    assert changed_px(replace(seen, embedding=changed), reference) == 2
    assert changed_px(reference, reference) == 0


def test_a_scene_shows_whole_disks_with_their_numbers() -> None:
    case = figure4.WIDE
    model = network(case)
    image = scene(case, model, 60)
    seen = look(case, model, image)
    assert len(seen.whole) >= 60 // case.spacing - 2
    whole = disk_grid(case.spacing, case.radius, case.spacing, around=True)  # one disk
    assert {int((seen.truth == disk).sum()) for disk in seen.whole.flat} == {
        int((whole.label == 1).sum())
    }
    origin = model.axes()[0].origin
    np.testing.assert_array_equal(image.image[origin:-origin, origin:-origin] > 0, seen.truth > 0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> tuple[Case, ...]:
    """Figure 4 with quickly trained networks and counts that they cannot reach."""
    pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")
    cases = tuple(replace(case, steps=2, channels=1) for case in figure4.CASES)
    monkeypatch.setattr(figure4, "CASES", cases)
    return cases


def test_networks_are_trained_anew_on_request(quick: tuple[Case, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["reproduce", "figure4", "--out", str(tmp_path), "--train"])
    assert result.exit_code == 1, result.output
    assert "NOT as expected" in result.output
    assert {path.stem for path in (tmp_path / "networks").iterdir()} == {
        case.name for case in quick
    }
    assert (
        "0 (as expected: 0)" in result.output
    )  # tiles of 16 px change nothing, whatever the weights
