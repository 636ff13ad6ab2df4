"""Reading and writing images: the only module that knows file formats (TIFF, PNG, JPEG, npy).

An image is an array (C, *space) of 8- or 16-bit integers or floats, as stored: nothing is scaled here. It is read by windows:
npy and TIFF from the file, PNG and JPEG, which can only be decoded from the start, from memory.
"""

from __future__ import annotations

import logging
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
from shiftrun.arrays import Arranged, Box, FileArray, MemoryArray, Reader, everything
from shiftrun.outputs import replacing
from shiftrun.tiff import open_series

TIFF = (".tif", ".tiff")
RASTER = (".png", ".jpg", ".jpeg")
READABLE = (*TIFF, *RASTER, ".npy")
SPATIAL = "ZYX"
# What the decoders raise on damaged files: they were written by many hands and none documents its errors.
DAMAGE = (
    *(ValueError, OSError, RuntimeError, EOFError, KeyError, IndexError, TypeError, SyntaxError, MemoryError),
    *(struct.error, zlib.error, lzma.LZMAError),
)

Resolution = tuple[tuple[int, int], tuple[int, int], int]  # TIFF tags XResolution, YResolution, ResolutionUnit


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
    resolution : Resolution or None
        The TIFF resolution tags, to be carried over to the labels.
    """

    source: Reader
    axes: str
    path: Path
    resolution: Resolution | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (C, *space)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a px."""
        return self.source.dtype

    @property
    def pixels(self) -> NDArray[Any]:
        """All px, read now."""
        return np.ascontiguousarray(self.read(everything(self.shape)))

    def read(self, box: Box) -> NDArray[Any]:
        """Read one window (C, *space); InputError if the file is damaged there."""
        with _damage(self.path):
            return self.source.read(box)


def read_pixels(path: Path) -> NDArray[Any]:
    """Return the array of an image file as it is stored, whatever its axes and type.

    Raises
    ------
    InputError
        The file is missing, empty, damaged or of an unknown type.
    """
    reader = _open(path)[0]
    with _damage(path):
        return reader.read(everything(reader.shape))


def read_image(path: Path, dimensions: int, channels: int | None) -> Image:
    """Read an image for a network of `dimensions` spatial axes and `channels` input channels (None: any number).

    Raises
    ------
    InputError
        As `read_pixels`; or axes, channels or pixel type are not what the network takes.
    """
    stored, axes, resolution = _open(path)
    source = _channels_first(stored, axes, dimensions, channels, path)
    if 0 in stored.shape:
        raise InputError(f"empty image ({path}): expected at least one pixel, got shape {stored.shape}.")
    if channels is not None and source.shape[0] != channels:
        raise InputError(
            f"wrong number of channels ({path}): expected {_called(channels)}, got {_called(source.shape[0])}. "
            "Select or convert the channels first."
        )
    dtype = source.dtype
    if not (dtype.kind in "ui" and dtype.itemsize <= 2) and dtype.kind != "f":
        raise InputError(f"pixel type ({path}): expected 8- or 16-bit integers or floats, got {dtype}. Convert the image.")
    return Image(source, "C" + SPATIAL[-dimensions:], path, resolution)


def _called(channels: int) -> str:
    return f"{channels} ({ {1: 'gray', 3: 'RGB', 4: 'RGBA'}[channels] })" if channels in {1, 3, 4} else str(channels)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn what decoders raise on damaged files into one line."""
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        kind = path.suffix.lower()[1:]
        raise InputError(f"cannot read image ({path}): expected a whole {kind} file, got: {reason[:200]}.") from error


def _open(path: Path) -> tuple[Reader, str, Resolution | None]:
    """The stored array, its axes ("" if the format has no names for them) and its resolution."""
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise InputError(f"unknown image type ({path}): expected {', '.join(READABLE)}, got {suffix or 'no suffix'}.")
    if not path.is_file():
        raise InputError(f"no such image ({path}): expected a file. Check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"empty file ({path}): expected an image, got 0 bytes. Copy it again.")
    with _damage(path):
        if suffix == ".npy":
            return _open_npy(path), "", None
        return _open_tiff(path) if suffix in TIFF else _decode_raster(path)


def _open_npy(path: Path) -> FileArray:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(mapped, np.memmap):
        raise TypeError(f"an archive of arrays, {type(mapped).__name__}")
    order = "C" if mapped.flags.c_contiguous else "F"
    return FileArray(path, mapped.offset, mapped.shape, mapped.dtype, order)


def _open_tiff(path: Path) -> tuple[Reader, str, Resolution | None]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs damage that is reported as one line here
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        series = file.series[0]
        tags = [page.tags.get(name) for name in ("XResolution", "YResolution", "ResolutionUnit")]
        resolution = None if any(tag is None for tag in tags) else tuple(tag.value for tag in tags if tag is not None)
        found = resolution and (resolution[0], resolution[1], int(resolution[2]))
        return open_series(path, series), series.axes, found


def _decode_raster(path: Path) -> tuple[Reader, str, Resolution | None]:
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)  # a camera image of 100 Mpx is no bomb
        try:
            with Pillow.open(path) as file:
                pixels = np.asarray(file)
        except Pillow.DecompressionBombError as error:
            raise ValueError(f"{error} Save it as TIFF") from error
    if pixels.dtype == np.int32 and pixels.size and pixels.min() >= 0 and pixels.max() <= 0xFFFF:
        pixels = pixels.astype(np.uint16)  # Pillow widens some 16-bit PNGs
    return MemoryArray(pixels), "YXS" if pixels.ndim == 3 else "YX", None


def _channels_first(stored: Reader, axes: str, dimensions: int, channels: int | None, path: Path) -> Arranged:
    """Bring the stored axes to (C, *space); axes of length 1 that are not asked for are dropped."""
    wanted, shape = SPATIAL[-dimensions:], stored.shape
    axes = axes or _npy_axes(shape, wanted)
    keep = [i for i, name in enumerate(axes) if name in wanted or shape[i] != 1]
    names = "".join(axes[i] for i in keep).replace("S", "C")
    if len(names) == dimensions + 1 and "C" not in names and names[0] not in wanted and shape[keep[0]] == channels:
        names = "C" + names[1:]  # a stack without axis names ("Q", "I") of as many planes as the network takes channels
    if len(names) == dimensions and "C" not in names and names[0] in "QI":
        names = wanted  # a stack without axis names, for a network with just that many axes
    if sorted(names) not in (sorted(wanted), sorted("C" + wanted)):
        raise InputError(
            f"wrong axes ({path}): expected {wanted} or C{wanted} for a network with {dimensions} spatial axes, "
            f"got {axes} of shape {'x'.join(map(str, shape))}. Select one plane or stack first."
        )
    return Arranged(stored, tuple(keep[names.index(name)] if name in names else -1 for name in "C" + wanted))


def _npy_axes(shape: tuple[int, ...], wanted: str) -> str:
    """Npy files have no axis names: (*space) or (C, *space) by their number."""
    named = {len(wanted): wanted, len(wanted) + 1: "C" + wanted}
    return named.get(len(shape), "Q" * len(shape))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an RGB image (Y, X, 3) as PNG."""
    from PIL import Image as Pillow

    with replacing(path) as beside:
        Pillow.fromarray(pixels).save(beside, format="PNG")
