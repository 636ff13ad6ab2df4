"""The images that the benchmarks run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE = Path(__file__).parents[2] / "zoo" / "samples" / "nuclei.tif"


def picture(size: int) -> NDArray[np.uint16]:
    """The sample of the zoo, mirrored until it fills `size` px, with a little noise."""
    from shiftrun.files.reading.images import read_pixels

    sample = read_pixels(SAMPLE).astype(np.uint16)
    tile = np.block([[sample, sample[:, ::-1]], [sample[::-1], sample[::-1, ::-1]]])
    repeats = [-(-size // length) for length in tile.shape]
    return np.tile(tile, repeats)[:size, :size] + np.random.default_rng(0).integers(
        0, 3, (size, size)
    ).astype(np.uint16)
