"""Labels as TIFF and OME-TIFF: tiled, compressed with zlib."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.readers import Reader
from shiftrun.files.reading.image_axes import SPATIAL
from shiftrun.files.writing import tiff_settings
from shiftrun.files.writing.label_image import LabelImage

SUFFIXES = (".tif", ".tiff")
TILE_PX = 256


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that OME-TIFF cannot name."""
    tiff_settings.check_axes(path, axes)


def write(beside: Path, labels: LabelImage) -> None:
    """Write planes tile by tile, and lines in one piece."""
    import tifffile

    reader, axes, dtype = labels.reader, labels.axes, labels.dtype
    settings = tiff_settings.tiff_settings(labels.path, axes, reader.shape, dtype, labels.place)
    if axes[-2:-1] not in SPATIAL or len(axes) == 1:  # lines
        values = reader.read(tuple(slice(0, size) for size in reader.shape))
        tifffile.imwrite(beside, values.astype(dtype), compression="zlib", **settings)
    else:
        tile = (TILE_PX, TILE_PX)
        tiles = _tiles(reader, dtype)
        tifffile.imwrite(
            beside,
            tiles,
            shape=reader.shape,
            dtype=dtype,
            tile=tile,
            compression="zlib",
            **settings,
        )


def _tiles(reader: Reader, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """The tiles of all planes (Y, X) in file order, zero-padded at the far edges."""
    *planes, height, width = reader.shape
    for plane in itertools.product(*(range(size) for size in planes)):
        fixed = tuple(slice(index, index + 1) for index in plane)
        for y in range(0, height, TILE_PX):
            band = reader.read((*fixed, slice(y, min(y + TILE_PX, height)), slice(0, width)))
            band = band.reshape(band.shape[-2:]).astype(dtype)
            for x in range(0, width, TILE_PX):
                tile = np.zeros((TILE_PX, TILE_PX), dtype=dtype)
                part = band[:, x : x + TILE_PX]
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile
