"""Arrays that are read and written by boxes, so that an image never has to be in memory as a whole.

A box is a slice per axis, with start and stop inside the array.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]

MAPPED_BYTES = 1 << 23  # of a file at a time: pages that are looked at stay until the mapping is closed
BAND_BYTES = 1 << 25  # of an image read from end to end: 32 MB at a time


class Reader(Protocol):
    """What can be read by boxes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element, in the byte order of the machine."""
        ...

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box, as an array of its own or a view that must not be changed."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryArray:
    """An array in memory."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.array.dtype.newbyteorder("=")

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        return self.array[box].astype(self.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class FileArray:
    """An array that lies in one piece in a file.

    It is mapped for the length of one access only: pages of a mapping that stays open count as memory of the process.

    Attributes
    ----------
    path : Path
    offset : int
        Of the first byte.
    shape : tuple of int
    stored : numpy dtype
        With the byte order of the file.
    order : {"C", "F"}
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    order: str = "C"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.stored.newbyteorder("=")

    @property
    def end(self) -> int:
        """The size that the file must have at least, bytes."""
        return self.offset + math.prod(self.shape) * self.stored.itemsize

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        result = np.empty([part.stop - part.start for part in box], dtype=self.dtype)
        if self.order == "F" or not box:
            result[...] = self._mapped("r")[box]
            return result
        rows = max(1, MAPPED_BYTES // max(1, math.prod(self.shape[1:]) * self.stored.itemsize))
        for start in range(box[0].start, box[0].stop, rows):
            part = slice(start, min(start + rows, box[0].stop))
            result[part.start - box[0].start : part.stop - box[0].start] = self._mapped("r")[(part, *box[1:])]
        return result

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Replace the elements of one box."""
        self._mapped("r+")[box] = values

    def _mapped(self, mode: Any) -> NDArray[Any]:
        if math.prod(self.shape) == 0:
            return np.empty(self.shape, dtype=self.stored)
        order: Any = self.order
        return np.memmap(self.path, dtype=self.stored, mode=mode, offset=self.offset, shape=self.shape, order=order)


@dataclass(frozen=True, slots=True)
class Arranged:
    """A reader with its axes brought to (C, *space): axes of length 1 dropped, the others reordered.

    Attributes
    ----------
    source : Reader
    order : tuple of int
        The source's axis for each axis of the result; -1 for a channel axis that the source does not have.
    """

    source: Reader
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        return tuple(1 if axis < 0 else self.source.shape[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box (C, *space)."""
        wanted = {axis: part for axis, part in zip(self.order, box, strict=True) if axis >= 0}
        values = self.source.read(tuple(wanted.get(axis, slice(0, 1)) for axis in range(len(self.source.shape))))
        kept = sorted(wanted)
        values = values.reshape([values.shape[axis] for axis in kept])
        values = values.transpose([kept.index(axis) for axis in self.order if axis >= 0])
        return values if -1 not in self.order else np.expand_dims(values, self.order.index(-1))


@dataclass(frozen=True, slots=True)
class Framed:
    """A reader placed into a larger array of zeros, its first element at `origin`."""

    source: Reader
    shape: tuple[int, ...]
    origin: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        result = np.zeros([part.stop - part.start for part in box], dtype=self.dtype)
        inner, place = [], []
        for part, origin, size in zip(box, self.origin, self.source.shape, strict=True):
            start, stop = max(part.start, origin), min(part.stop, origin + size)
            if start >= stop:
                return result
            inner.append(slice(start - origin, stop - origin))
            place.append(slice(start - part.start, stop - part.start))
        result[tuple(place)] = self.source.read(tuple(inner))
        return result


def everything(shape: tuple[int, ...]) -> Box:
    """The box of a whole array."""
    return tuple(slice(0, size) for size in shape)


def bands(reader: Reader, band_bytes: int = BAND_BYTES) -> Iterator[NDArray[Any]]:
    """Read an array from end to end: flattened pieces that together are the array in C order."""
    yield from (values.reshape(-1) for values in _bands(reader, (), max(1, band_bytes // reader.dtype.itemsize)))


def _bands(reader: Reader, fixed: Box, most: int) -> Iterator[NDArray[Any]]:
    rest = reader.shape[len(fixed) :]
    if not rest or math.prod(rest) <= most:
        yield reader.read((*fixed, *everything(rest)))
        return
    inner = math.prod(rest[1:])
    rows = max(1, most // max(1, inner))
    for start in range(0, rest[0], rows):
        part = slice(start, min(start + rows, rest[0]))
        if inner <= most:
            yield reader.read((*fixed, part, *everything(rest[1:])))
        else:
            yield from _bands(reader, (*fixed, part), most)
