"""Read images: TIFF, OME-TIFF, OME-Zarr, PNG, JPEG and npy.

An image is an array (C, *space) of 8- or 16-bit integers or floats, as stored: nothing is scaled
here. It is read by windows, from the file; PNG and JPEG, which can only be decoded from the start,
from memory. A file may hold a series: many images of one size along time, depth or position.
"""

from __future__ import annotations

import errno
import itertools
import lzma
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box, everything
from shiftrun.arrays.calibration import Calibration, calibration
from shiftrun.arrays.readers import ArrayReader, FileArray, Reader
from shiftrun.arrays.views import Arranged
from shiftrun.files.reading.image_axes import SPATIAL, Layout, layout_of
from shiftrun.files.reading.ome_zarr import is_zarr, open_zarr
from shiftrun.files.reading.stored import Stored
from shiftrun.files.reading.tiff import open_tiff

TIFF = (".tif", ".tiff")
RASTER = (".png", ".jpg", ".jpeg")
READABLE = (*TIFF, *RASTER, ".npy")
# The errors that decoders raise on damaged files; none documents them.
DAMAGE = (
    *(
        ValueError,
        OSError,
        RuntimeError,
        EOFError,
        LookupError,
        TypeError,
        AttributeError,
        SyntaxError,
        MemoryError,
    ),
    *(struct.error, zlib.error, lzma.LZMAError),
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes
    ----------
    source : Reader
        Of px (C, *space), 8- or 16-bit integers or floats; see `read`.
    axes : str
        "C" and one letter per spatial axis, such as "CYX".
    path : Path
    calibration : Calibration
        Of the spatial axes.
    place : str
        The place in a series, such as "T=3".
    """

    source: Reader
    axes: str
    path: Path
    calibration: Calibration
    place: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (C, *space)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a px."""
        return self.source.dtype

    @property
    def where(self) -> str:
        """The name of the image in errors."""
        return f"{self.path}, {self.place}" if self.place else str(self.path)

    @property
    def pixels(self) -> NDArray[Any]:
        """Read all px."""
        return np.ascontiguousarray(self.read(everything(self.shape)))

    def read(self, box: Box) -> NDArray[Any]:
        """Read one window (C, *space); InputError if the file is damaged there."""
        with _damage(self.path):
            return self.source.read(box)


@dataclass(frozen=True, slots=True)
class Series:
    """The images of one file: one, or many independent ones along `layout.series`.

    Attributes
    ----------
    stored : Stored
    layout : Layout
        The meaning of the file's axes.
    path : Path
    """

    stored: Stored
    layout: Layout
    path: Path

    @property
    def axes(self) -> str:
        """The letters of the axes of the series: "" for one image."""
        return self.layout.series

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along `axes`."""
        return tuple(self.stored.reader.shape[axis] for axis in self.layout.series_axes)

    @property
    def calibration(self) -> Calibration:
        """Of the spatial axes, including those of the series."""
        axes = "".join(name for name in self.axes if name in SPATIAL) + self.layout.spatial
        return calibration(axes, self.stored.lengths, self.stored.origin)

    def image(self, index: tuple[int, ...] = ()) -> Image:
        """The image at one index along `axes`."""
        fixed = (*zip(self.layout.series_axes, index, strict=True), *self.layout.fixed)
        source = Arranged(self.stored.reader, self.layout.order, fixed)
        place = ", ".join(f"{name}={number}" for name, number in zip(self.axes, index, strict=True))
        spatial = calibration(self.layout.spatial, self.stored.lengths, self.stored.origin)
        return Image(source, "C" + self.layout.spatial, self.path, spatial, place)

    def images(self) -> Iterator[tuple[tuple[int, ...], Image]]:
        """The index of every image and the image, in order."""
        for index in itertools.product(*(range(size) for size in self.shape)):
            yield index, self.image(index)


def read_pixels(path: Path) -> NDArray[Any]:
    """Return the array of an image file as stored, with any axes and type.

    Raises
    ------
    InputError
        The file is missing, empty, damaged or of an unknown type.
    """
    reader = _open(path).reader
    with _damage(path):
        return reader.read(everything(reader.shape))


def read_image(
    path: Path, dimensions: int, channels: int | None, *, axes: str = "", channel: int | None = None
) -> Image:
    """Open a file of one image; parameters and errors as for `read_series`."""
    series = read_series(path, dimensions, channels, axes=axes, channel=channel)
    if series.axes:
        wanted = SPATIAL[-dimensions:]
        raise InputError(
            f"wrong axes ({path}): expected {wanted} or C{wanted}, got "
            f"{series.stored.axes or axes} of shape "
            f"{'x'.join(map(str, series.stored.reader.shape))}. Select one image first."
        )
    return series.image()


def read_series(
    path: Path, dimensions: int, channels: int | None, *, axes: str = "", channel: int | None = None
) -> Series:
    """Open a file for a network with `dimensions` spatial axes and `channels` input channels.

    Parameters
    ----------
    path : Path
        A file or an OME-Zarr folder.
    dimensions : int
    channels : int or None
        None: any number.
    axes : str
        The letters of the file's axes in order, such as "TCZYX"; "": those in the file.
    channel : int, optional
        The channel to use.

    Raises
    ------
    InputError
        As `read_pixels`; or the network does not take the axes, channels or pixel type.
    """
    stored = _open(path)
    shape = stored.reader.shape
    if 0 in shape:
        raise InputError(f"empty image ({path}): expected at least one pixel, got shape {shape}.")
    layout = layout_of(
        shape, stored.axes, dimensions, channels, where=str(path), asked=axes, channel=channel
    )
    series = Series(stored, layout, path)
    dtype = stored.reader.dtype
    if not (dtype.kind in "ui" and dtype.itemsize <= 2) and dtype.kind != "f":
        raise InputError(
            f"pixel type ({path}): expected 8- or 16-bit integers or floats, got {dtype}. Convert "
            "the image: a network takes "
            "float32, which holds integers up to 2^24."
        )
    return series


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn decoder errors on damaged files into one line; a failed mapping is a MemoryError."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise MemoryError(f"not enough for a part of {path}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        kind = path.suffix.lower()[1:] or "Zarr"
        raise InputError(
            f"cannot read image ({path}): expected a whole {kind} file, got: {reason[:200]}."
        ) from error


def _open(path: Path) -> Stored:
    """The stored array and its metadata."""
    if is_zarr(path):
        with _damage(path):
            return open_zarr(path)
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        got = "a folder without Zarr" if path.is_dir() else suffix or "no suffix"
        raise InputError(
            f"unknown image type ({path}): expected {', '.join(READABLE)} or an OME-Zarr folder, "
            f"got {got}."
        )
    if not path.is_file():
        raise InputError(f"no such image ({path}): expected a file. Check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"empty file ({path}): expected an image, got 0 bytes. Copy it again.")
    with _damage(path):
        if suffix == ".npy":
            return Stored(_open_npy(path))
        return open_tiff(path) if suffix in TIFF else _decode_raster(path)


def _open_npy(path: Path) -> FileArray:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(mapped, np.memmap):
        raise TypeError(f"an archive of arrays, {type(mapped).__name__}")
    order = "C" if mapped.flags.c_contiguous else "F"
    return FileArray(path, mapped.offset, mapped.shape, mapped.dtype, order)


def _decode_raster(path: Path) -> Stored:
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", Pillow.DecompressionBombWarning
        )  # a camera image of 100 Mpx is not a decompression bomb
        try:
            with Pillow.open(path) as file:
                pixels = np.asarray(file)
        except Pillow.DecompressionBombError as error:
            raise ValueError(f"{error} Save it as TIFF") from error
    if pixels.dtype == np.int32 and pixels.size and pixels.min() >= 0 and pixels.max() <= 0xFFFF:
        pixels = pixels.astype(np.uint16)  # Pillow widens some 16-bit PNGs
    return Stored(ArrayReader(pixels), "YXS" if pixels.ndim == 3 else "YX")
