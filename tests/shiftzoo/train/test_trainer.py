from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")

import torch
from scipy import ndimage
from torch.utils.data import DataLoader

from shiftlint.errors import InputError
from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Architecture, Recipe
from shiftzoo.train.crops import CropStream, draw_crop, interpolate
from shiftzoo.train.curve import append
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import TrainingProgress, TrainingRun, load_trained, train
from tests.shiftzoo import tiny

ARCHITECTURES = [
    Architecture(((2, 2), (2, 2)), base_channels=2),
    Architecture(((2, 3),), base_channels=2, upsampling="fixed", batch_norm=False),
    Architecture(((1, 2, 2), (2, 2, 2)), base_channels=2, upsampling="fixed", convolutions=1),
    Architecture(((3,),), base_channels=2),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_output_size_is_as_computed(architecture: Architecture) -> None:
    output = architecture.output_size((5,) * architecture.dimensions)
    size = [o + loss for o, loss in zip(output, architecture.offset(), strict=True)]
    embedding, foreground = ValidUNet(architecture)(torch.rand(2, 1, *size))
    assert embedding.shape == (2, architecture.embedding_channels, *output)
    assert foreground.shape == (2, 1, *output)


@pytest.mark.parametrize("architecture", ARCHITECTURES[:2], ids=str)
def test_shift_by_the_period_moves_the_output_by_it(architecture: Architecture) -> None:
    torch.manual_seed(0)
    network = ValidUNet(architecture)
    network(
        torch.randn(4, 1, *(o + 8 for o in architecture.offset()))
    )  # statistics, so that deep features are not drowned
    network.eval()
    period = architecture.period
    size = [
        o + loss
        for o, loss in zip(architecture.output_size((6, 6)), architecture.offset(), strict=True)
    ]
    image = torch.randn(1, 1, size[0] + period[0], size[1] + period[1])
    with torch.no_grad():
        whole, shifted = network(image)[0], network(image[..., period[0] :, period[1] :])[0]
        off = network(image[..., 1 : 1 + size[0], 1 : 1 + size[1]])[0]
    aligned = (whole[..., period[0] :, period[1] :] - shifted).abs().max()
    misaligned = (whole[..., 1 : 1 + off.shape[2], 1 : 1 + off.shape[3]] - off).abs().max()
    assert aligned < 1e-5
    assert misaligned > 20 * max(aligned, 1e-5)


def test_interpolation_against_scipy() -> None:
    image = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    rows, columns = np.linspace(-4, 12, 20), np.linspace(-3, 9, 15)
    want = ndimage.map_coordinates(
        image, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="mirror"
    )
    np.testing.assert_allclose(interpolate(image, [rows, columns]), want, atol=1e-5)


def test_labels_follow_the_image() -> None:
    """Without a change of intensity, the foreground of the crop is that of its labels."""
    recipe = tiny.recipe(
        zoom="[1.0, 1.0]",
        gamma="[1.0, 1.0]",
        gain="[1.0, 1.0]",
        blur_px="0.0",
        noise="0.0",
        window="[20, 20]",
    )
    sample = tiny.disks(1)[0]
    random = np.random.default_rng(3)
    for _ in range(20):
        crop, label = draw_crop((sample.label > 0).astype(np.float32), sample.label, recipe, random)
        margin = [(c - w) // 2 for c, w in zip(crop.shape, label.shape, strict=True)]
        inner = crop[margin[0] :, margin[1] :][: label.shape[0], : label.shape[1]]
        np.testing.assert_array_equal(inner > 0.5, label > 0)


def test_crowded_fields_are_drawn_more_often() -> None:
    """A crop of 20 px shows a quarter of the 8 objects of the second field; the last has none and
    is drawn all the same.
    """
    corners = np.zeros((20, 20), np.int32)
    corners[::6, ::6] = np.arange(1, 17).reshape(4, 4)
    wide = np.zeros((40, 40), np.int32)
    wide[::12, ::20] = np.arange(1, 9).reshape(4, 2)
    fields = [corners, wide, np.zeros((20, 20), np.int32)]
    samples = [
        Sample(str(number), np.random.default_rng(0).random(label.shape), label)
        for number, label in enumerate(fields)
    ]
    stream = CropStream(samples, tiny.recipe(window="[20, 20]"), seed=0)
    np.testing.assert_allclose(stream.shown, [16, 2, 1])


def test_fields_that_are_missed_are_drawn_more_often() -> None:
    label = np.ones((20, 20), np.int32)
    samples = [
        Sample(str(number), np.random.default_rng(0).random(label.shape), label)
        for number in range(2)
    ]
    plain, hard = (
        tiny.recipe(window="[20, 20]", batch_size=f"2\nhard_fields = {wish}")
        for wish in ("false", "true")
    )

    def drawn(recipe: Recipe) -> int:
        stream = CropStream(samples, recipe, seed=0)
        for _ in range(20):
            stream.note(torch.tensor([0, 1]), torch.tensor([0.6, 0.2]))
        return [number for _, (_, _, number) in zip(range(400), stream, strict=False)].count(0)

    assert drawn(plain) / 400 == pytest.approx(0.5, abs=0.08)
    assert drawn(hard) / 400 == pytest.approx(0.75, abs=0.08)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return tiny.recipe()


@pytest.fixture(scope="module")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(recipe, tiny.disks(), folder, device="cpu")
    return folder


def test_run_leaves_a_checkpoint_and_the_recipe(finished: Path, recipe: Recipe) -> None:
    trained = load_trained(finished)
    assert (trained.step, trained.recipe, trained.unsafe_window) == (
        recipe.training.steps,
        recipe,
        False,
    )
    assert {p.name for p in finished.iterdir()} == {
        "checkpoint.pt",
        "curve.csv",
        "curve.png",
        "recipe.toml",
    }


def test_training_goes_on_where_it_stopped(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shiftzoo.train.trainer.LOG_EVERY", 1)
    steps: list[int] = []
    train(recipe, tiny.disks(), tmp_path / "run", minutes=1e-9, device="cpu")
    append(tmp_path / "run", (3, *[0.0] * 7))  # steps of a session that was killed
    append(tmp_path / "run", (2, *[0.0] * 7))
    train(
        recipe,
        tiny.disks(),
        tmp_path / "run",
        resume=True,
        device="cpu",
        report=lambda p: steps.append(p.step),
    )
    with (tmp_path / "run" / "curve.csv").open() as file:
        logged = [int(r["step"]) for r in csv.DictReader(file)]
    assert logged == list(range(1, recipe.training.steps + 1))
    assert steps[-1] == recipe.training.steps


def test_interrupt_keeps_what_was_learned(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shiftzoo.train.trainer.LOG_EVERY", 2)

    def interrupt(progress: TrainingProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, tiny.disks(), tmp_path / "run", device="cpu", report=interrupt)
    assert load_trained(tmp_path / "run").step == 2


def test_existing_run_is_not_overwritten(finished: Path, recipe: Recipe) -> None:
    with pytest.raises(InputError, match="pass --resume to continue it"):
        train(recipe, tiny.disks(), finished, device="cpu")


def test_nothing_to_resume(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="omit --resume"):
        train(recipe, tiny.disks(), tmp_path, resume=True, device="cpu")


def test_checkpoint_of_another_recipe(finished: Path) -> None:
    with pytest.raises(InputError, match="checkpoint of a different recipe"):
        train(tiny.recipe(steps="5"), tiny.disks(), finished, resume=True, device="cpu")


def test_unsafe_window_needs_a_word_and_is_recorded(tmp_path: Path) -> None:
    unsafe = tiny.recipe(window="[2, 2]", steps="1")
    with pytest.raises(InputError, match="rule SL101"):
        train(unsafe, tiny.disks(), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
    assert train(
        unsafe, tiny.disks(), tmp_path / "run", device="cpu", allow_unsafe_window=True
    ).unsafe_window
    assert load_trained(tmp_path / "run").unsafe_window


def test_inference_settings_may_be_tuned_after_training(finished: Path) -> None:
    trained = load_trained(finished)
    assert trained.described_by(tiny.recipe(bandwidth="2.0")).recipe.bandwidth == 2.0
    with pytest.raises(InputError, match=r"recipe of a different training \(tiny, training\)"):
        trained.described_by(tiny.recipe(steps="5"))


def test_broken_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 no checkpoint")
    with pytest.raises(InputError, match="broken checkpoint"):
        load_trained(tmp_path)


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_convolutions_on_a_cpu_are_in_what_it_multiplies_itself(
    native: bool,
    dtype: torch.dtype,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    run = TrainingRun(recipe, tmp_path, torch.device("cpu"), unsafe_window=False)
    found: list[torch.dtype] = []
    run.network.register_forward_hook(
        lambda _, __, outputs: found.extend(output.dtype for output in outputs)
    )
    image, labels, _ = next(
        iter(DataLoader(CropStream(tiny.disks(), recipe, seed=0), batch_size=2))
    )
    run.learn(image, labels, 1e-3)
    assert found == [dtype, dtype]


def test_a_training_that_diverges_is_not_saved(recipe: Recipe, tmp_path: Path) -> None:
    steep = replace(recipe, training=replace(recipe.training, learning_rate=1e30))
    with pytest.raises(
        InputError, match=r"training diverged .* expected a finite loss, got (nan|inf)"
    ):
        train(steep, tiny.disks(), tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_not_replaced_silently(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a GPU"):
        train(recipe, tiny.disks(), tmp_path, device="cuda")
