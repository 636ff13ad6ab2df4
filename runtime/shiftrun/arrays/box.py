"""Boxes: the px that are read or written at a time, a half-open slice [start, stop) for each axis."""

from __future__ import annotations

Box = tuple[slice, ...]


def everything(shape: tuple[int, ...]) -> Box:
    """The box of a whole array."""
    return tuple(slice(0, size) for size in shape)


def hull(boxes: list[Box]) -> Box:
    """The smallest box that holds all."""
    return tuple(slice(min(part.start for part in parts), max(part.stop for part in parts)) for parts in zip(*boxes, strict=True))


def intersection(a: Box, b: Box) -> Box | None:
    """The common box of two, None where they have none."""
    parts = tuple(slice(max(x.start, y.start), min(x.stop, y.stop)) for x, y in zip(a, b, strict=True))
    return parts if all(part.start < part.stop for part in parts) else None


def within(box: Box, outer: Box) -> Box:
    """The same box, counted from the start of `outer`."""
    return tuple(slice(part.start - out.start, part.stop - out.start) for part, out in zip(box, outer, strict=True))
