"""Starting weights: from a training run, or rebuilt from an ONNX file with folded batch norms.

A convolution with a folded batch norm computes z + b, where z = W·x. To add a batch norm after it,
for any mean m and variance v of z, set its scale to sqrt(v) and its shift to b + m: in evaluation
mode nothing changes. With m and v measured on crops of the new data, the first training steps also
see the same values, up to the difference between batches.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from shiftlint import read_metadata
from shiftlint.errors import InputError
from shiftrun.model.open_model import resolve
from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Architecture, Recipe
from shiftzoo.train.crops import CropStream
from shiftzoo.train.export import fold_batch_norm
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import load_trained

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def find(origin: str) -> Path:
    """The run folder, file or zoo model called `origin`; InputError if there is none."""
    return Path(origin) if Path(origin).is_dir() else resolve(origin)


def starting_network(origin: Path, recipe: Recipe, samples: list[Sample]) -> ValidUNet:
    """The network of `origin`, ready for further training with `recipe` on `samples`.

    Parameters
    ----------
    origin : Path
        A training run (folder) or an ONNX file that `shiftzoo export` wrote.
    recipe : Recipe
        Its architecture must be that of the network.
    samples : list of Sample
        Their crops set the statistics of rebuilt batch norms.

    Raises
    ------
    InputError
        `origin` is neither a run nor a network of this architecture.
    """
    if origin.is_dir():
        trained = load_trained(origin)
        if trained.recipe.architecture != recipe.architecture:
            raise InputError(
                f"architectures differ ({origin}): expected {recipe.architecture}, got "
                f"{trained.recipe.architecture}. Train with a recipe of this architecture."
            )
        return trained.network
    read_metadata(origin)  # raises a clear error for a file that is not an ONNX model
    graph = onnx.load(origin).graph
    weights = {
        value.name: torch.from_numpy(numpy_helper.to_array(value).copy())
        for value in graph.initializer
    }
    stream = iter(CropStream(samples, recipe, seed=recipe.training.seed))
    crops = torch.stack([next(stream)[0] for _ in range(2 * recipe.training.batch_size)])
    return unfolded(weights, recipe.architecture, crops, where=str(origin))


def unfolded(
    weights: dict[str, Tensor], architecture: Architecture, crops: Tensor, *, where: str
) -> ValidUNet:
    """The network of the exported `weights`, with batch norms again (InputError names `where`)."""
    network = ValidUNet(architecture).eval()
    folded = fold_batch_norm(network)
    wanted = {name: tuple(value.shape) for name, value in folded.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items() if name in wanted}
    if given != wanted:
        name = next(n for n, shape in wanted.items() if given.get(n) != shape)
        raise InputError(
            f"architectures differ ({where}): expected {name} of shape {wanted[name]}, "
            f"got {given.get(name, 'none')}. "
            "Start from a network that shiftzoo exported from a recipe with this architecture."
        )
    folded.load_state_dict({name: weights[name] for name in wanted})
    for part in ("upsample", "embedding", "foreground"):
        getattr(network, part).load_state_dict(getattr(folded, part).state_dict())
    pairs = zip(
        (*network.encoder, *network.decoder), (*folded.encoder, *folded.decoder), strict=True
    )
    for block, source in pairs:
        _unfold_block(
            cast(nn.Sequential, block),
            [layer for layer in cast(nn.Sequential, source) if hasattr(layer, "weight")],
        )
    with torch.no_grad():
        network(crops)  # the hooks set the statistics, layer by layer
    for module in network.modules():
        module._forward_pre_hooks.clear()
    return network


def _unfold_block(block: nn.Sequential, sources: list[nn.Module]) -> None:
    remaining = iter(sources)
    bias: Tensor | None = None
    for layer in block:
        if isinstance(layer, BatchNorm):
            assert bias is not None
            layer.register_forward_pre_hook(_Calibration(bias))
        elif hasattr(layer, "weight"):
            source = next(remaining)
            bias = cast(Tensor, source.bias).detach()
            state = {"weight": source.weight} | ({"bias": bias} if layer.bias is not None else {})
            layer.load_state_dict(state)


class _Calibration:
    """Sets a batch norm to add `bias`, with the statistics of its first input."""

    def __init__(self, bias: Tensor) -> None:
        self.bias = bias

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(layer, BatchNorm)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        over = [axis for axis in range(inputs[0].ndim) if axis != 1]
        mean, variance = inputs[0].mean(over), inputs[0].var(over, correction=0)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        layer.weight.data.copy_((variance + layer.eps).sqrt())
        layer.bias.data.copy_(self.bias + mean)
