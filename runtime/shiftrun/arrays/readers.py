"""Arrays read and written by boxes: no image has to be in memory as a whole.

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

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box, bands, everything, shape_of

MAPPED_BYTES = 1 << 23  # of a file at a time: pages stay in memory until the mapping is closed
BAND_BYTES = 1 << 25  # of an image read from end to end: 32 MB at a time


class Reader(Protocol):
    """An array that can be read by boxes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element, in native byte order."""
        ...

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box, as a new array or a view that must not be changed."""
        ...


class Target(Protocol):
    """An array that can be written by boxes (C', *space): `FileArray` or `ArrayTarget`."""

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Put `values` into the box."""
        ...


@dataclass(frozen=True, slots=True)
class FileArray:
    """A contiguous array in a file.

    It is mapped only during an access: pages of an open mapping count as memory of the process.

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
        """The minimum size of the file, bytes."""
        return self.offset + math.prod(self.shape) * self.stored.itemsize

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        result = np.empty(shape_of(box), dtype=self.dtype)
        if self.order == "F" or not box:
            result[...] = self._mapped("r")[box]
            return result
        rows = max(1, MAPPED_BYTES // max(1, math.prod(self.shape[1:]) * self.stored.itemsize))
        for start in range(box[0].start, box[0].stop, rows):
            part = slice(start, min(start + rows, box[0].stop))
            result[part.start - box[0].start : part.stop - box[0].start] = self._mapped("r")[
                (part, *box[1:])
            ]
        return result

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Replace the elements of one box of an array in C order.

        Uses ordinary writes: a full disk raises OSError, while writing to a mapping would end the
        process.
        """
        if self.order != "C":
            raise ValueError(f"cannot write in order {self.order}")
        whole = len(box)  # the axes from here on are covered: their elements are contiguous
        while whole and box[whole - 1] == slice(0, self.shape[whole - 1]):
            whole -= 1
        lead = max(0, whole - 1)
        pieces = np.broadcast_to(values, shape_of(box)).astype(self.stored, copy=False)
        item_bytes = [
            self.stored.itemsize * math.prod(self.shape[axis + 1 :]) for axis in range(len(box))
        ]
        first = self.offset + sum(
            part.start * size for part, size in zip(box[lead:], item_bytes[lead:], strict=True)
        )
        with self.path.open("r+b") as file:
            for index in np.ndindex(pieces.shape[:lead]):
                place = zip(index, box[:lead], item_bytes[:lead], strict=True)
                file.seek(first + sum((number + part.start) * size for number, part, size in place))
                file.write(np.ascontiguousarray(pieces[index]).tobytes())

    def _mapped(self, mode: Any) -> NDArray[Any]:
        if math.prod(self.shape) == 0:
            return np.empty(self.shape, dtype=self.stored)
        order: Any = self.order
        return np.memmap(
            self.path,
            dtype=self.stored,
            mode=mode,
            offset=self.offset,
            shape=self.shape,
            order=order,
        )


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """An array of numpy, zarr, h5py, dask or the like; a box is loaded when it is read."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        stored: np.dtype[Any] = np.dtype(self.array.dtype)
        return stored.newbyteorder("=")

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        return np.asarray(self.array[box]).astype(self.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class ArrayTarget:
    """A numpy or Zarr array that is filled by boxes."""

    array: Any

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Put `values` into the box."""
        self.array[box] = values


def as_reader(image: Any) -> Reader:
    """A reader of an array of numpy, zarr or the like; returns a reader unchanged.

    Raises
    ------
    InputError
        It is neither an array nor a reader.
    """
    if callable(getattr(image, "read", None)) and hasattr(image, "shape"):
        return image  # type: ignore[no-any-return]
    if all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__")):
        return ArrayReader(image)
    raise InputError(
        "not an array (image): expected a numpy or zarr array, or a Reader, got "
        f"{type(image).__name__}."
    )


def check_out(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Refuse an array that is not of the result's `shape`; InputError."""
    if tuple(array.shape) != shape:
        raise InputError(
            f"wrong size (out, {name}): expected an array of shape {shape}, got "
            f"{tuple(array.shape)}."
        )


def into_array(reader: Reader, out: Any = None) -> Any:
    """Read everything into a new array, or band by band into `out`, a numpy or Zarr array."""
    if out is None:
        return reader.read(everything(reader.shape))
    check_out("labels", out, reader.shape)
    for box in bands(reader.shape, max(1, BAND_BYTES // reader.dtype.itemsize)):
        out[box] = reader.read(box)
    return out


def read_bands(reader: Reader, band_bytes: int = BAND_BYTES) -> Iterator[NDArray[Any]]:
    """Read an array from end to end, as flattened pieces in C order."""
    yield from (
        reader.read(box).reshape(-1)
        for box in bands(reader.shape, max(1, band_bytes // reader.dtype.itemsize))
    )
