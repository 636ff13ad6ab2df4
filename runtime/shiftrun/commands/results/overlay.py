"""The preview of a segmentation: the gray image with each object outlined in its own color.

Hues step by the golden ratio: consecutive labels, which are mostly neighbors, differ most.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import everything
from shiftrun.arrays.readers import Reader
from shiftrun.files.reading.images import Image

GOLDEN_RATIO = 0.618033988749895
STRETCH_PERCENT = (1.0, 99.8)


def overlay(pixels: NDArray[Any], labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Draw the outlines of `labels` (Y, X) over the mean of the channels of `pixels` (C, Y, X).

    A volume (Z, Y, X) is shown as its maximum projection with the labels of its middle plane.

    Returns
    -------
    array (Y, X, 3) of uint8, RGB
    """
    gray = pixels.astype(np.float32).mean(axis=0)
    while labels.ndim > 2:
        gray, labels = gray.max(axis=0), labels[labels.shape[0] // 2]
    gray, labels = np.atleast_2d(gray), np.atleast_2d(labels)
    low, high = np.percentile(gray, STRETCH_PERCENT)
    shade = np.clip((gray - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
    result = np.repeat((shade * 255).astype(np.uint8)[..., None], 3, axis=-1)
    line = outlines(labels)
    result[line] = colors(labels[line])
    return result


def outlines(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """The object px (Y, X) that share a face with another label or the background."""
    line = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        here = [slice(None)] * labels.ndim
        there = list(here)
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        differs = labels[tuple(here)] != labels[tuple(there)]
        line[tuple(here)] |= differs
        line[tuple(there)] |= differs
    return line & (labels > 0)


def colors(labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """One saturated RGB color (N, 3) per label (N,): hue = label x golden ratio."""
    sector = (labels * GOLDEN_RATIO) % 1.0 * 6.0
    channels = [
        np.clip(np.abs((sector + shift) % 6.0 - 3.0) - 1.0, 0, 1) for shift in (0.0, 4.0, 2.0)
    ]
    return (np.stack(channels, axis=-1) * 200 + 55).astype(np.uint8)


PREVIEW_PX = 4096


def thumbnail(picture: Image, labels: Reader) -> tuple[NDArray[Any], NDArray[Any]]:
    """Subsample px (C, *space) and labels (*space) to at most `PREVIEW_PX` along y and x."""
    planar = picture.shape[-2:]
    if len(labels.shape) != 2 or max(planar) <= PREVIEW_PX:
        return picture.pixels, labels.read(everything(labels.shape))
    stride = -(-max(planar) // PREVIEW_PX)
    channels, across = slice(0, picture.shape[0]), slice(0, planar[1])
    rows = [slice(y, y + 1) for y in range(0, planar[0], stride)]
    pixels = np.concatenate(
        [picture.read((channels, row, across))[..., ::stride] for row in rows], axis=1
    )
    bands = [
        labels.read((slice(y, min(y + stride, planar[0])), across))[:1, ::stride]
        for y in range(0, planar[0], stride)
    ]
    return pixels, np.concatenate(bands)
