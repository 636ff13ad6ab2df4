"""Export of a trained network: ONNX with its contract, compared with torch before writing."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from shiftlint import analyze
from shiftlint.console.whole_files import whole_file
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import Contract
from shiftlint.errors import InputError
from shiftrun.inference.session import Session
from shiftzoo.recipe import Architecture, Recipe
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import TrainedModel

OPSET = 18
TOLERANCE = 1e-4  # largest difference from torch, relative to each output's standard deviation
OUTPUTS = ("embedding", "foreground")
AXES = ("z", "y", "x")


def export(trained: TrainedModel, path: Path, *, dynamo: bool = True) -> Contract:
    """Write `trained` as an ONNX file with its contract and metadata.

    Parameters
    ----------
    path : Path
        Written whole or not at all.
    dynamo : bool
        Use torch's current exporter; False selects the older one (TorchScript), which is faster and
        gives the same contract.

    Returns
    -------
    Contract
        As computed from the file.

    Raises
    ------
    InputError
        The exported network differs from torch, or its contract differs from the recipe's
        architecture.
    """
    network = fold_batch_norm(trained.network)
    architecture = trained.recipe.architecture
    with whole_file(path) as draft:
        _write_graph(network, draft, dynamo=dynamo)
        model = _cleaned(onnx.load(draft), architecture)
        onnx.save(model, draft)
        contract = analyze(draft)
        _check_contract(contract, architecture, path)
        for key, value in metadata_of(trained, contract).to_props().items():
            model.metadata_props.add(key=key, value=value)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, draft)
        compare(network, draft)
    return contract


def metadata_of(trained: TrainedModel, contract: Contract) -> Metadata:
    """The metadata of the exported file."""
    recipe: Recipe = trained.recipe
    return Metadata(
        contract=contract,
        name=recipe.name,
        description=recipe.description,
        license=recipe.license,
        data=recipe.data,
        period=recipe.architecture.period,
        pooling_depth=recipe.architecture.depth,
        pooling_factor=recipe.architecture.pooling,
        padding="valid",
        train_window=recipe.training.window,
        train_batch=recipe.training.batch_size,
        unsafe_window=trained.unsafe_window,
        percentiles=recipe.percentiles,
        bandwidth=recipe.bandwidth,
        foreground_threshold=recipe.foreground_threshold,
        min_size=recipe.min_size,
        fragment_border=recipe.fragment_border,
    )


def fold_batch_norm(network: ValidUNet) -> ValidUNet:
    """A copy in evaluation mode with batch norms folded into the convolutions before them."""
    folded = copy.deepcopy(network).cpu().eval()
    for block in (*folded.encoder, *folded.decoder):
        layers: list[nn.Module] = []
        for layer in cast(nn.Sequential, block):
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                layers[-1] = fuse_conv_bn_eval(cast(nn.Conv2d, layers[-1]), layer)
            else:
                layers.append(layer)
        block._modules = {
            str(index): layer for index, layer in enumerate(layers)
        }  # a Sequential is its modules
    return folded


def compare(network: ValidUNet, path: Path) -> float:
    """Run torch and onnxruntime on noise of two sizes; return the largest relative difference.

    Raises
    ------
    InputError
        The difference exceeds the tolerance.
    """
    session, largest = Session(path, "cpu"), 0.0
    random = np.random.default_rng(0)
    for wish in (1, 1 + max(network.architecture.period)):
        image = random.normal(size=(2, *_input_shape(network.architecture, wish))).astype(
            np.float32
        )
        with torch.no_grad():
            expected = dict(zip(OUTPUTS, network(torch.from_numpy(image)), strict=True))
        for name, got in session.run(image).items():
            want = expected[name].numpy()
            largest = max(largest, float(np.abs(got - want).max() / (want.std() + 1e-12)))
    if not largest <= TOLERANCE:
        raise InputError(
            f"export differs from torch ({path.name}): expected at most {TOLERANCE:g} standard "
            f"deviations, got {largest:g}."
        )
    return largest


def _input_shape(architecture: Architecture, wish: int) -> tuple[int, ...]:
    """The shape (C, *space) of an input whose output has at least `wish` px per axis."""
    output = architecture.output_size((wish,) * architecture.dimensions)
    return (
        architecture.in_channels,
        *(o + loss for o, loss in zip(output, architecture.offset(), strict=True)),
    )


def _write_graph(network: ValidUNet, path: Path, *, dynamo: bool) -> None:
    example = torch.rand(2, *_input_shape(network.architecture, 20))
    dynamic = (0, *range(2, example.ndim))
    # it warns about operators of packages that are not installed
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            shapes = (dict.fromkeys(dynamic, torch.export.Dim.DYNAMIC),)
            program = torch.onnx.export(
                network,
                (example,),
                None,
                input_names=["image"],
                output_names=list(OUTPUTS),
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=shapes,
                verbose=False,
            )
            assert program is not None
            program.save(path, external_data=False)
        else:
            axes = {
                name: {axis: f"{name}{axis}" for axis in dynamic} for name in ("image", *OUTPUTS)
            }
            torch.onnx.export(
                network,
                (example,),
                str(path),
                input_names=["image"],
                output_names=list(OUTPUTS),
                opset_version=17,
                dynamo=False,
                dynamic_axes=axes,
            )


def _cleaned(model: onnx.ModelProto, architecture: Architecture) -> onnx.ModelProto:
    """Remove the exporter's stack traces (they hold local paths); give sizes plain names."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    model.graph.name = "valid_unet"
    names = AXES[-architecture.dimensions :]
    for value, prefix in (
        (model.graph.input[0], ""),
        *((output, "o") for output in model.graph.output),
    ):
        del value.metadata_props[:]
        sizes = value.type.tensor_type.shape.dim
        sizes[0].dim_param = "n"
        for size, name in zip(sizes[2:], names, strict=True):
            size.dim_param = prefix + {"y": "h", "x": "w", "z": "d"}[name]
    return model


def _check_contract(contract: Contract, architecture: Architecture, path: Path) -> None:
    for output in contract.outputs:
        periods = tuple(axis.period for axis in output.axes)
        if periods != architecture.period or any(axis.padding for axis in output.axes):
            raise InputError(
                f"contract differs from the recipe ({path.name}, {output.name}): expected period "
                f"{architecture.period} and no "
                f"padding, got {periods}."
            )
