"""Reading and writing images: the only module that knows file formats (TIFF, PNG, JPEG, npy).

An image in memory is an array (C, *space) of 8- or 16-bit integers or floats, as stored: nothing is scaled here.
"""

from __future__ import annotations

import logging
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.outputs import replacing

TIFF = (".tif", ".tiff")
RASTER = (".png", ".jpg", ".jpeg")
READABLE = (*TIFF, *RASTER, ".npy")
SPATIAL = "ZYX"
# What the decoders raise on damaged files: they were written by many hands and none documents its errors.
DAMAGE = (ValueError, OSError, RuntimeError, EOFError, KeyError, IndexError, TypeError, struct.error, SyntaxError, MemoryError)

Resolution = tuple[tuple[int, int], tuple[int, int], int]  # TIFF tags XResolution, YResolution, ResolutionUnit


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes
    ----------
    pixels : array (C, *space), 8- or 16-bit integers or floats
    axes : str
        "C" and one letter per spatial axis, such as "CYX".
    path : Path
    resolution : Resolution or None
        The TIFF resolution tags, to be carried over to the labels.
    """

    pixels: NDArray[Any]
    axes: str
    path: Path
    resolution: Resolution | None = None


def read_pixels(path: Path) -> NDArray[Any]:
    """Return the array of an image file as it is stored, whatever its axes and type.

    Raises
    ------
    InputError
        The file is missing, empty, damaged or of an unknown type.
    """
    return _decode(path)[0]


def read_image(path: Path, dimensions: int, channels: int | None) -> Image:
    """Read an image for a network of `dimensions` spatial axes and `channels` input channels (None: any number).

    Raises
    ------
    InputError
        As `read_pixels`; or axes, channels or pixel type are not what the network takes.
    """
    stored, axes, resolution = _decode(path)
    pixels = _channels_first(stored, axes, dimensions, channels, path)
    if pixels.size == 0:
        raise InputError(f"empty image ({path}): expected at least one pixel, got shape {stored.shape}.")
    if channels is not None and pixels.shape[0] != channels:
        raise InputError(
            f"wrong number of channels ({path}): expected {_called(channels)}, got {_called(pixels.shape[0])}. "
            "Select or convert the channels first."
        )
    if not (pixels.dtype.kind in "ui" and pixels.dtype.itemsize <= 2) and pixels.dtype.kind != "f":
        raise InputError(f"pixel type ({path}): expected 8- or 16-bit integers or floats, got {pixels.dtype}. Convert the image.")
    return Image(pixels, "C" + SPATIAL[-dimensions:], path, resolution)


def _called(channels: int) -> str:
    return f"{channels} ({ {1: 'gray', 3: 'RGB', 4: 'RGBA'}[channels] })" if channels in {1, 3, 4} else str(channels)


def _decode(path: Path) -> tuple[NDArray[Any], str, Resolution | None]:
    """The stored array, its axes ("" if the format has no names for them) and its resolution."""
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise InputError(f"unknown image type ({path}): expected {', '.join(READABLE)}, got {suffix or 'no suffix'}.")
    if not path.is_file():
        raise InputError(f"no such image ({path}): expected a file. Check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"empty file ({path}): expected an image, got 0 bytes. Copy it again.")
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False), "", None
        return _decode_tiff(path) if suffix in TIFF else _decode_raster(path)
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read image ({path}): expected a whole {suffix[1:]} file, got: {reason[:200]}.") from error


def _decode_tiff(path: Path) -> tuple[NDArray[Any], str, Resolution | None]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs damage that is reported as one line here
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        series = file.series[0]
        tags = [page.tags.get(name) for name in ("XResolution", "YResolution", "ResolutionUnit")]
        resolution = None if any(tag is None for tag in tags) else tuple(tag.value for tag in tags if tag is not None)
        return series.asarray(), series.axes, resolution and (resolution[0], resolution[1], int(resolution[2]))


def _decode_raster(path: Path) -> tuple[NDArray[Any], str, Resolution | None]:
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
    return pixels, "YXS" if pixels.ndim == 3 else "YX", None


def _channels_first(stored: NDArray[Any], axes: str, dimensions: int, channels: int | None, path: Path) -> NDArray[Any]:
    """Bring the stored axes to (C, *space); axes of length 1 that are not asked for are dropped."""
    wanted = SPATIAL[-dimensions:]
    axes = axes or _npy_axes(stored, wanted)
    keep = [i for i, name in enumerate(axes) if name in wanted or stored.shape[i] != 1]
    names, pixels = "".join(axes[i] for i in keep), stored.reshape([stored.shape[i] for i in keep])
    names = names.replace("S", "C")
    if len(names) == dimensions + 1 and "C" not in names and names[0] not in wanted and stored.shape[keep[0]] == channels:
        names = "C" + names[1:]  # a stack without axis names ("Q", "I") of as many planes as the network takes channels
    if len(names) == dimensions and "C" not in names and names[0] in "QI":
        names = wanted  # a stack without axis names, for a network with just that many axes
    if sorted(names) not in (sorted(wanted), sorted("C" + wanted)):
        raise InputError(
            f"wrong axes ({path}): expected {wanted} or C{wanted} for a network with {dimensions} spatial axes, "
            f"got {axes} of shape {'x'.join(map(str, stored.shape))}. Select one plane or stack first."
        )
    order = [names.index(name) for name in ("C" + wanted if "C" in names else wanted)]
    pixels = pixels.transpose(order)
    return np.ascontiguousarray(pixels if "C" in names else pixels[None])


def _npy_axes(stored: NDArray[Any], wanted: str) -> str:
    """Npy files have no axis names: (*space) or (C, *space) by their number."""
    named = {len(wanted): wanted, len(wanted) + 1: "C" + wanted}
    return named.get(stored.ndim, "Q" * stored.ndim)


def write_labels(path: Path, labels: NDArray[np.integer[Any]], resolution: Resolution | None = None) -> None:
    """Write labels (*space) as a zlib-compressed TIFF, uint16 if they fit, else uint32."""
    dtype = np.uint16 if labels.max(initial=0) <= 0xFFFF else np.uint32
    _write_tiff(path, labels.astype(dtype), SPATIAL[-labels.ndim :], resolution)


def write_array(path: Path, array: NDArray[np.float32], resolution: Resolution | None = None) -> None:
    """Write an array (C, *space) as npy or TIFF, by the suffix of `path`."""
    if path.suffix.lower() in TIFF:
        _write_tiff(path, array, "C" + SPATIAL[-(array.ndim - 1) :], resolution)
    else:
        with replacing(path) as beside:
            np.save(beside, array, allow_pickle=False)


def _write_tiff(path: Path, array: NDArray[Any], axes: str, resolution: Resolution | None) -> None:
    import tifffile

    tags: dict[str, Any] = {"resolution": resolution[:2], "resolutionunit": resolution[2]} if resolution else {}
    with replacing(path) as beside:
        tifffile.imwrite(
            beside,
            array,
            compression="zlib",
            photometric="minisblack",
            metadata={"axes": axes},
            bigtiff=array.nbytes > 1 << 31,
            **tags,
        )


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an RGB image (Y, X, 3) as PNG."""
    from PIL import Image as Pillow

    with replacing(path) as beside:
        Pillow.fromarray(pixels).save(beside, format="PNG")
