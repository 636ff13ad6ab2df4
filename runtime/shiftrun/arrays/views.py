"""Readers that show another reader transposed, framed, cropped or unstacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, box_at, intersection, placed, shape_of, within
from shiftrun.arrays.readers import Reader


@dataclass(frozen=True, slots=True)
class Arranged:
    """A reader with its axes arranged as (C, *space): the others are cut at one index.

    Attributes
    ----------
    source : Reader
    order : tuple of int
        The source's axis for each axis of the result; -1 for a missing channel axis.
    fixed : tuple of (axis, index)
        Where to cut the other axes of the source; 0 by default.
    """

    source: Reader
    order: tuple[int, ...]
    fixed: tuple[tuple[int, int], ...] = ()

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
        cuts = wanted | {axis: slice(index, index + 1) for axis, index in self.fixed}
        values = self.source.read(
            tuple(cuts.get(axis, slice(0, 1)) for axis in range(len(self.source.shape)))
        )
        kept = sorted(wanted)
        values = values.reshape([values.shape[axis] for axis in kept])
        values = values.transpose([kept.index(axis) for axis in self.order if axis >= 0])
        return values if -1 not in self.order else np.expand_dims(values, self.order.index(-1))


@dataclass(frozen=True, slots=True)
class Framed:
    """A reader placed in a larger array of zeros, with its first element at `origin`."""

    source: Reader
    shape: tuple[int, ...]
    origin: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box."""
        result = np.zeros(shape_of(box), dtype=self.dtype)
        place = box_at(self.origin, self.source.shape)
        common = intersection(box, place)
        if common is not None:
            result[within(common, box)] = self.source.read(within(common, place))
        return result


@dataclass(frozen=True, slots=True)
class Cropped:
    """The part of a reader inside a box."""

    source: Reader
    box: Box

    @property
    def shape(self) -> tuple[int, ...]:
        """Size per axis."""
        return shape_of(self.box)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        """The elements of one box, counted from the start of the part."""
        return self.source.read(placed(box, self.box))


@dataclass(frozen=True, slots=True)
class Unstacked:
    """Consecutive images (N, *space), shown as (*series, *space)."""

    source: Reader
    series: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.series, *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        lead = len(self.series)
        result = np.empty(shape_of(box), dtype=self.dtype)
        numbers = np.arange(self.source.shape[0]).reshape(self.series)[box[:lead]]
        for place, number in np.ndenumerate(numbers):
            result[place] = self.source.read((slice(int(number), int(number) + 1), *box[lead:]))[0]
        return result
