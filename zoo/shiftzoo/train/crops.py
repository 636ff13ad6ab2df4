"""Random training crops: an image crop of the network's input size and labels of the loss window.

Cropping, zooming and mirroring at the image border are one separable interpolation: along every
axis each px of the crop has a coordinate in the source, reflected into the image, and is
interpolated linearly (labels: nearest) from its neighbors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from shiftrun.inference.normalization import percentile_normalization
from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Augmentation, Recipe

EASIEST = 0.01  # fields without mistakes are still drawn occasionally
Crop = tuple[NDArray[np.float32], NDArray[np.int64]]


class CropStream(IterableDataset[tuple[Tensor, Tensor, int]]):
    """An endless stream of augmented crops, their labels and their field numbers.

    Crops are (1, *input) float32, labels (*window) int64. Fields are drawn in proportion to the
    number of objects that a crop of them shows. With `hard_fields` they are also weighted by
    `missed` (fields,): the share of foreground that the network missed or invented in crops of the
    field, shared with the workers.
    """

    missed: Tensor

    def __init__(self, samples: list[Sample], recipe: Recipe, *, seed: int) -> None:
        self.images = [
            percentile_normalization(s.image, recipe.percentiles, where=s.name).apply(s.image)
            for s in samples
        ]
        self.labels = [s.label for s in samples]
        self.recipe = recipe
        self.seed = seed
        shown = [
            objects(label) * np.prod(np.minimum(1, np.divide(recipe.training.window, label.shape)))
            for label in self.labels
        ]
        self.shown = np.array(shown)  # crowded fields more often
        self.missed = torch.ones(len(samples)).share_memory_()  # type: ignore[no-untyped-call]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, int]]:
        worker = get_worker_info()
        random = np.random.default_rng((self.seed, worker.id if worker else 0))
        while True:
            weight = (
                self.shown * self.missed.numpy() if self.recipe.training.hard_fields else self.shown
            )
            index = random.choice(len(self.images), p=weight / weight.sum())
            image, label = draw_crop(self.images[index], self.labels[index], self.recipe, random)
            yield torch.from_numpy(image[None]), torch.from_numpy(label), int(index)

    def note(self, fields: Tensor, missed: Tensor) -> None:
        """Average the shares `missed` (B,) in crops of `fields` (B,) into the stored ones, by half:
        one crop is not the whole field.
        """
        self.missed[fields] = (self.missed[fields] + missed.cpu().clamp(min=EASIEST)) / 2


def objects(label: NDArray[np.int32]) -> int:
    """The number of objects, at least 1, so that empty fields are also drawn occasionally."""
    return max(1, int(np.count_nonzero(np.unique(label))))


def draw_crop(
    image: NDArray[np.float32],
    label: NDArray[np.int32],
    recipe: Recipe,
    random: np.random.Generator,
) -> Crop:
    """Draw one augmented crop of a normalized image: (*input) float32 and (*window) int64."""
    architecture, augmentation = recipe.architecture, recipe.augmentation
    window = recipe.training.window
    output = architecture.output_size(window)
    size = tuple(o + loss for o, loss in zip(output, architecture.offset(), strict=True))
    zoom = float(np.exp(random.uniform(*np.log(augmentation.zoom))))

    coordinates = []
    for n, px, out in zip(image.shape, size, window, strict=True):
        seen = out / zoom  # px of the source under the training window
        margin = (px / zoom - seen) / 2
        low, high = (0.0, n - seen) if n > seen else (n - seen, 0.0)
        start = random.uniform(low, high) - margin
        if zoom == 1.0:
            start = float(round(start))
        coordinates.append((np.arange(px) + 0.5) / zoom - 0.5 + start)

    crop = interpolate(image, coordinates)
    inner = [c[(len(c) - out) // 2 :][:out] for c, out in zip(coordinates, window, strict=True)]
    target = label[
        np.ix_(
            *(
                _reflected(np.rint(c).astype(np.int64), n)
                for c, n in zip(inner, label.shape, strict=True)
            )
        )
    ]
    crop, target = _mirror(crop, target, augmentation, random)
    crop = _change_intensities(crop, augmentation, random)
    return np.ascontiguousarray(crop), np.ascontiguousarray(target).astype(np.int64)


def interpolate(
    image: NDArray[np.float32], coordinates: list[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Interpolate linearly at the outer product of `coordinates`, mirrored at the borders.

    The coordinates are px, one array per axis.
    """
    result = image
    for axis, position in enumerate(coordinates):
        below = np.floor(position).astype(np.int64)
        fraction = (position - below).astype(np.float32)
        n = image.shape[axis]
        lower = result.take(_reflected(below, n), axis)
        if fraction.any():
            upper = result.take(_reflected(below + 1, n), axis)
            shape = [1] * image.ndim
            shape[axis] = -1
            lower = lower + (upper - lower) * fraction.reshape(shape)
        result = lower
    return result


def _reflected(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Fold indices into 0..n-1 by mirroring about the border px (numpy's "reflect")."""
    if n == 1:
        return np.zeros_like(index)
    folded = np.abs(index) % (2 * n - 2)
    return np.asarray(np.minimum(folded, 2 * n - 2 - folded))


def _mirror(
    crop: NDArray[np.float32],
    target: NDArray[np.int32],
    augmentation: Augmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Random flips of every axis and quarter turns of the last two axes if the crop is square."""
    if augmentation.flip:
        axes = tuple(axis for axis in range(crop.ndim) if random.random() < 0.5)
        crop, target = np.flip(crop, axes), np.flip(target, axes)
    if (
        augmentation.quarter_turns
        and crop.ndim > 1
        and crop.shape[-1] == crop.shape[-2]
        and target.shape[-1] == target.shape[-2]
    ):
        turns = int(random.integers(4))
        crop, target = np.rot90(crop, turns, (-2, -1)), np.rot90(target, turns, (-2, -1))
    return crop, target


def _change_intensities(
    crop: NDArray[np.float32], augmentation: Augmentation, random: np.random.Generator
) -> NDArray[np.float32]:
    """Random blur, gamma, gain and noise."""
    if augmentation.blur_px and random.random() < 0.3:
        crop = ndimage.gaussian_filter(crop, random.uniform(0, augmentation.blur_px))
    if augmentation.gamma != (1.0, 1.0) and random.random() < 0.7:
        gamma = np.exp(random.uniform(*np.log(augmentation.gamma)))
        crop = np.sign(crop) * np.abs(crop) ** np.float32(gamma)
    gain = np.float32(np.exp(random.uniform(*np.log(augmentation.gain))))
    crop = crop * gain
    if augmentation.noise:
        crop = crop + random.normal(0, random.uniform(0, augmentation.noise), crop.shape).astype(
            np.float32
        )
    return crop.astype(np.float32)
