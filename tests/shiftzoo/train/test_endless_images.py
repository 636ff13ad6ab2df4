"""Training on a torus computes the network's output on the endless image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")

import torch

from shiftzoo.experiments.disk_images import disk_grid, displacement
from shiftzoo.experiments.networks_trained import Case
from shiftzoo.train.endless_images import on_torus, to_output, train_on_torus, windows
from shiftzoo.train.network import ValidUNet

CASES = [
    Case("learned", 2, 5, 3),
    Case("fixed", 3, 7, 3, upsampling="fixed", radius=2.0),
    Case("one", 1, 5, 3, channels=2),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_convolutions_that_go_round_are_those_of_the_endless_image(case: Case) -> None:
    torch.manual_seed(0)
    network, px = ValidUNet(case.recipe.architecture), case.torus_px
    image = torch.randn(1, 1, px, px)
    offset = network.architecture.offset()[0]
    size = network.architecture.output_size((px + case.period,) * 2)[0]
    endless = image.repeat(1, 1, *[-(-(size + offset) // px)] * 2)[
        :, :, : size + offset, : size + offset
    ]
    with torch.no_grad():
        torus, plane = on_torus(network, image), network(endless)[0]
    assert torus.std() > 0
    torch.testing.assert_close(torus, plane[:, :, :px, :px], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_labels_lie_where_the_output_of_their_px_lies(case: Case) -> None:
    """The network's output px 0 is at input px offset / 2."""
    px, offset = case.torus_px, case.recipe.architecture.offset()[0]
    labels = torch.arange(px * px).reshape(1, 1, px, px)
    moved = to_output(labels, case.recipe.architecture)
    assert moved[0, 0, 0, 0] == labels[0, 0, offset // 2 % px, offset // 2 % px]


def test_windows_begin_at_the_multiples_of_the_period_and_go_round() -> None:
    case = Case("windows", 2, 3, 1, window=6, radius=1.0)
    assert case.torus_px == 12
    torus = torch.arange(144).reshape(1, 1, 12, 12)
    found = windows(torus, case.recipe)
    assert found.shape == (9, 1, 6, 6)
    endless = torus.repeat(1, 1, 2, 2)
    for number, window in enumerate(found):
        top, left = 4 * (number // 3), 4 * (number % 3)
        torch.testing.assert_close(window, endless[0, :, top : top + 6, left : left + 6])


def test_a_window_that_holds_all_is_the_torus() -> None:
    case = Case("all", 2, 3, 1, radius=1.0)
    torus = torch.arange(144).reshape(1, 1, 12, 12)
    assert windows(torus, case.recipe) is torus


def test_the_windows_see_every_place_of_a_disk_on_the_grid() -> None:
    """(Co-prime spacing)^2 windows, each with different positions of its disks."""
    case = Case("all", 3, 5, 1, window=12, radius=1.5)
    image = torch.from_numpy(case.draw(np.random.default_rng(0)).image)[None, None]
    found = windows(image, case.recipe).reshape(-1, 144).numpy()
    assert len(np.unique(found, axis=0)) == case.recipe.training.batch_size == 25


def test_another_number_of_windows_than_the_recipe_names_is_refused() -> None:
    case = Case("windows", 2, 3, 1, window=6, radius=1.0)
    with pytest.raises(ValueError, match="expected a batch of 9, got 36"):
        windows(torch.zeros(1, 1, 24, 24), case.recipe)


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    def trained(seed: int) -> torch.Tensor:
        case = Case("seeded", 1, 5, 3, radius=1.5, noise=0.1, seed=seed)
        return torch.cat(
            [
                p.detach().reshape(-1)
                for p in train_on_torus(case.recipe, case.draw).network.parameters()
            ]
        )

    torch.testing.assert_close(trained(0), trained(0), rtol=0, atol=0)
    assert not torch.equal(trained(0), trained(1))


def test_training_tells_disks_apart() -> None:
    case = Case("short", 1, 5, 200, radius=1.5)
    start, end = (
        train_on_torus(replace(case, steps=steps).recipe, case.draw).network for steps in (1, 200)
    )
    sample = case.draw(np.random.default_rng(0))
    spread = []
    for network in (start, end):
        with torch.no_grad():
            embedding = on_torus(network, torch.from_numpy(sample.image)[None, None])[0].numpy()
        labels = to_output(torch.from_numpy(sample.label)[None, None], case.recipe.architecture)[
            0, 0
        ].numpy()
        means = np.array([embedding[:, labels == disk].mean(1) for disk in range(1, 5)])
        spread.append(min(np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]))
    assert spread[1] > spread[0] + 1


def test_disks_on_a_torus_repeat() -> None:
    torus, plane = disk_grid(5, 1.5, 10, around=True), disk_grid(5, 1.5, 31)
    np.testing.assert_array_equal(np.tile(torus.image, (3, 3)), plane.image[:30, :30])
    assert set(np.unique(torus.label)) == {0, 1, 2, 3, 4}
    assert ((torus.label > 0) == (torus.image > 0)).all()
    with pytest.raises(ValueError, match="multiple of 5 px, got 12"):
        disk_grid(5, 1.5, 12, around=True)


def test_every_disk_of_a_deformed_torus_remains() -> None:
    sample = disk_grid(
        16, 4.5, 64, around=True, deformation_px=1.5, random=np.random.default_rng(3)
    )
    assert set(np.unique(sample.label)) == set(range(17))


def test_a_deformation_goes_round() -> None:
    """Between the last and the first px it changes no more than between any neighbors."""
    field = displacement(64, 1.5, np.random.default_rng(3))
    np.testing.assert_allclose(field.std(), 1.5)
    for axis in (1, 2):
        steps = np.abs(np.diff(np.concatenate([field, np.take(field, [0], axis)], axis), axis=axis))
        assert np.take(steps, -1, axis).max() <= np.delete(steps, -1, axis).max()
