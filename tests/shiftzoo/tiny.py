"""A recipe and a data set small enough to train in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shiftzoo.data.labeled_images import Sample
from shiftzoo.recipe import Recipe, parse_recipe

RECIPE = """
name = "tiny"
description = "Disks on a dark ground"
license = "CC0-1.0"
data = "drawn"
[architecture]
pooling = [[2, 2]]
base_channels = 2
max_channels = 4
embedding_channels = 3
[training]
window = [4, 4]
steps = 4
batch_size = 2
[augmentation]
zoom = [0.8, 1.25]
gamma = [0.8, 1.25]
gain = [0.9, 1.1]
blur_px = 1.0
noise = 0.05
[inference]
percentiles = [1.0, 99.8]
bandwidth = 1.0
foreground_threshold = 0.0
min_size = 4
"""


def recipe(**changes: str) -> Recipe:
    """The tiny recipe; each change replaces the line that sets the key."""
    lines = RECIPE.splitlines()
    for key, value in changes.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    return parse_recipe("\n".join(lines), where="tiny.toml")


def disks(count: int = 3, size: int = 40) -> list[Sample]:
    """Images of noisy disks, 8-bit, with their labels."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    samples = []
    for number in range(count):
        label = np.zeros((size, size), np.int32)
        for instance, (cy, cx) in enumerate(((9, 9), (10, 28), (28, 12), (29, 30)), start=1):
            label[(y - cy) ** 2 + (x - cx) ** 2 < 36] = instance
        image = np.where(label > 0, 160, 30) + random.integers(-9, 10, label.shape)
        samples.append(Sample(f"disks{number}", image.astype(np.uint8), label))
    return samples


def write_archive(path: Path, samples: list[Sample]) -> None:
    """Write samples as an .npz archive of the layout that `read_samples` knows."""
    arrays = {f"image/{s.name}": s.image for s in samples} | {
        f"label/{s.name}": s.label for s in samples
    }
    np.savez(path, allow_pickle=False, ids=np.array([s.name for s in samples]), **arrays)
