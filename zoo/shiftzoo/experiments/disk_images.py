"""Images of equal disks on a grid: all objects look the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from shiftzoo.data.labeled_images import Sample

SMOOTH_PX = 6.0  # standard deviation of the Gaussian that makes a deformation smooth


def disk_grid(
    spacing: int,
    radius: float,
    size: int,
    *,
    around: bool = False,
    noise: float = 0.0,
    deformation_px: float = 0.0,
    random: np.random.Generator | None = None,
) -> Sample:
    """Disks `spacing` px apart, the first centered at px 0 of both axes.

    Parameters
    ----------
    radius : float
        Px; less than half the spacing.
    size : int
        Px per axis.
    around : bool
        Join the parts of a disk at opposite borders: the image is a torus, and `size` must be a
        multiple of `spacing`.
    noise : float
        Standard deviation; disks are 1, the background is 0.
    deformation_px : float
        Standard deviation of a smooth random displacement.
    random : numpy Generator
        For noise and deformation.

    Returns
    -------
    Sample
        Image (size, size) of float32; labels 1, 2, … row by row.

    Raises
    ------
    ValueError
        The size of a torus is not a multiple of the spacing.
    """
    if around and size % spacing:
        raise ValueError(f"torus of disks: expected a multiple of {spacing} px, got {size}")
    random = random or np.random.default_rng(0)
    y, x = np.indices((size, size)) + displacement(size, deformation_px, random)
    row, column = (np.rint(position / spacing).astype(np.int64) for position in (y, x))
    inside = np.hypot(y - row * spacing, x - column * spacing) <= radius
    columns = size // spacing if around else size // spacing + 3
    if around:
        row, column = row % columns, column % columns
    else:
        row, column = row + 1, column + 1  # a deformation may show a disk from beyond the border
    labels = np.where(inside, row * columns + column + 1, 0).astype(np.int32)
    image = inside.astype(np.float32)
    if noise:
        image += random.normal(0, noise, image.shape).astype(np.float32)
    return Sample(f"disks {spacing} px apart", image, labels)


def displacement(
    size: int, deformation_px: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """A smooth periodic field (2, size, size), px."""
    if not deformation_px:
        return np.zeros((2, size, size))
    field = np.stack(
        [
            ndimage.gaussian_filter(random.normal(size=(size, size)), SMOOTH_PX, mode="wrap")
            for _ in range(2)
        ]
    )
    return np.asarray(field * (deformation_px / field.std()))
