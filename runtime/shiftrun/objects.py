"""The table of objects: area, centroid, bounding box and mean intensity of every label, taken band by band."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays import Reader
from shiftrun.images import SPATIAL
from shiftrun.outputs import replacing

BAND_PX = 1 << 21


def measure_objects(labels: Reader, image: Reader, count: int) -> dict[str, NDArray[Any]]:
    """Measure the objects 1 … `count`.

    Parameters
    ----------
    labels : Reader
        (*space), 0 for background.
    image : Reader
        (C, *space), as stored: intensities are in its units.
    count : int

    Returns
    -------
    dict of column to array (count,)
        `label`, `area_px`, per axis `centroid_A`, `first_A`, `last_A` (px, both included), per channel `mean_C`.
    """
    axes, channels = SPATIAL[-len(labels.shape) :].lower(), image.shape[0]
    area, sums = np.zeros(count + 1), np.zeros((len(axes) + channels, count + 1))
    first = np.full((len(axes), count + 1), np.iinfo(np.int64).max)
    last = np.full((len(axes), count + 1), -1)
    rows = max(1, BAND_PX // max(1, int(np.prod(labels.shape[1:]))))
    for start in range(0, labels.shape[0], rows):
        box = (slice(start, min(start + rows, labels.shape[0])), *(slice(0, size) for size in labels.shape[1:]))
        band = labels.read(box)
        where = np.nonzero(band)
        names = band[where]
        area += np.bincount(names, minlength=count + 1)
        for axis, position in enumerate(where):
            place = position + (start if axis == 0 else 0)
            sums[axis] += np.bincount(names, weights=place, minlength=count + 1)
            np.minimum.at(first[axis], names, place)
            np.maximum.at(last[axis], names, place)
        pixels = image.read((slice(0, channels), *box))
        for channel in range(channels):
            sums[len(axes) + channel] += np.bincount(names, weights=pixels[channel][where], minlength=count + 1)
    means = sums[:, 1:] / np.maximum(area[1:], 1)
    table: dict[str, NDArray[Any]] = {"label": np.arange(1, count + 1), "area_px": area[1:].astype(np.int64)}
    table |= {f"centroid_{name}": means[i].round(3) for i, name in enumerate(axes)}
    table |= {f"first_{name}": first[i, 1:] for i, name in enumerate(axes)}
    table |= {f"last_{name}": last[i, 1:] for i, name in enumerate(axes)}
    return table | {f"mean_{channel}": means[len(axes) + channel].round(4) for channel in range(channels)}


def write_objects(path: Path, table: dict[str, NDArray[Any]]) -> None:
    """Write a table of `measure_objects` as CSV with a header."""
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
