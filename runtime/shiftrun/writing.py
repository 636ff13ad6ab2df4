"""Writing results piece by piece: labels as tiled TIFF, arrays as npy or TIFF that is filled box by box.

Everything is written beside its place and moved there whole (`outputs.replacing`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays import FileArray, MemoryArray, Reader, bands
from shiftrun.images import SPATIAL, TIFF, Resolution
from shiftrun.outputs import replacing

TILE_PX = 256


def write_labels(
    path: Path, labels: Reader | NDArray[np.integer[Any]], resolution: Resolution | None = None, *, largest: int | None = None
) -> None:
    """Write labels (*space) as a tiled, zlib-compressed TIFF, uint16 if they fit, else uint32.

    Parameters
    ----------
    path : Path
    labels : Reader or array
        A reader is read by bands of a tile's height.
    resolution : Resolution, optional
    largest : int, optional
        The largest label, where it is known.
    """
    import tifffile

    reader = MemoryArray(labels) if isinstance(labels, np.ndarray) else labels
    if largest is None:
        largest = max((int(band.max(initial=0)) for band in bands(reader)), default=0)
    dtype = np.dtype(np.uint16 if largest <= 0xFFFF else np.uint32)
    settings = _settings(SPATIAL[-len(reader.shape) :], reader.shape, dtype, resolution)
    with replacing(path) as beside:
        if len(reader.shape) == 1:
            values = reader.read((slice(0, reader.shape[0]),))
            tifffile.imwrite(beside, values.astype(dtype), compression="zlib", **settings)
        else:
            tiles = _tiles(reader, dtype)
            tile = (TILE_PX, TILE_PX)
            tifffile.imwrite(beside, tiles, shape=reader.shape, dtype=dtype, tile=tile, compression="zlib", **settings)


def _tiles(reader: Reader, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """The tiles of all planes (Y, X) in the order of the file; those at the far edges filled up with zeros."""
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


@contextmanager
def array_file(path: Path, shape: tuple[int, ...], resolution: Resolution | None = None) -> Iterator[FileArray]:
    """Yield an array (C, *space) of float32 in a file, npy or uncompressed TIFF by the suffix, to be filled by boxes."""
    dtype = np.dtype(np.float32)
    with replacing(path) as beside:
        if path.suffix.lower() in TIFF:
            import tifffile

            axes = "C" + SPATIAL[-(len(shape) - 1) :]
            mapped = tifffile.memmap(beside, shape=shape, dtype=dtype, **_settings(axes, shape, dtype, resolution))
        else:
            mapped = np.lib.format.open_memmap(beside, mode="w+", dtype=dtype, shape=shape)
        target = FileArray(beside, mapped.offset, shape, dtype)
        del mapped
        yield target


def write_array(path: Path, array: NDArray[np.float32], resolution: Resolution | None = None) -> None:
    """Write an array (C, *space) as npy or TIFF, by the suffix of `path`."""
    with array_file(path, array.shape, resolution) as target:
        target.write(tuple(slice(0, size) for size in array.shape), array)


def _settings(axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], resolution: Resolution | None) -> dict[str, Any]:
    tags: dict[str, Any] = {"resolution": resolution[:2], "resolutionunit": resolution[2]} if resolution else {}
    large = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > 1 << 31
    return {"photometric": "minisblack", "metadata": {"axes": axes}, "bigtiff": large, **tags}
