from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the extra [train])")
pytest.importorskip("onnxruntime", reason="export compares with onnxruntime (the extra [cpu])")

import torch

from shiftlint.errors import InputError
from shiftzoo.train.export import export
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.starting_weights import starting_network
from shiftzoo.train.trainer import load_trained, train
from tests.shiftzoo import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(tiny.recipe(), tiny.disks(), folder, device="cpu")
    return folder


def outputs(network: ValidUNet, image: torch.Tensor) -> list[np.ndarray]:
    with torch.no_grad():
        return [values.numpy() for values in network(image)]


@pytest.mark.parametrize("kind", ["run", "onnx"])
def test_a_start_computes_what_its_origin_did(kind: str, run: Path, tmp_path: Path) -> None:
    origin = run
    if kind == "onnx":
        origin = tmp_path / "tiny.onnx"
        export(load_trained(run), origin, dynamo=False)
    image = torch.rand(2, 1, 36, 36)
    network = starting_network(origin, tiny.recipe(), tiny.disks())
    for got, want in zip(
        outputs(network.eval(), image), outputs(load_trained(run).network, image), strict=True
    ):
        np.testing.assert_allclose(got, want, atol=1e-4 * want.std())


def test_rebuilt_batch_norms_have_the_statistics_of_the_new_data(run: Path, tmp_path: Path) -> None:
    """In training mode, on data like that of the calibration, the network stays near the one that
    was exported.
    """
    origin = tmp_path / "tiny.onnx"
    export(load_trained(run), origin, dynamo=False)
    network = starting_network(origin, tiny.recipe(), tiny.disks())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 6
    for norm in norms:
        assert norm.running_var is not None
        np.testing.assert_allclose(
            norm.weight.detach(), (norm.running_var + norm.eps).sqrt(), rtol=1e-5
        )
        assert not torch.equal(norm.running_var, torch.ones_like(norm.running_var))
        assert not norm._forward_pre_hooks


def test_training_begins_with_the_start(tmp_path: Path) -> None:
    start = ValidUNet(tiny.recipe().architecture)
    for parameter in start.parameters():
        torch.nn.init.constant_(parameter, 0.7)
    trained = train(tiny.recipe(), tiny.disks(), tmp_path / "run", device="cpu", start=start)
    for parameter in trained.network.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.7), atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", ["run", "onnx"])
def test_another_architecture_is_refused(kind: str, run: Path, tmp_path: Path) -> None:
    origin = run
    if kind == "onnx":
        origin = tmp_path / "tiny.onnx"
        export(load_trained(run), origin, dynamo=False)
    with pytest.raises(InputError, match="architectures differ"):
        starting_network(origin, tiny.recipe(embedding_channels="4"), tiny.disks())


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(InputError, match="SL001"):
        starting_network(tmp_path / "text.onnx", tiny.recipe(), tiny.disks())
