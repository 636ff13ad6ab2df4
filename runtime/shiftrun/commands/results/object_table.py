"""The object table: area, centroid, bounding box and mean intensity of each label, band by band."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftrun.arrays.box import Box, bands
from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import Reader
from shiftrun.files.reading.image_axes import SPATIAL

BAND_PX = 1 << 21
Table = dict[str, NDArray[Any]]


def measure_objects(
    labels: Reader,
    image: Reader,
    count: int,
    place: Calibration | None = None,
    box: Box | None = None,
) -> Table:
    """Measure the objects 1 … `count`.

    Parameters
    ----------
    labels : Reader
        (*space), 0 for background.
    image : Reader
        (C, *space), as stored; intensities are in its units.
    count : int
    place : Calibration, optional
        Of the labels. If all axes have units that convert to one, the table has columns in it.
    box : Box, optional
        The part of a larger image that the labels cover; px count from the image's origin.

    Returns
    -------
    dict of column to array (count,)
        `label`, `area_px`, per axis `centroid_A`, `first_A`, `last_A` (px, both included), per
        channel `mean_C`; with units such as micrometer `area_micrometer2` (in 3d
        `volume_micrometer3`) and per axis `centroid_A_micrometer`.
    """
    axes, channels = SPATIAL[-len(labels.shape) :].lower(), image.shape[0]
    area, sums = np.zeros(count + 1), np.zeros((len(axes) + channels, count + 1))
    first = np.full((len(axes), count + 1), np.iinfo(np.int64).max)
    last = np.full((len(axes), count + 1), -1)
    for part in bands(labels.shape, BAND_PX):
        band = labels.read(part)
        where = np.nonzero(band)
        names = band[where]
        area += np.bincount(names, minlength=count + 1)
        for axis, position in enumerate(where):
            there = position + part[axis].start
            sums[axis] += np.bincount(names, weights=there, minlength=count + 1)
            np.minimum.at(first[axis], names, there)
            np.maximum.at(last[axis], names, there)
        pixels = image.read((slice(0, channels), *part))
        for channel in range(channels):
            sums[len(axes) + channel] += np.bincount(
                names, weights=pixels[channel][where], minlength=count + 1
            )
    means = sums[:, 1:] / np.maximum(area[1:], 1)
    corner = [0] * len(axes) if box is None else [part.start for part in box]
    table: Table = {"label": np.arange(1, count + 1), "area_px": area[1:].astype(np.int64)}
    table |= {f"centroid_{name}": (means[i] + corner[i]).round(3) for i, name in enumerate(axes)}
    table |= {f"first_{name}": first[i, 1:] + corner[i] for i, name in enumerate(axes)}
    table |= {f"last_{name}": last[i, 1:] + corner[i] for i, name in enumerate(axes)}
    table |= {f"mean_{channel}": means[len(axes) + channel].round(4) for channel in range(channels)}
    return table | _in_units(area[1:], means[: len(axes)], place)


def _in_units(area: NDArray[Any], centroids: NDArray[Any], place: Calibration | None) -> Table:
    """The columns in units of length: px centers are at origin + index · size."""
    known = place.in_one_unit() if place is not None else None
    if known is None:
        return {}
    unit, power = known.units[0], len(known.axes)
    name = {1: f"length_{unit}", 2: f"area_{unit}2", 3: f"volume_{unit}3"}[power]
    columns = {name: _rounded(area * np.prod(known.sizes))}
    for axis, centroid, size, origin in zip(
        known.axes, centroids, known.sizes, known.origin, strict=True
    ):
        columns[f"centroid_{axis.lower()}_{unit}"] = _rounded(origin + centroid * size)
    return columns


def _rounded(values: NDArray[Any]) -> NDArray[Any]:
    """Round to seven significant digits: more than any calibration has."""
    return np.array([float(f"{value:.7g}") for value in values])


def stack_tables(axes: str, tables: Sequence[tuple[tuple[int, ...], Table]]) -> Table:
    """Join the tables of several images; one column (`t`, `z`, …) per axis of the series."""
    if not axes:
        return tables[0][1]
    sizes = [len(table["label"]) for _, table in tables]
    index = {
        name.lower(): np.repeat([place[i] for place, _ in tables], sizes)
        for i, name in enumerate(axes)
    }
    return index | {
        name: np.concatenate([table[name] for _, table in tables]) for name in tables[0][1]
    }


def write_objects(path: Path, table: Table) -> None:
    """Write a table of `measure_objects` as CSV with a header."""
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
