"""Per-image percentile normalization: `(image - low) / (high - low)`, the same for every tile of an image.

The statistics are those of the whole image. Taking them per tile would make a pixel's value depend on the tile that it
lies in, which no exact stitching survives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError

SAMPLE_PIXELS = 1 << 24  # floats: at most this many values are sorted, taken at a fixed stride


@dataclass(frozen=True, slots=True)
class Normalization:
    """The affine map from raw intensities to what the network was trained on.

    Attributes
    ----------
    low, high : float
        Intensities that map to 0 and 1, in the unit of the image.
    """

    low: float
    high: float

    def apply(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Return `image` as float32 with `low` at 0 and `high` at 1; any shape."""
        scale = np.float32(1.0 / (self.high - self.low))
        result = image.astype(np.float32)
        result -= np.float32(self.low)
        result *= scale
        return result


def percentile_normalization(image: NDArray[Any], percentiles: tuple[float, float], *, where: str = "image") -> Normalization:
    """Measure the normalization of one image.

    Parameters
    ----------
    image : array of any shape, integer or float
    percentiles : (low, high)
        In percent, as in the model's metadata `normalization`.
    where : str
        What to call the image in an error.

    Raises
    ------
    InputError
        The image holds NaN or infinite values, or its percentiles coincide (a constant image).
    """
    if image.size == 0:
        raise InputError(f"empty image ({where}): expected at least one pixel, got shape {image.shape}.")
    if image.dtype.kind in "ui" and image.dtype.itemsize <= 2:
        low, high = _histogram_percentiles(image, percentiles)
    else:
        values = image.reshape(-1)
        if not np.isfinite(values).all():
            bad = int(values.size - np.isfinite(values).sum())
            raise InputError(
                f"not a finite image ({where}): expected finite intensities, got {bad} NaN or infinite pixels. "
                "Replace them before segmentation."
            )
        stride = -(-values.size // SAMPLE_PIXELS)
        low, high = (float(v) for v in np.percentile(values[::stride].astype(np.float64), percentiles))
    if not high > low:
        raise InputError(
            f"image without contrast ({where}): expected two different intensities at percentiles {percentiles[0]:g} and "
            f"{percentiles[1]:g}, got {low:g} at both. There is nothing to segment; --normalize none skips this step."
        )
    return Normalization(low, high)


def _histogram_percentiles(image: NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Exact percentiles of an 8- or 16-bit image (linear interpolation, as np.percentile), from its histogram."""
    info = np.iinfo(image.dtype)
    counts = np.bincount(image.reshape(-1).astype(np.int64) - info.min, minlength=info.max - info.min + 1)
    cumulative = np.cumsum(counts)
    result = []
    for percentile in percentiles:
        rank = (image.size - 1) * percentile / 100
        below = int(np.floor(rank))
        at = int(np.searchsorted(cumulative, below, side="right"))
        after = int(np.searchsorted(cumulative, min(below + 1, image.size - 1), side="right"))
        result.append(at + (rank - below) * (after - at) + info.min)
    return float(result[0]), float(result[1])
