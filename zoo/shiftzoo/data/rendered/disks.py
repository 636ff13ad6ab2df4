"""Disks of several sizes and brightnesses, many of them touching, on an uneven background."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from shiftzoo.data.labeled_images import Sample, numbered

SIZE = 192  # px per axis
RADIUS = (5.0, 13.0)
OVERLAP = 0.85  # smallest distance between two centers, as a share of the sum of their radii


def draw_disks(random: np.random.Generator, name: str) -> Sample:
    """One image (192, 192) of uint8 and its labels."""
    y, x = np.mgrid[:SIZE, :SIZE]
    nearest = np.ones((SIZE, SIZE))  # distance to the nearest disk's center, in its radii
    label = np.zeros((SIZE, SIZE), np.int32)
    shade = np.zeros((SIZE, SIZE))
    placed: list[tuple[float, float, float]] = []
    for _ in range(int(random.integers(5, 90))):
        radius = random.uniform(*RADIUS)
        cy, cx = random.uniform(-radius / 2, SIZE + radius / 2, 2)
        if any(np.hypot(cy - oy, cx - ox) < OVERLAP * (radius + other) for oy, ox, other in placed):
            continue
        placed.append((cy, cx, radius))
        distance = np.hypot(y - cy, x - cx) / radius
        inside = distance < nearest
        nearest[inside], label[inside], shade[inside] = (
            distance[inside],
            len(placed),
            random.uniform(0.35, 1.0),
        )
    return Sample(name, _photograph(shade, random), numbered(label))


def _photograph(shade: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add blur, an uneven background and noise; uint8."""
    blurred = ndimage.gaussian_filter(shade, random.uniform(0.4, 1.4))
    slope = random.uniform(-0.1, 0.1, 2)
    y, x = np.mgrid[: shade.shape[0], : shade.shape[1]] / max(shade.shape) - 0.5
    ground = random.uniform(0.05, 0.25) + slope[0] * y + slope[1] * x
    noisy = 0.7 * blurred + ground + random.normal(0, random.uniform(0.01, 0.06), shade.shape)
    return np.asarray(np.clip(np.rint(255 * noisy), 0, 255), np.uint8)
