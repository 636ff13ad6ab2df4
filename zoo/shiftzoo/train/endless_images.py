"""Training on an endless, repeating image: every step sees all of it and computes nothing twice.

An image with a period of n px, n a multiple of f^l, is a torus. The output of a network of valid
convolutions on the endless image also repeats every n px, and circular convolutions compute exactly
this output, without the px that valid ones lose (184 per axis at l = 4). The training windows of w
px begin at multiples of f^l, as the network's own outputs of w px do. The torus has n / f^l windows
per axis, which are all that exist. They are the batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Architecture, Recipe
from shiftzoo.train.loss import discriminative_loss
from shiftzoo.train.network import ValidUNet
from shiftzoo.train.trainer import TrainedModel


def train_on_torus(recipe: Recipe, draw: Callable[[np.random.Generator], Sample]) -> TrainedModel:
    """Train the embedding of `recipe` on the CPU: Adam, float32, a new torus in every step.

    The foreground is not trained.

    Parameters
    ----------
    recipe : Recipe
        With `training.batch_size` = (n / f^l)^2 windows per step. The window may be too small: the
        experiments show its effect.
    draw : callable (random) to Sample
        Image (n, n) of float32; in its labels an object that the border cuts continues at the
        opposite border.

    Returns
    -------
    TrainedModel
        With the running average of the weights.

    Raises
    ------
    ValueError
        The image does not have as many windows as the recipe's batch.
    """
    settings, architecture = recipe.training, recipe.architecture
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    network = ValidUNet(architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    _start(network)
    running = get_ema_multi_avg_fn(settings.average_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=running)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    began = time.monotonic()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
            )
        sample = draw(random)
        image, labels = (
            torch.from_numpy(sample.image)[None, None],
            torch.from_numpy(sample.label.astype(np.int64))[None, None],
        )
        embedding = on_torus(network, image.contiguous(memory_format=torch.channels_last))
        truth = windows(to_output(labels, architecture), recipe)[:, 0]
        terms = discriminative_loss(windows(embedding, recipe), truth, recipe.loss)
        loss = (
            recipe.loss.pull * terms["pull"]
            + recipe.loss.push * terms["push"]
            + recipe.loss.length * terms["length"]
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_clip)
        optimizer.step()
        average.update_parameters(network)
    trained = average.module
    assert isinstance(trained, ValidUNet)
    unsafe = any(
        w <= period for w, period in zip(settings.window, architecture.period, strict=True)
    )
    return TrainedModel(
        recipe, trained.eval(), settings.steps, time.monotonic() - began, "cpu", unsafe
    )


def on_torus(network: ValidUNet, image: Tensor) -> Tensor:
    """The embedding (1, E, n, n) of the endless image that repeats `image` (1, C, n, n).

    n is a multiple of f^l. Px i of the output is px i of the network's output on the endless image
    from its px 0 on.
    """
    around = 2 * network.architecture.convolutions  # px that a block takes off

    def block(layers: torch.nn.Module, x: Tensor) -> Tensor:
        wrapped: Tensor = layers(functional.pad(x, (0, around, 0, around), mode="circular"))
        return wrapped

    skips = [block(network.encoder[0], image)]
    for pool, layers in zip(network.pool, network.encoder[1:], strict=True):
        skips.append(block(layers, pool(skips[-1])))
    x = skips.pop()
    for level in reversed(range(network.architecture.depth)):
        crop_y, crop_x = network.architecture.skip_crop(level)
        skip = torch.roll(skips[level], (-crop_y, -crop_x), (2, 3))
        x = block(network.decoder[level], torch.cat([skip, network.upsample[level](x)], dim=1))
    embedding: Tensor = network.embedding(x)
    return embedding


def to_output(labels: Tensor, architecture: Architecture) -> Tensor:
    """Labels (1, 1, n, n) of the image, moved to the place of their output of `on_torus`."""
    shift_y, shift_x = (-offset // 2 for offset in architecture.offset())
    return torch.roll(labels, (shift_y, shift_x), (2, 3))


def windows(x: Tensor, recipe: Recipe) -> Tensor:
    """The training windows (batch, C, *window) of a torus (1, C, n, n).

    A window as large as the torus is the torus itself. ValueError if their number is not the batch.
    """
    window, period = recipe.training.window, recipe.architecture.period
    if tuple(x.shape[2:]) == window:
        found = x
    else:
        over_y, over_x = (max(0, w - p) for w, p in zip(window, period, strict=True))
        x = x.repeat(1, 1, 2, 2)[:, :, : x.shape[2] + over_y, : x.shape[3] + over_x]
        # (1, C, rows, columns, *window)
        tiles = x.unfold(2, window[0], period[0]).unfold(3, window[1], period[1])
        found = tiles.permute(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1], *window)
    if len(found) != recipe.training.batch_size:
        raise ValueError(
            f"windows ({recipe.name}): expected a batch of {recipe.training.batch_size}, got "
            f"{len(found)}"
        )
    return found


def _start(network: ValidUNet) -> None:
    """Set weights that keep the variance of the signal (He et al. 2015): there is no batch norm.

    The foreground head, which is not trained, gives 0.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            torch.nn.init.zeros_(module.bias)
    torch.nn.init.zeros_(network.foreground.weight)
