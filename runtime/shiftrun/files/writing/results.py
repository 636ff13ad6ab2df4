"""Write results piece by piece: labels as TIFF or OME-Zarr, arrays as npy, TIFF or OME-Zarr.

Everything is written under a hidden name and moved into place when complete (`whole_file`). A name
that ends in .ome.tif is written as OME-TIFF. The label formats are modules of `label_formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftrun.arrays.calibration import Calibration, calibration
from shiftrun.arrays.readers import FileArray, Reader, Target, as_reader, read_bands
from shiftrun.files.reading.image_axes import SPATIAL
from shiftrun.files.reading.images import TIFF
from shiftrun.files.writing import label_formats, tiff_settings
from shiftrun.files.writing import ome_zarr as ome_zarr_writing
from shiftrun.files.writing.label_image import LabelImage
from shiftrun.files.writing.output_path import ZARR

LABELS = label_formats.suffixes()
ARRAYS = (".npy", *TIFF, ZARR)


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that the format of an array at `path` cannot name."""
    if path.suffix.lower() == ZARR:
        ome_zarr_writing.check_axes(path, axes)
    tiff_settings.check_axes(path, axes)


def write_labels(
    path: Path,
    labels: Reader | NDArray[np.integer[Any]],
    place: Calibration | None = None,
    *,
    axes: str = "",
    largest: int | None = None,
    source: Path | None = None,
) -> None:
    """Write labels in the format of the suffix, uint16 if they fit, else uint32.

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
        The largest label, if known.
    source : Path, optional
        The image's OME-Zarr, to be named in OME-Zarr labels.
    """
    reader = as_reader(labels)
    axes = axes or SPATIAL[-len(reader.shape) :]
    place = place or calibration("".join(name for name in axes if name in SPATIAL), {})
    if largest is None:
        largest = max((int(band.max(initial=0)) for band in read_bands(reader)), default=0)
    dtype = np.dtype(np.uint16 if largest <= 0xFFFF else np.uint32)
    with whole_file(path) as beside:
        label_formats.write(beside, LabelImage(path, reader, axes, place, dtype, source))


@contextmanager
def array_file(
    path: Path,
    shape: tuple[int, ...],
    place: Calibration | None = None,
    *,
    axes: str = "",
    tile: tuple[int, ...] | None = None,
) -> Iterator[Target]:
    """Yield a float32 array to fill by boxes: npy, uncompressed TIFF or OME-Zarr by the suffix.

    Parameters
    ----------
    path : Path
    shape : tuple of int
    place : Calibration, optional
        Of the spatial axes.
    axes : str
        Of the array; default: "C" and the last of "ZYX".
    tile : tuple of int, optional
        The size of the boxes (*space); OME-Zarr chunks divide it, so that each is written whole.
    """
    dtype = np.dtype(np.float32)
    axes = axes or "C" + SPATIAL[-(len(shape) - 1) :]
    place = place or calibration("".join(name for name in axes if name in SPATIAL), {})
    with whole_file(path) as beside:
        if path.suffix.lower() == ZARR:
            with ome_zarr_writing.settled():
                yield ome_zarr_writing.create_zarr_array(
                    beside, shape, axes, place, tile or shape[-len(place.axes) :]
                )
            return
        if path.suffix.lower() in TIFF:
            import tifffile

            mapped = tifffile.memmap(
                beside,
                shape=shape,
                dtype=dtype,
                **tiff_settings.tiff_settings(path, axes, shape, dtype, place),
            )
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
