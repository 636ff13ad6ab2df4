"""Write OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5): label pyramids, one-level arrays.

Each chunk is written whole, once. A level of a pyramid is every second px of the one before
(nearest): px i of level k is at px i·2^k of the image, the scale is 2^k, and the translation is
that of the image.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import ArrayReader, ArrayTarget, Reader
from shiftrun.files.reading.image_axes import SPATIAL

VERSION = "0.5"
CHUNK_PX = {2: 1024, 3: 128}  # by spatial axes
TYPES = {"T": "time", "C": "channel"} | dict.fromkeys(SPATIAL, "space")
COMPRESSION = 3  # of zstd


@contextmanager
def settled() -> Iterator[None]:
    """After an error, wait for the chunks that zarr is still writing, before the folder is removed.

    zarr writes the chunks of a box concurrently and reports the first failure.
    """
    try:
        yield
    except BaseException:
        from zarr.core.sync import sync

        sync(_others())
        raise


async def _others() -> None:
    """Wait for all tasks of the event loop, and ignore their results."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that OME-Zarr does not have."""
    if not sum(name in SPATIAL for name in axes) >= 2 or len(axes) > 5:
        raise InputError(
            f"axes of OME-Zarr ({path}): expected two or three spatial axes and at most five in "
            f"all, got {axes}. Write a TIFF."
        )


def write_zarr_labels(
    folder: Path,
    labels: Reader,
    axes: str,
    place: Calibration,
    dtype: np.dtype[Any],
    source: str | None,
) -> None:
    """Write a label image as a pyramid with `image-label` metadata.

    Parameters
    ----------
    folder : Path
        Does not exist yet.
    labels : Reader
    axes : str
        Of `labels`, such as "TYX".
    place : Calibration
        Of the spatial axes.
    dtype : numpy dtype
    source : str or None
        The path of the image's OME-Zarr, relative to the label image.
    """
    import zarr

    group = zarr.create_group(str(folder), zarr_format=3)
    spatial = sum(name in SPATIAL for name in axes)
    chunks = tuple(CHUNK_PX[spatial] if name in SPATIAL else 1 for name in axes)
    level, count = labels, 0
    while True:
        array = _array(group, str(count), level.shape, dtype, axes, chunks)
        for box in boxes(level.shape, array.chunks):
            array[box] = level.read(box).astype(dtype)
        count += 1
        if all(size <= chunk for size, chunk in zip(level.shape, chunks, strict=True) if chunk > 1):
            break
        level = _Halved(ArrayReader(array), tuple(name in SPATIAL for name in axes))
    image_label: dict[str, Any] = {"version": VERSION} | (
        {"source": {"image": source}} if source else {}
    )
    group.attrs["ome"] = {
        "version": VERSION,
        "multiscales": [_multiscale(axes, place, count)],
        "image-label": image_label,
    }


def create_zarr_array(
    folder: Path, shape: tuple[int, ...], axes: str, place: Calibration, tile: tuple[int, ...]
) -> ArrayTarget:
    """Create a float32 image to be written in tiles; each tile is a whole number of chunks."""
    import zarr

    group = zarr.create_group(str(folder), zarr_format=3)
    spatial = len(tile)
    lead = (1,) * (len(shape) - spatial)
    chunks = (
        *lead,
        *(
            chunk_px(px, size, CHUNK_PX[spatial])
            for px, size in zip(tile, shape[-spatial:], strict=True)
        ),
    )
    array = _array(group, "0", shape, np.dtype(np.float32), axes, chunks)
    group.attrs["ome"] = {"version": VERSION, "multiscales": [_multiscale(axes, place, 1)]}
    return ArrayTarget(array)


def chunk_px(tile_px: int, size_px: int, most_px: int) -> int:
    """The largest divisor of a tile up to `most_px`; any size for a single tile."""
    if tile_px >= size_px:
        return min(size_px, most_px)
    return next(px for px in range(min(tile_px, most_px), 0, -1) if tile_px % px == 0)


def boxes(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[Box]:
    """The boxes of all chunks in C order."""
    starts = (range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(
            slice(start, min(start + chunk, size))
            for start, chunk, size in zip(corner, chunks, shape, strict=True)
        )


def relative_source(image: Path, labels: Path) -> str:
    """The path from a label image to the OME-Zarr of its image."""
    return Path(os.path.relpath(image.resolve(), labels.resolve())).as_posix()


@dataclass(frozen=True, slots=True)
class _Halved:
    """Every second px of an array along some axes."""

    source: Reader
    halves: tuple[bool, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(
            -(-size // 2) if half else size
            for size, half in zip(self.source.shape, self.halves, strict=True)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        parts = zip(box, self.halves, strict=True)
        wide = tuple(
            slice(2 * part.start, 2 * part.stop - 1) if half else part for part, half in parts
        )
        return self.source.read(wide)[
            tuple(slice(None, None, 2 if half else 1) for half in self.halves)
        ]


def _array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    axes: str,
    chunks: tuple[int, ...],
) -> Any:
    from zarr.codecs import ZstdCodec

    fitting = tuple(min(chunk, size) for chunk, size in zip(chunks, shape, strict=True))
    codec = ZstdCodec(level=COMPRESSION)
    names = list(axes.lower())
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=fitting,
        compressors=codec,
        dimension_names=names,
        fill_value=0,
    )


def _multiscale(axes: str, place: Calibration, levels: int) -> dict[str, Any]:
    units = dict(zip(place.axes, place.units, strict=True))
    sizes, origins = (
        dict(zip(place.axes, place.sizes, strict=True)),
        dict(zip(place.axes, place.origin, strict=True)),
    )
    named = [
        {"name": name.lower()}
        | ({"type": TYPES[name]} if name in TYPES else {})
        | ({"unit": units[name]} if units.get(name) else {})
        for name in axes
    ]
    datasets = []
    for level in range(levels):
        scale = [sizes[name] * 2**level if name in SPATIAL else 1.0 for name in axes]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if any(place.origin):
            steps.append(
                {"type": "translation", "translation": [origins.get(name, 0.0) for name in axes]}
            )
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    return (
        {"axes": named, "datasets": datasets, "type": "nearest"}
        if levels > 1
        else {"axes": named, "datasets": datasets}
    )
