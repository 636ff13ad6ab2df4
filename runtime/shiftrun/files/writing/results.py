"""Writing results piece by piece: labels as tiled TIFF or OME-Zarr, arrays as npy, TIFF or OME-Zarr that are filled box by box.

Everything is written beside its place and moved there whole (`whole_file`). A name that ends in .ome.tif is written as
OME-TIFF.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.arrays.calibration import Calibration, calibration, ome_attributes, resolution_tags
from shiftrun.arrays.readers import FileArray, Reader, Target, as_reader, read_bands
from shiftrun.files.reading.image_axes import SPATIAL
from shiftrun.files.reading.images import TIFF
from shiftrun.files.writing import ome_zarr as ome_zarr_writing
from shiftrun.files.writing.output_path import ZARR

TILE_PX = 256
OME_TIFF = (".ome.tif", ".ome.tiff")
LABELS = (*TIFF, ZARR)
ARRAYS = (".npy", *TIFF, ZARR)


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that the format of `path` cannot name."""
    if path.suffix.lower() == ZARR:
        ome_zarr_writing.check_axes(path, axes)
    if is_ome(path) and not set(axes) <= set("TC" + SPATIAL):
        raise InputError(f"axes of OME-TIFF ({path}): expected some of TCZYX, got {axes}. Name it .tif, or give --axes.")


def is_ome(path: Path) -> bool:
    """Whether the name asks for OME-TIFF."""
    return path.name.lower().endswith(OME_TIFF)


def write_labels(
    path: Path,
    labels: Reader | NDArray[np.integer[Any]],
    place: Calibration | None = None,
    *,
    axes: str = "",
    largest: int | None = None,
    source: Path | None = None,
) -> None:
    """Write labels as a tiled, zlib-compressed TIFF or as OME-Zarr, uint16 if they fit, else uint32.

    Parameters
    ----------
    path : Path
    labels : Reader or array
        A reader is read by bands of a tile's height, or by chunks.
    place : Calibration, optional
        Of the spatial axes.
    axes : str
        Of `labels`; default: the last of "ZYX".
    largest : int, optional
        The largest label, where it is known.
    source : Path, optional
        The image's OME-Zarr, to be named in an OME-Zarr of labels.
    """
    import tifffile

    reader = as_reader(labels)
    axes = axes or SPATIAL[-len(reader.shape) :]
    place = place or calibration("".join(name for name in axes if name in SPATIAL), {})
    if largest is None:
        largest = max((int(band.max(initial=0)) for band in read_bands(reader)), default=0)
    dtype = np.dtype(np.uint16 if largest <= 0xFFFF else np.uint32)
    with whole_file(path) as beside:
        if path.suffix.lower() == ZARR:
            relative = None if source is None else ome_zarr_writing.relative_source(source, path)
            with ome_zarr_writing.settled():
                ome_zarr_writing.write_zarr_labels(beside, reader, axes, place, dtype, relative)
            return
        settings = _settings(path, axes, reader.shape, dtype, place)
        if axes[-2:-1] not in SPATIAL or len(axes) == 1:  # lines
            values = reader.read(everything(reader.shape))
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
def array_file(
    path: Path,
    shape: tuple[int, ...],
    place: Calibration | None = None,
    *,
    axes: str = "",
    tile: tuple[int, ...] | None = None,
) -> Iterator[Target]:
    """Yield an array of float32, npy, uncompressed TIFF or OME-Zarr by the suffix, to be filled by boxes.

    Parameters
    ----------
    path : Path
    shape : tuple of int
    place : Calibration, optional
        Of the spatial axes.
    axes : str
        Of the array; default: "C" and the last of "ZYX".
    tile : tuple of int, optional
        The size of the boxes (*space), so that OME-Zarr has chunks that are written whole.
    """
    dtype = np.dtype(np.float32)
    axes = axes or "C" + SPATIAL[-(len(shape) - 1) :]
    place = place or calibration("".join(name for name in axes if name in SPATIAL), {})
    with whole_file(path) as beside:
        if path.suffix.lower() == ZARR:
            with ome_zarr_writing.settled():
                yield ome_zarr_writing.create_zarr_array(beside, shape, axes, place, tile or shape[-len(place.axes) :])
            return
        if path.suffix.lower() in TIFF:
            import tifffile

            mapped = tifffile.memmap(beside, shape=shape, dtype=dtype, **_settings(path, axes, shape, dtype, place))
        else:
            mapped = np.lib.format.open_memmap(beside, mode="w+", dtype=dtype, shape=shape)
        target = FileArray(beside, mapped.offset, shape, dtype)
        del mapped
        yield target


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an RGB image (Y, X, 3) as PNG."""
    from PIL import Image as Pillow

    with whole_file(path) as beside:
        Pillow.fromarray(pixels).save(beside, format="PNG")


def _settings(path: Path, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], place: Calibration) -> dict[str, Any]:
    large = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > 1 << 31
    metadata: dict[str, Any] = {"axes": axes} | (ome_attributes(place) if is_ome(path) else {})
    return {
        "photometric": "minisblack",
        "metadata": metadata,
        "bigtiff": large,
        "ome": is_ome(path),
        **resolution_tags(place),
    }
