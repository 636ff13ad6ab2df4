"""Per-image percentile normalization: `(image - low) / (high - low)`, the same for every tile.

The statistics are those of the whole image. With statistics per tile, a pixel's value would depend
on its tile, and stitching could not be exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.readers import Reader, as_reader, read_bands

SAMPLE_PIXELS = 1 << 24  # floats: at most this many values are sorted, sampled at a fixed stride
HISTOGRAM_BYTES = 1 << 23  # of a band: counting needs 8 bytes per px


class NoContrast(InputError):
    """An image of one intensity: there is nothing to normalize or segment."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """The affine map from raw intensities to the range of the network's training.

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


def percentile_normalization(
    image: NDArray[Any] | Reader, percentiles: tuple[float, float], *, where: str = "image"
) -> Normalization:
    """Measure the normalization of one image.

    Parameters
    ----------
    image : array or Reader of any shape, integer or float
        A reader is read once from end to end, by bands.
    percentiles : (low, high)
        In percent, as in the model's metadata `normalization`.
    where : str
        The name of the image in errors.

    Raises
    ------
    InputError
        The image holds NaN or infinite values.
    NoContrast
        Its percentiles coincide: a constant image.
    """
    reader = as_reader(image)
    if 0 in reader.shape:
        raise InputError(
            f"empty image ({where}): expected at least one pixel, got shape {reader.shape}."
        )
    if reader.dtype.kind in "ui" and reader.dtype.itemsize <= 2:
        low, high = _histogram_percentiles(reader, percentiles)
    else:
        low, high = (float(v) for v in np.percentile(_sample(reader, where), percentiles))
    if not high > low:
        raise NoContrast(
            f"image without contrast ({where}): expected two different intensities at percentiles "
            f"{percentiles[0]:g} and "
            f"{percentiles[1]:g}, got {low:g} at both. There is nothing to segment; --normalize "
            "none skips this step."
        )
    return Normalization(low, high)


def _sample(reader: Reader, where: str) -> NDArray[np.float64]:
    """At most `SAMPLE_PIXELS` values, at a fixed stride through the image; checks all values."""
    stride = -(-math.prod(reader.shape) // SAMPLE_PIXELS)
    taken, position, bad = [], 0, 0
    for values in read_bands(reader):
        bad += int(values.size - np.isfinite(values).sum())
        taken.append(values[-position % stride :: stride].astype(np.float64))
        position += values.size
    if bad:
        raise InputError(
            f"not a finite image ({where}): expected finite intensities, got {bad} NaN or "
            "infinite pixels. "
            "Replace them before segmentation."
        )
    return np.concatenate(taken)


def _histogram_percentiles(reader: Reader, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Exact percentiles of an 8- or 16-bit image from its histogram (linear, as np.percentile)."""
    info, size = np.iinfo(reader.dtype), math.prod(reader.shape)
    counts = np.zeros(info.max - info.min + 1, dtype=np.int64)
    for values in read_bands(reader, HISTOGRAM_BYTES):
        counts += np.bincount(values.astype(np.int64) - info.min, minlength=len(counts))
    cumulative = np.cumsum(counts)
    result = []
    for percentile in percentiles:
        rank = (size - 1) * percentile / 100
        below = int(np.floor(rank))
        at = int(np.searchsorted(cumulative, below, side="right"))
        after = int(np.searchsorted(cumulative, min(below + 1, size - 1), side="right"))
        result.append(at + (rank - below) * (after - at) + info.min)
    return float(result[0]), float(result[1])
