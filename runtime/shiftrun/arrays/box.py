"""Boxes: the px read or written at a time, a half-open slice [start, stop) for each axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Box = tuple[slice, ...]


def everything(shape: Sequence[int]) -> Box:
    """The box of a whole array."""
    return tuple(slice(0, size) for size in shape)


def box_at(corner: Sequence[int], shape: Sequence[int]) -> Box:
    """The box of this shape whose first px is `corner`."""
    return tuple(slice(start, start + size) for start, size in zip(corner, shape, strict=True))


def shape_of(box: Box) -> tuple[int, ...]:
    """Px along every axis."""
    return tuple(part.stop - part.start for part in box)


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box that contains all boxes."""
    return tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )


def intersection(a: Box, b: Box) -> Box | None:
    """The intersection of two boxes, or None."""
    parts = tuple(
        slice(max(x.start, y.start), min(x.stop, y.stop)) for x, y in zip(a, b, strict=True)
    )
    return parts if all(part.start < part.stop for part in parts) else None


def within(box: Box, outer: Box) -> Box:
    """The same box, counted from the start of `outer`."""
    return tuple(
        slice(part.start - out.start, part.stop - out.start)
        for part, out in zip(box, outer, strict=True)
    )


def placed(box: Box, outer: Box) -> Box:
    """The box at `box` inside `outer`: the inverse of `within`."""
    return tuple(
        slice(part.start + out.start, part.stop + out.start)
        for part, out in zip(box, outer, strict=True)
    )


def bands(shape: tuple[int, ...], most_px: int) -> Iterator[Box]:
    """Boxes of at most `most_px` that cover the array in C order."""
    if not shape or math.prod(shape) <= most_px:
        yield everything(shape)
        return
    rows = max(1, most_px // math.prod(shape[1:]))
    for start in range(0, shape[0], rows):
        band = slice(start, min(start + rows, shape[0]))
        yield from ((band, *rest) for rest in bands(shape[1:], most_px))
