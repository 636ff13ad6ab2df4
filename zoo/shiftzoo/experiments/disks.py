"""Images of equal disks on a grid: every object looks like every other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shiftzoo.datasets import Sample

RADIUS_PX = 4.5


def disk_grid(spacing: int, cells: int, *, offset: tuple[int, int] = (0, 0)) -> Sample:
    """Disks at every multiple of `spacing` px plus `offset`; uint8 image and labels of spacing·cells + 1 px per axis.

    With no offset the first and the last px of an axis are centers of disks, so that mirroring continues the grid.
    """
    size = spacing * cells + 1
    labels = np.zeros((size, size), np.int32)
    distance, number = zip(*(_along(size, spacing, start) for start in offset), strict=True)
    inside = np.hypot(distance[0][:, None], distance[1][None]) <= RADIUS_PX
    labels[inside] = (number[0][:, None] * (cells + 2) + number[1][None] + 1)[inside]
    return Sample(f"disks {spacing} px apart", np.where(inside, 200, 20).astype(np.uint8), labels)


def _along(size: int, spacing: int, start: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For every px of an axis the distance to the nearest center, and that center's number."""
    position = np.arange(size) - start % spacing + spacing
    number = np.rint(position / spacing).astype(np.int64)
    return np.abs(position - number * spacing).astype(np.float64), number
