from __future__ import annotations

from pathlib import Path

import onnx
import pytest

pytest.importorskip("torch", reason="export needs PyTorch (the extra [train])")
pytest.importorskip("onnxruntime", reason="export compares with onnxruntime (the extra [cpu])")

import torch
from click.testing import CliRunner

from shiftlint import analyze, read_metadata
from shiftlint.cli import cli as shiftlint_cli
from shiftlint.errors import InputError
from shiftzoo.recipe import Recipe
from shiftzoo.train.export import compare, export, fold_batch_norm
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import TrainedModel
from tests.shiftzoo import tiny


def trained(recipe: Recipe) -> TrainedModel:
    torch.manual_seed(0)
    network = ValidUNet(recipe.architecture)
    network(torch.rand(4, 1, 36, 36))  # so that the batch norms have statistics of their own
    return TrainedModel(recipe, network.eval(), 0, 0.0, "cpu", False)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_both_exporters_give_the_same_contract(dynamo: bool, tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    contract = export(trained(tiny.recipe()), path, dynamo=dynamo)
    axis = contract.output("embedding").axes[0]
    assert (axis.period, axis.step, axis.padding) == (2, 2, ())
    assert axis.sizes is not None
    assert (axis.sizes.min, axis.sizes.modulus, axis.sizes.residues) == (18, 2, (0,))
    assert contract.input.shape == ("n", 1, "h", "w")
    assert contract.input.batch == "independent"
    assert {output.upsampling for output in contract.outputs} == {"learned"}
    assert {n.op_type for n in onnx.load(path).graph.node}.isdisjoint({"BatchNormalization"})


def test_metadata_and_lint(tmp_path: Path) -> None:
    recipe, path = tiny.recipe(), tmp_path / "tiny.onnx"
    contract = export(trained(recipe), path, dynamo=False)
    metadata = read_metadata(path)
    assert metadata.contract == contract == analyze(path)
    assert metadata.train_window == recipe.training.window
    assert (metadata.pooling_depth, metadata.pooling_factor) == (1, ((2, 2),))
    assert metadata.percentiles == recipe.percentiles
    result = CliRunner().invoke(
        shiftlint_cli,
        ["check", str(path), "--fail-on", "warning", "--tile", "4"],
        standalone_mode=False,
    )
    assert result.return_value == 0, result.output


def test_file_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    export(trained(tiny.recipe()), path)
    assert str(Path.cwd()).encode() not in path.read_bytes()
    assert b"/site-packages/" not in path.read_bytes()


def test_difference_from_torch_is_refused(tmp_path: Path) -> None:
    model, path = trained(tiny.recipe()), tmp_path / "tiny.onnx"
    export(model, path, dynamo=False)
    other = fold_batch_norm(model.network)
    assert compare(other, path) < 1e-4
    with torch.no_grad():
        other.embedding.weight += 0.01
    with pytest.raises(InputError, match="export differs from torch"):
        compare(other, path)


def test_nothing_is_left_of_a_failed_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> float:
        raise InputError("differs")

    monkeypatch.setattr("shiftzoo.train.export.compare", fail)
    with pytest.raises(InputError, match="differs"):
        export(trained(tiny.recipe()), tmp_path / "tiny.onnx", dynamo=False)
    assert list(tmp_path.iterdir()) == []
