"""Read TIFF, OME-TIFF and ImageJ TIFF by windows: decode only the strips or tiles they touch."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box, box_at, intersection, shape_of, within
from shiftrun.arrays.calibration import Length, imagej_lengths, ome_lengths, tag_lengths
from shiftrun.arrays.readers import ArrayReader, FileArray, Reader
from shiftrun.files.reading.stored import Stored

CACHE_BYTES = 1 << 26  # of decoded strips and tiles: neighboring windows share those at edges
LAZY_PAGES = {"YX", "YXS", "SYX"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A strip or tile: its first px (separate sample, y, x) and values (y, x, sample)."""

    origin: tuple[int, int, int]
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class SegmentedTiff:
    """A series of compressed or tiled pages, read by windows.

    Attributes
    ----------
    path : Path
    pages : tuple of tifffile.TiffPage or TiffFrame
        In C order of the leading axes of `shape`.
    shape : tuple of int
        Of the series: leading axes, then those of a page.
    page_axes : str
        One of `LAZY_PAGES`.
    """

    path: Path
    pages: tuple[Any, ...]
    shape: tuple[int, ...]
    page_axes: str
    dtype: np.dtype[Any]
    _cache: OrderedDict[tuple[int, int], Segment] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, box: Box) -> NDArray[Any]:
        """Read the px of one box."""
        lead = len(self.shape) - len(self.page_axes)
        result = np.empty(shape_of(box), dtype=self.dtype)
        planes = result.reshape(-1, *result.shape[lead:])
        numbers = np.arange(len(self.pages)).reshape(self.shape[:lead])[box[:lead]].reshape(-1)
        for plane, number in zip(planes, numbers, strict=True):
            self._read_page(int(number), box[lead:], plane)
        return result

    def _read_page(self, number: int, box: Box, out: NDArray[Any]) -> None:
        """Fill `out` (of `page_axes`) with the box of one page."""
        parts = dict(zip(self.page_axes, box, strict=True))
        first_last = self.page_axes.startswith("S")
        target = (
            out.reshape(*out.shape, 1) if self.page_axes == "YX" else out
        )  # (y, x, sample) or (sample, y, x)
        samples, window = parts.get("S", slice(0, 1)), (parts["Y"], parts["X"])
        for index in self._segments(number, *window, samples if first_last else slice(0, 1)):
            segment = self._segment(number, index)
            sample, *corner = segment.origin
            place = box_at(corner, segment.values.shape[:2])
            common = intersection(place, window)
            if common is None:
                continue
            values, there = segment.values[within(common, place)], within(common, window)
            if first_last:
                target[(sample - samples.start, *there)] = values[..., 0]
            else:
                target[there] = values[..., samples]

    def _segments(self, number: int, rows: slice, columns: slice, samples: slice) -> list[int]:
        """The numbers of a page's strips or tiles that contain px of the window."""
        page = self.pages[number].keyframe
        height, width = page.imagelength, page.imagewidth
        down, across = (
            (page.tilelength, page.tilewidth)
            if page.is_tiled
            else (min(page.rowsperstrip, height), width)
        )
        ny, nx = math.ceil(height / down), math.ceil(width / across)
        ys, xs = (
            range(rows.start // down, -(-rows.stop // down)),
            range(columns.start // across, -(-columns.stop // across)),
        )
        return [
            (s * ny + y) * nx + x
            for s in range(samples.start, samples.stop)
            for y in ys
            for x in xs
        ]

    def _segment(self, number: int, index: int) -> Segment:
        with self._lock:
            found = self._cache.get((number, index))
            if found is not None:
                self._cache.move_to_end((number, index))
                return found
        decoded = self._decode(number, index)
        with self._lock:
            self._cache[number, index] = decoded
            while (
                len(self._cache) > 1
                and sum(s.values.nbytes for s in self._cache.values()) > CACHE_BYTES
            ):
                self._cache.popitem(last=False)
        return decoded

    def _decode(self, number: int, index: int) -> Segment:
        frame = self.pages[number]
        page = frame.keyframe
        with self.path.open("rb") as file:
            file.seek(frame.dataoffsets[index])
            data = file.read(frame.databytecounts[index])
        values, place, shape = page.decode(data or None, index, jpegtables=page.jpegtables)
        if values is None:  # a sparse tile
            values = np.full(shape, page.nodata, dtype=self.dtype)
        sample, _, y, x, _ = place
        return Segment(
            (sample, y, x),
            np.asarray(values)[0][: shape[1], : shape[2]].astype(self.dtype, copy=False),
        )


def open_tiff(path: Path) -> Stored:
    """Open the first image of a file; px are read later.

    Raises
    ------
    InputError
        The compression needs a codec that is not installed.
    ValueError and others of tifffile
        The file is damaged.
    """
    import tifffile

    with _logged() as complaints, tifffile.TiffFile(path) as file:
        series, pages = file.series[0], len(file.pages)
        broken = [
            line
            for line in complaints
            if "page" in line and ("offset" in line or "circular" in line)
        ]
        if broken:
            raise ValueError(f"the chain of pages breaks after {pages}: {broken[0]}")
        count = (
            len(file.series) if file.is_ome else 1
        )  # other formats store thumbnails and slide labels as separate images
        notes = [f"{path} holds {count} images: the first was used"] if count > 1 else []
        reader = _open_series(path, file, series)
        notes += [f"{path}: {line}" for line in complaints[:3]]
        return Stored(reader, series.axes, _lengths(file), notes=tuple(notes))


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect tifffile's warnings: it reads on where it can, and may return less than the file."""
    logger, lines = logging.getLogger("tifffile"), []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    propagate, logger.propagate = logger.propagate, False
    logger.setLevel(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        logger.setLevel(logging.CRITICAL)  # damage found later raises its own error


def _lengths(file: Any) -> dict[str, Length]:
    """The px size from OME-XML, ImageJ or the resolution tags."""
    if file.is_ome:
        return ome_lengths(file.ome_metadata or "")
    tags = {name: file.pages.first.tags.get(f"{name}Resolution") for name in "XY"}
    per_unit = {
        name: tag.value[0] / tag.value[1]
        for name, tag in tags.items()
        if tag is not None and tag.value[1]
    }
    if file.is_imagej:
        return imagej_lengths(file.imagej_metadata or {}, per_unit)
    unit = file.pages.first.tags.get("ResolutionUnit")
    return tag_lengths(per_unit, 2 if unit is None else int(unit.value))


def _open_series(path: Path, file: Any, series: Any) -> Reader:
    """The reader of a tifffile series: mapped, by segments, or as a last resort in memory."""
    from tifffile import TIFF

    page = series.keyframe
    try:
        _ = TIFF.DECOMPRESSORS[page.compression]
    except KeyError as error:
        raise InputError(
            f"compressed image ({path}): expected a codec for {page.compression.name}, got none. "
            "Install them: pip install imagecodecs."
        ) from error
    size, dtype, pages = (
        path.stat().st_size,
        np.dtype(series.dtype).newbyteorder("="),
        tuple(series.pages),
    )
    missing = sum(frame is None for frame in pages)
    if missing:
        raise ValueError(f"{missing} of {len(pages)} planes are missing")
    if any(frame.parent is not file for frame in pages):  # an image in several files
        return ArrayReader(series.asarray())
    if series.dataoffset is not None:
        stored = np.dtype(series.dtype).newbyteorder(page.parent.byteorder)
        mapped = FileArray(path, series.dataoffset, tuple(series.shape), stored)
        if mapped.end > size:
            raise ValueError(f"{size} bytes instead of {mapped.end}: the file is truncated")
        return mapped
    lead = len(series.shape) - len(page.shape)
    whole_pages = tuple(series.shape[lead:]) == tuple(page.shape) and math.prod(
        series.shape[:lead]
    ) == len(pages)
    if page.axes not in LAZY_PAGES or not whole_pages or page.is_subsampled:
        return ArrayReader(series.asarray())
    for keyframe in {id(frame.keyframe): frame.keyframe for frame in pages}.values():
        _ = keyframe.decode  # made from the open file, and kept
    for number, frame in enumerate(pages):
        end = max(map(sum, zip(frame.dataoffsets, frame.databytecounts, strict=True)))
        if end > size:
            raise ValueError(f"page {number} ends at byte {end} of {size}: the file is truncated")
    return SegmentedTiff(path, pages, tuple(series.shape), page.axes, dtype)
