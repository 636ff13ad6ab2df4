"""Images and label images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def blobs(seed: int, shape: tuple[int, int] = (70, 60)) -> NDArray[np.uint16]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.sin(y / (7 + seed)) * np.sin(x / 6)
    pixels: NDArray[np.uint16] = (
        1000 + 900 * waves + np.random.default_rng(seed).normal(0, 50, shape)
    ).astype(np.uint16)
    return pixels


def renumbered(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as 1, 2, … in their order."""
    return np.searchsorted(np.unique(labels[labels > 0]), labels) + (labels > 0)
